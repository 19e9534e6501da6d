// `sipreg register --watch` and what happens to it: a nonce that ages, a password that changes, a connection that breaks,
// other commands, a reader that goes away, a kill.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { accountOf } from './account-json.ts';
import { runSipreg } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio } from './kamailio.ts';
import { responseTo, startStreamServer } from './plain-server.ts';
import { endOf, openKamailio, openScene } from './watch-scene.ts';

describe.skipIf(!isInstalled('kamailio'))(`at kamailio${missingPrograms('kamailio')}`, () => {
  const outcomesAt = async (kamailio: Kamailio) =>
    (await kamailio.authentications()).map(({ outcome }) => outcome);

  it.concurrent('R195 R289 a nonce that has aged costs one more REGISTER, and no failure', async ({
    onTestFinished,
  }) => {
    const { accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished, { nonceSeconds: 1 });
    const outcomes = () => outcomesAt(kamailio);
    const command = await watch(await accountsFile(kamailio.port), '--expires', '10');
    await expect
      .poll(outcomes, { timeout: 10_000 })
      .toEqual(['no-credentials', 'accepted', 'stale-nonce', 'accepted']);
    expect(await endOf(command)).toMatchObject({ code: 0, stderr: '' });
    expect(await kamailio.bindings('alice')).toEqual([]);
  });

  it.concurrent('a password that changed in its file and at the registrar is read again before a rejection counts', async ({
    onTestFinished,
  }) => {
    const { home, accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const outcomes = () => outcomesAt(kamailio);
    const secret = await home.write('a.secret', 'first\n');
    const config = await accountsFile(kamailio.port, { password: { file: 'a.secret' } });
    const command = await watch(config, '--expires', '10');
    await kamailio.setPassword('alice', 'second');
    await writeFile(secret, 'second\n');
    await expect
      .poll(async () => (await outcomes()).slice(2).includes('accepted'), { timeout: 10_000 })
      .toBe(true);
    expect((await outcomes()).slice(2).filter((outcome) => outcome === 'wrong-password').length).toBeLessThan(
      3,
    );
    expect(await endOf(command)).toMatchObject({ code: 0, stderr: '' });
  });

  it.concurrent('R110 other commands: register waits for it and gives up, bindings needs no lock', async ({
    onTestFinished,
  }) => {
    const { home, accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const config = await accountsFile(kamailio.port);
    const command = await watch(config);
    const listed = await runSipreg(['--json', '-c', config, 'bindings', 'a'], { home });
    expect(listed.code).toBe(0);
    expect(accountOf(listed).bindings).toMatchObject([{ own: true }]);
    const before = (await kamailio.requests()).length;
    const second = await runSipreg(['--json', '-c', config, 'register', 'a', '--timeout', '1'], { home });
    expect(second.code).toBe(75);
    expect(accountOf(second).failure).toMatchObject({ code: 'register.busy', status: null });
    expect(accountOf(second).failure?.cause).toContain(String(command.pid));
    expect(await kamailio.requests()).toHaveLength(before);
    expect((await endOf(command)).code).toBe(0);
  });

  it.concurrent('R477 R483 killed, it leaves one binding, which the next run takes over with a higher CSeq', async ({
    onTestFinished,
  }) => {
    const { home, accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const config = await accountsFile(kamailio.port);
    const command = await watch(config);
    const [left] = await kamailio.bindings('alice');
    command.kill('SIGKILL');
    await command.result;
    const next = accountOf(await runSipreg(['--json', '-c', config, 'register', 'a'], { home }));
    expect(next.state).toBe('registered');
    expect(next.callId).toBe(left?.callId);
    expect(next.cseq).toBeGreaterThan(left?.cseq ?? 0);
    expect(await kamailio.bindings('alice')).toMatchObject([{ contact: left?.contact, cseq: next.cseq }]);
  });

  it.concurrent('ends and takes its binding along when nobody reads any more', async ({ onTestFinished }) => {
    const { home, accountsFile } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const config = await accountsFile(kamailio.port);
    const words = ['-c', config, 'register', '--watch', 'a', '--expires', '10'];
    const command = [process.execPath, join(projectRoot, 'bin/sipreg.js'), ...words];
    const line = `set -o pipefail; ${command.map((word) => `'${word}'`).join(' ')} | head -1`;
    const shell = spawn('/bin/bash', ['-c', line], { env: { ...process.env, ...home.environment } });
    const [code] = await once(shell, 'close');
    expect(code).toBe(0);
    expect(await kamailio.bindings('alice')).toEqual([]);
  });
});

describe('a connection that breaks', () => {
  it.concurrent('R176 R449 is made again at once, and registers anew', async ({ onTestFinished }) => {
    const { accountsFile, watch } = await openScene(onTestFinished);
    const server = await startStreamServer((request) =>
      responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`),
    );
    try {
      const command = await watch(await accountsFile(server.port, { transport: 'tcp' }), '--json');
      expect(server.requests).toHaveLength(1);
      server.disconnect();
      await expect.poll(() => server.requests.length, { timeout: 10_000 }).toBeGreaterThan(1);
      const [first = '', second = ''] = server.requests;
      expect(fieldValues(second, 'Call-ID')).toEqual(fieldValues(first, 'Call-ID'));
      expect(fieldValues(second, 'Contact')[0]).toMatch(/;expires=3600$/);
      await command.waitFor('stdout', /"state":"registered"[\s\S]*"state":"registered"/);
      expect((await endOf(command)).code).toBe(0);
      const states = command
        .stdout()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ type }) => type === 'state')
        .map(({ state }) => state);
      expect(states).toEqual([
        'registering',
        'registered',
        'refreshing',
        'registered',
        'unregistering',
        'unregistered',
      ]);
    } finally {
      await server.stop();
    }
  });
});

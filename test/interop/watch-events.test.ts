// `sipreg register --watch` and what happens to it: a nonce that ages, a password that changes, a connection that breaks,
// other commands, a reader that goes away, a kill.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { accountOf } from './account-json.ts';
import { type Home, type RunningCommand, runSipreg, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { responseTo, startStreamServer } from './plain-server.ts';

let home: Home;
let running: RunningCommand | undefined;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(async () => {
  running?.kill('SIGKILL');
  await running?.result;
  await home.remove();
});

function accountsFile(port: number, entry: object = {}): Promise<string> {
  const account = { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${port}`, password: 'first' };
  return home.write('accounts.json', { accounts: { a: { ...account, ...entry } } });
}

async function watch(config: string, ...options: readonly string[]): Promise<RunningCommand> {
  running = startSipreg(['-c', config, 'register', '--watch', 'a', ...options], { home });
  await running.waitFor('stdout', /registered for|"state":"registered"/);
  return running;
}

/** Ends it and says how. */
async function end(command: RunningCommand) {
  command.kill('SIGTERM');
  return await command.result;
}

describe.skipIf(!isInstalled('kamailio'))(`at kamailio${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;

  afterEach(() => kamailio?.stop());

  const outcomes = async () => (await kamailio.authentications()).map(({ outcome }) => outcome);

  it('R195 R289 a nonce that has aged costs one more REGISTER, and no failure', async () => {
    kamailio = await startKamailio({ users: { alice: 'first' }, minExpires: 1, nonceSeconds: 1 });
    const command = await watch(await accountsFile(kamailio.port), '--expires', '10');
    await expect
      .poll(outcomes, { timeout: 10_000 })
      .toEqual(['no-credentials', 'accepted', 'stale-nonce', 'accepted']);
    expect(await end(command)).toMatchObject({ code: 0, stderr: '' });
    expect(await kamailio.bindings('alice')).toEqual([]);
  });

  it('a password that changed in its file and at the registrar is read again before a rejection counts', async () => {
    kamailio = await startKamailio({ users: { alice: 'first' }, minExpires: 1 });
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
    expect(await end(command)).toMatchObject({ code: 0, stderr: '' });
  });

  it('R110 other commands: register waits for it and gives up, bindings needs no lock', async () => {
    kamailio = await startKamailio({ users: { alice: 'first' } });
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
    expect((await end(command)).code).toBe(0);
  });

  it('R477 R483 killed, it leaves one binding, which the next run takes over with a higher CSeq', async () => {
    kamailio = await startKamailio({ users: { alice: 'first' } });
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

  it('ends and takes its binding along when nobody reads any more', async () => {
    kamailio = await startKamailio({ users: { alice: 'first' }, minExpires: 1 });
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
  it('R176 R449 is made again at once, and registers anew', async () => {
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
      expect((await end(command)).code).toBe(0);
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

// The agent's life as a service manager and an operator see it: signals, reloads, the log of programs and of journald,
// and a state directory that is none.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { expectAccount } from './account-json.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { type Home, runSipreg, startSipreg, temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';
import { responseTo, startUdpServer } from './plain-server.ts';

type AtTheEnd = (end: () => Promise<void>) => void;

async function openStage(
  end: AtTheEnd,
): Promise<{ readonly home: Home; readonly registrar: RunningRegistrar }> {
  const home = await temporaryHome();
  const registrar = await startRegistrar({ users: { alice: 'secret', bob: 'secret' } });
  end(async () => {
    await home.remove();
    await registrar.close();
  });
  return { home, registrar };
}

function entry(port: number, user: string, more: object = {}) {
  const registrar = `sip:127.0.0.1:${port}`;
  return { aor: `sip:${user}@127.0.0.1`, registrar, transport: 'udp', password: 'secret', ...more };
}

describe.concurrent('the life of an agent', () => {
  it('can be ended and reloaded while it is still reading secrets', async ({ onTestFinished: end }) => {
    const { home, registrar } = await openStage(end);
    const slow = { command: ['sh', '-c', 'sleep 1; echo secret'] };
    const config = await home.write('accounts.json', {
      accounts: { a: entry(registrar.ports.udp, 'alice', { password: slow }) },
    });
    const scene = agentScene(home, config);
    const agent = await scene.start();
    agent.kill('SIGHUP');
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0, signal: null });
    expect(registrar.bindings('alice')).toEqual([]);
  });

  it('reloads on SIGHUP and by command, and keeps what it has when the file is wrong', async ({
    onTestFinished: end,
  }) => {
    const { home, registrar } = await openStage(end);
    const { udp } = registrar.ports;
    const a = entry(udp, 'alice');
    const config = await home.write('accounts.json', { accounts: { a } });
    const scene = agentScene(home, config);
    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');

    await home.write('accounts.json', { accounts: { a, b: entry(udp, 'bob') } });
    agent.kill('SIGHUP');
    await untilState(scene, 'b', 'registered');
    await agent.waitFor('stderr', /added b; 1 unchanged/);

    await home.write('accounts.json', { accounts: { a, b: entry(udp, 'bob', { expire: 60 }) } });
    const refused = await scene.sipreg('reload');
    expect(refused.code).toBe(78);
    expect(refused.stderr).toMatch(/accounts\.json:\d+:\d+.*expire/);
    expect(refused.stderr).toMatch(/nothing was changed/);
    await agent.waitFor('stderr', /accounts\.json:\d+:\d+.*expire/);
    const status = JSON.parse((await scene.sipreg('--json', 'status')).stdout);
    expect(status.agent).toMatchObject({ registered: 2, enabled: 2, lastReload: { ok: false } });
    for (const account of status.accounts) expectAccount(account);

    await home.write('accounts.json', { accounts: { b: entry(udp, 'bob') } });
    const reloaded = await scene.sipreg('reload');
    expect(reloaded).toMatchObject({ code: 0, stdout: expect.stringMatching(/removed a; 1 unchanged/) });
    expect(registrar.bindings('alice')).toEqual([]);
    expect(registrar.bindings('bob')).toHaveLength(1);
    expect(agent.stderr()).not.toContain('secret');
  });

  it('leaves the bindings with --keep-bindings', async ({ onTestFinished: end }) => {
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: { a: entry(registrar.ports.udp, 'alice') },
    });
    const scene = agentScene(home, config);
    const agent = await scene.start('--keep-bindings');
    await untilState(scene, 'a', 'registered');
    agent.kill('SIGINT');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('ends at once at a second signal, and names the binding that stays', async ({ onTestFinished: end }) => {
    let isSilent = false;
    const registrar = await startUdpServer((request) =>
      isSilent || !request.startsWith('REGISTER')
        ? null
        : responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`),
    );
    const home = await temporaryHome();
    end(async () => {
      await home.remove();
      await registrar.stop();
    });
    const config = await home.write('accounts.json', { accounts: { a: entry(registrar.port, 'alice') } });
    const scene = agentScene(home, config);
    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');
    isSilent = true;
    agent.kill('SIGTERM');
    await agent.waitFor('stderr', /agent\.stopping/);
    agent.kill('SIGTERM');
    const endedAt = performance.now();
    const result = await agent.result;
    expect(result.code).toBe(143);
    expect(performance.now() - endedAt).toBeLessThan(1_000);
    expect(result.stderr).toMatch(/a: its binding could not be removed/);
  });

  it('runs on without a state directory, and says so where an operator looks', async ({
    onTestFinished: end,
  }) => {
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: { a: entry(registrar.ports.udp, 'alice') },
    });
    await writeFile(join(home.folder, 'state'), 'no directory');
    const scene = agentScene(home, config);
    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');
    const status = JSON.parse((await scene.sipreg('--json', 'status')).stdout);
    expect(status.agent.problems).toContainEqual(expect.stringMatching(/state\.json.*new Call-IDs/));
    await agent.waitFor('stderr', /state\.unwritable/);
    expect((await scene.sipreg('status')).stdout).toContain(status.agent.problems[0].slice(0, 30));
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(registrar.bindings('alice')).toEqual([]);
  });

  it('runs on without the socket that would be in a state directory which cannot be made, and says so', async ({
    onTestFinished: end,
    skip,
  }) => {
    if (existsSync(`/run/user/${process.getuid?.()}`)) skip('the socket of a login is elsewhere');
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: { a: entry(registrar.ports.udp, 'alice') },
    });
    await writeFile(join(home.folder, 'state'), 'no directory');
    const environment = { XDG_RUNTIME_DIR: '' };
    const agent = startSipreg(['-c', config, 'run'], { home, environment });
    await agent.waitFor('stderr', /agent\.unreachable: .*sipreg\/agent\.sock cannot be made.*--socket/);
    await agent.waitFor('stderr', /a {2}registered/);
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(registrar.bindings('alice')).toEqual([]);

    // One that somebody has named is wanted.
    const named = ['-c', config, '--socket', join(home.folder, 'state/agent.sock'), 'run'];
    const refused = await runSipreg(named, { home, environment });
    expect(refused).toMatchObject({ code: 75, stderr: expect.stringContaining('cannot be made') });
  });

  it('says so when an account that it is to keep is disabled', async ({ onTestFinished: end }) => {
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: { a: entry(registrar.ports.udp, 'alice', { enabled: false }) },
    });
    const agent = await agentScene(home, config).start('a');
    expect(agent.stderr()).toMatch(/^warning: a is disabled/m);
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
  });

  it('writes nothing but one object a line with --json', async ({ onTestFinished: end }) => {
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: {
        a: entry(registrar.ports.udp, 'alice'),
        b: entry(registrar.ports.udp, 'bob', { password: 'wrong' }),
      },
    });
    const agent = startSipreg(['-c', config, '--json', 'run'], { home });
    await agent.waitFor('stdout', /"account":"a","state":"registered"/);
    await agent.waitFor('stdout', /"account":"b","state":"waiting"/);
    agent.kill('SIGTERM');
    const { code, stdout, stderr } = await agent.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) {
      expect(line).toMatchObject({ time: expect.stringMatching(/^\d{4}-.*Z$/), type: expect.any(String) });
    }
    const changes = lines.filter(({ type, account }) => type === 'state' && account === 'a');
    expect(changes.map(({ previous, state }) => `${previous} ${state}`)).toEqual([
      'unregistered registering',
      'registering registered',
      'registered unregistering',
      'unregistering unregistered',
    ]);
    expect(lines.find(({ type }) => type === 'failure')).toMatchObject({
      account: 'b',
      failure: { code: 'auth.rejected', status: 401 },
    });
    expect(stdout).not.toMatch(/secret|wrong/);
  });

  it('gives journald a priority for each line, and no time', async ({ onTestFinished: end }) => {
    const { home, registrar } = await openStage(end);
    const config = await home.write('accounts.json', {
      accounts: {
        a: entry(registrar.ports.udp, 'alice'),
        b: entry(registrar.ports.udp, 'bob', { password: 'wrong' }),
      },
    });
    const logFile = join(home.folder, 'journal');
    const log = await open(logFile, 'w');
    const { dev, ino } = await log.stat({ bigint: true });
    const agent = spawn(process.execPath, [join(projectRoot, 'bin/sipreg.js'), '-c', config, 'run'], {
      env: { PATH: process.env.PATH, ...home.environment, JOURNAL_STREAM: `${dev}:${ino}` },
      stdio: ['ignore', 'ignore', log.fd],
    });
    end(async () => {
      agent.kill('SIGKILL');
      await log.close();
    });
    const written = () => readFile(logFile, 'utf8');
    await untilMatches(written, /b {2}waiting/);
    await untilMatches(written, /a {2}registered/);
    const ended = once(agent, 'exit');
    agent.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const lines = (await written()).trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^<[3-7]>\S/);
    expect(lines.find((line) => line.includes('auth.rejected'))).toMatch(/^<3>b /);
    expect(lines.find((line) => /a {2}registered/.test(line))).toMatch(/^<6>/);
  });
});

async function untilMatches(written: () => Promise<string>, pattern: RegExp): Promise<void> {
  const deadline = performance.now() + 8_000;
  while (!pattern.test(await written())) {
    if (performance.now() > deadline) throw new Error(`${pattern} was not written:\n${await written()}`);
    await sleep(20);
  }
}

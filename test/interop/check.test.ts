// `sipreg check` as a monitoring system runs it, against a real Kamailio: with an agent, without one, with a registrar
// that is silent or has forgotten us, with a wrong password, and with an agent that hangs.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPlugin } from '../cli/check/perfdata-grammar.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, type RunningCommand, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';

const USERS = { alice: 'secret', bob: 'secret-b' };

let home: Home;
let kamailio: Kamailio;
let agent: RunningCommand | undefined;

beforeEach(async () => {
  home = await temporaryHome();
  kamailio = await startKamailio({ users: USERS });
});

afterEach(async () => {
  await home.remove();
  await kamailio.stop();
});

function accountOf(user: keyof typeof USERS, more: object = {}): object {
  const registrar = `sip:127.0.0.1:${kamailio.port}`;
  return { aor: `sip:${user}@127.0.0.1`, registrar, transport: 'udp', password: USERS[user], ...more };
}

async function sceneOf(accounts: object): Promise<AgentScene> {
  return agentScene(home, await home.write('accounts.json', { accounts }));
}

async function check(scene: AgentScene, ...args: readonly string[]) {
  const { code, stdout, stderr, ms } = await scene.sipreg('check', ...args);
  return { ...readPlugin(stdout), code, stdout, stderr, ms };
}

async function agentOf(scene: AgentScene, ...names: readonly string[]): Promise<void> {
  agent = await scene.start();
  for (const name of names) await untilState(scene, name, 'registered');
}

describe.skipIf(!isInstalled('kamailio'))(`check with kamailio${missingPrograms('kamailio')}`, () => {
  it('tells what the running agent knows, in one line with numbers', async () => {
    const scene = await sceneOf({ a: accountOf('alice'), off: accountOf('bob', { enabled: false }) });
    await agentOf(scene, 'a');
    const good = await check(scene, 'a', '-w', '5', '-c', '10');
    expect(good).toMatchObject({ code: 0, state: 'OK', lines: [] });
    expect(good.text).toContain(`registered at udp 127.0.0.1:${kamailio.port}`);
    expect(good.values.get('rtt')?.rest).toEqual(['5', '10', '0']);
    expect(good.values.get('expires')?.value).toBeGreaterThan(0);

    const before = (await kamailio.requests()).length;
    expect(await check(scene)).toMatchObject({ code: 0, state: 'OK' });
    expect(await check(scene, 'a', '-c', '0:0')).toMatchObject({ code: 2, state: 'CRITICAL' });
    expect(await check(scene, 'a', '-w', '0:0', '-c', '10')).toMatchObject({ code: 1, state: 'WARNING' });
    expect(await check(scene, 'a', '--expires-warn', '999999:')).toMatchObject({ code: 1 });
    expect(await check(scene, 'a', 'nobody')).toMatchObject({ code: 3, state: 'UNKNOWN' });
    expect(await check(scene, 'off')).toMatchObject({ code: 0 });
    // It asks nobody but the agent.
    expect(await kamailio.requests()).toHaveLength(before);
  });

  it('tells of a refresh that fails while the binding lasts, and of a registrar that is silent', async () => {
    const scene = await sceneOf({ a: accountOf('alice'), b: accountOf('bob', { password: 'wrong' }) });
    await agentOf(scene, 'a');
    await untilState(scene, 'b', 'waiting');
    const both = await check(scene);
    expect(both).toMatchObject({ code: 2, state: 'CRITICAL' });
    expect(both.text).toContain('1 of 2 registered; b not registered');
    expect(both.lines[0]).toMatch(/^CRITICAL: b not registered \(waiting\): auth\.rejected: /);
    expect(both.values.get('registered')).toMatchObject({ value: 1, rest: ['', '', '0', '2'] });

    await kamailio.stop();
    await scene.sipreg('refresh', 'a');
    const failing = await check(scene, 'a');
    expect(failing).toMatchObject({ code: 1, state: 'WARNING' });
    expect(failing.text).toMatch(/the refresh fails: connect\.refused: .*still bound for/);
  });

  it('without an agent asks the registrar, and changes nothing', async () => {
    const wrong = { password: 'wrong' };
    const scene = await sceneOf({ a: accountOf('alice'), b: accountOf('bob', wrong) });
    expect(await check(scene, 'a')).toMatchObject({ code: 2, state: 'CRITICAL' });
    const good = await check(scene, '--direct', 'a');
    expect(good).toMatchObject({ code: 0, state: 'OK' });
    expect(good.values.get('bindings')?.value).toBe(0);
    expect(good.values.get('rtt')?.unit).toBe('s');
    expect(await check(scene, '--direct', '--bound', 'a')).toMatchObject({ code: 2, state: 'CRITICAL' });
    const rejected = await check(scene, '--direct', 'b');
    expect(rejected).toMatchObject({ code: 2, state: 'CRITICAL' });
    expect(rejected.text).toContain('auth.rejected');
    expect(rejected.stdout).not.toContain('wrong');
    for (const { text } of await kamailio.requests()) expect(fieldValues(text, 'Contact')).toEqual([]);
    await expect(stat(join(home.folder, 'state'))).rejects.toThrow('ENOENT');

    expect((await scene.sipreg('register', 'a')).code).toBe(0);
    const bound = await check(scene, '--direct', '--bound', 'a');
    expect(bound).toMatchObject({ code: 0 });
    expect(bound.values.get('bindings')?.value).toBe(1);

    await kamailio.setSilent(true);
    const silent = await check(scene, '--direct', 'a', '-t', '3');
    expect(silent).toMatchObject({ code: 2, state: 'CRITICAL' });
    expect(silent.text).toContain('register.timeout');
    // The wait for SIP ends one second before -t.
    expect(silent.ms).toBeLessThan(3_000);
  });

  it('with --verify finds out that the registrar has forgotten us', async () => {
    const scene = await sceneOf({ a: accountOf('alice') });
    await agentOf(scene, 'a');
    const verified = await check(scene, '--verify', 'a');
    expect(verified).toMatchObject({ code: 0, state: 'OK' });
    expect(verified.values.get('bindings')?.value).toBe(1);
    await kamailio.forget('alice');
    expect(await check(scene, 'a')).toMatchObject({ code: 0 });
    const forgotten = await check(scene, '--verify', 'a');
    expect(forgotten).toMatchObject({ code: 2, state: 'CRITICAL' });
    expect(forgotten.text).toContain('the registrar does not have our contact');
  });

  it('does not know what an agent that hangs would say, and says so in time', async () => {
    const scene = await sceneOf({ a: accountOf('alice') });
    await agentOf(scene, 'a');
    agent?.kill('SIGSTOP');
    const hanging = await check(scene, 'a', '-t', '1');
    expect(hanging).toMatchObject({ code: 3, state: 'UNKNOWN' });
    expect(hanging.text).toMatch(/the agent at .* does not answer/);
    expect(hanging.ms).toBeLessThan(2_500);
    agent?.kill('SIGCONT');
    agent?.kill('SIGKILL');
    await agent?.result;
    expect(await check(scene, 'a')).toMatchObject({ code: 2, state: 'CRITICAL' });
  });

  it('writes a file for who collects it, by rename, and nothing else', async () => {
    const scene = await sceneOf({ a: accountOf('alice') });
    await agentOf(scene, 'a');
    const file = join(home.folder, 'sipreg.prom');
    await writeFile(file, 'old\n');
    const { ino } = await stat(file);
    const { code, stdout } = await scene.sipreg('check', '--format', 'prometheus', '--outfile', file);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(await readFile(file, 'utf8')).toContain('sipreg_check_registered{account="a"} 1\n');
    const found = await stat(file);
    expect(found.ino).not.toBe(ino);
    expect(found.mode & 0o777).toBe(0o644);
    for (const place of ['/dev/null', join(home.folder, 'none', 'x.prom')]) {
      expect(await check(scene, '--outfile', place)).toMatchObject({ code: 3, state: 'UNKNOWN' });
    }
    const json = await scene.sipreg('check', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ state: 'OK', accounts: [{ account: 'a' }] });
  });
});

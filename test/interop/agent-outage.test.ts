// An agent whose registrar goes and comes back, whose password is wrong, and that is killed: it tells the truth all
// along and comes back by itself.

import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';

const USERS = { alice: 'secret', bob: 'secret-b' };

let home: Home;
let kamailio: Kamailio;

beforeEach(async () => {
  home = await temporaryHome();
  kamailio = await startKamailio({ users: USERS });
});

afterEach(async () => {
  await home.remove();
  await kamailio.stop();
});

function accountAt(port: number, user: string, more: object = {}): object {
  return {
    aor: `sip:${user}@127.0.0.1`,
    registrar: `sip:127.0.0.1:${port}`,
    password: USERS[user as keyof typeof USERS],
    retry: { base: 1, max: 4 },
    ...more,
  };
}

async function sceneOf(accounts: object) {
  return agentScene(home, await home.write('accounts.json', { accounts }));
}

describe.skipIf(!isInstalled('kamailio'))(`an agent at kamailio${missingPrograms('kamailio')}`, () => {
  it('registers again after the registrar was gone, and tells the truth all along', async () => {
    const { port } = kamailio;
    const scene = await sceneOf({ a: accountAt(port, 'alice', { expires: 60 }), b: accountAt(port, 'bob') });
    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');
    await untilState(scene, 'b', 'registered');
    await kamailio.stop();

    const refreshed = await scene.sipreg('--json', 'refresh', 'a');
    expect(refreshed.code).toBe(69);
    const waiting = await untilState(scene, 'a', 'waiting');
    expect(waiting.failure).toMatchObject({ stage: 'connect', code: 'connect.refused' });
    expect(Date.parse(waiting.nextAttempt ?? '')).toBeGreaterThan(Date.now() - 1_000);
    expect((await scene.sipreg('status', '--exit-code')).code).toBe(1);

    kamailio = await startKamailio({ users: USERS, port });
    // behaviour.md §11: the wait is at most `max`, and the first one there wakes the other.
    await untilState(scene, 'a', 'registered', 10_000);
    expect(await kamailio.bindings('alice')).toHaveLength(1);
    expect((await scene.sipreg('status', 'a', '--exit-code')).code).toBe(0);

    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(await kamailio.bindings('alice')).toEqual([]);
  }, 60_000);

  it('tries a wrong password no more often than it may, and again at once when the file changes', async () => {
    const file = await home.write('password', 'wrong\n');
    const retry = { base: 1, max: 4, credentialAttempts: 1 };
    const scene = await sceneOf({
      a: accountAt(kamailio.port, 'alice', { password: { file }, retry }),
    });
    const agent = await scene.start();
    const blocked = await untilState(scene, 'a', 'blocked');
    expect(blocked.failure).toMatchObject({ code: 'auth.rejected', status: 401 });
    expect(await kamailio.requests('REGISTER')).toHaveLength(2);
    await writeFile(file, 'secret\n');
    await untilState(scene, 'a', 'registered');
    const outcomes = (await kamailio.authentications()).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'wrong-password')).toHaveLength(1);
    expect(agent.stderr() + agent.stdout()).not.toContain('secret\n');
  }, 60_000);

  it('keeps Call-ID and binding over kill -9, and its CSeq rises', async () => {
    const scene = await sceneOf({ a: accountAt(kamailio.port, 'alice') });
    for (let life = 0; life < 3; life++) {
      const agent = await scene.start();
      await untilState(scene, 'a', 'registered');
      agent.kill('SIGKILL');
      await agent.result;
    }
    const requests = (await kamailio.requests('REGISTER')).map(({ text }) => text);
    const callIds = requests.map((text) => fieldValues(text, 'Call-ID')[0]);
    expect(new Set(callIds).size).toBe(1);
    const numbers = requests.map((text) => Number.parseInt(fieldValues(text, 'CSeq')[0] ?? '', 10));
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(await kamailio.bindings('alice')).toHaveLength(1);
  }, 60_000);

  it('is asked by the one-shot commands for its accounts, and refuses a second agent and a watch', async () => {
    const scene = await sceneOf({ a: accountAt(kamailio.port, 'alice') });
    await scene.start();
    const { callId } = await untilState(scene, 'a', 'registered');
    const registered = await scene.sipreg('--json', 'register', 'a');
    expect(registered.code).toBe(0);
    expect(JSON.parse(registered.stdout).accounts[0]).toMatchObject({ state: 'registered', callId });
    expect(registered.stderr).toContain('belongs to the running agent');
    expect((await scene.sipreg('register', 'a', '--watch')).code).toBe(75);
    expect((await scene.sipreg('run')).code).toBe(75);

    expect((await scene.sipreg('unregister', 'a')).code).toBe(0);
    expect((await scene.account('a'))?.state).toBe('paused');
    expect(await kamailio.bindings('alice')).toEqual([]);
    expect((await scene.sipreg('resume', 'a')).code).toBe(0);
    expect(await kamailio.bindings('alice')).toHaveLength(1);
    const numbers = (await kamailio.requests('REGISTER')).map(({ text }) =>
      Number.parseInt(fieldValues(text, 'CSeq')[0] ?? '', 10),
    );
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
  }, 60_000);
});

// A wrong password and a registrar that counts (fail2ban): whatever starts sipreg again and again, a crash loop, kill -9 or cron,
// few REGISTERs with rejected credentials reach it (behaviour.md §10).

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInTerminal } from '../cli/terminal.ts';
import { accountOf } from './account-json.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

const USERS = ['cron', 'force', 'changed', 'probe', 'killed', 'crashed', 'watch', 'person'];

describe.skipIf(!isInstalled('kamailio'))(`a wrong password${missingPrograms('kamailio', 'script')}`, () => {
  let kamailio: Kamailio;
  let home: Home;

  beforeAll(async () => {
    kamailio = await startKamailio({ users: Object.fromEntries(USERS.map((user) => [user, 'right'])) });
  });
  afterAll(() => kamailio?.stop());
  beforeEach(async () => {
    home = await temporaryHome();
  });
  afterEach(() => home.remove());

  /** The account "a" of `user`, with that password. */
  async function sceneOf(user: string, password = 'wrong', rest: object = {}): Promise<AgentScene> {
    const registrar = `sip:127.0.0.1:${kamailio.port}`;
    const account = { aor: `sip:${user}@127.0.0.1`, registrar, password, transport: 'udp', ...rest };
    return agentScene(home, await home.write('accounts.json', { accounts: { a: account } }));
  }

  /** How many REGISTERs of `user` came, and how many of them were rejected for their credentials. */
  async function seenOf(user: string) {
    const requests = await kamailio.requests('REGISTER');
    const mine = requests.filter(({ text }) => text.includes(`sip:${user}@`));
    const withCredentials = mine.filter(({ text }) => /^Authorization:/m.test(text));
    return { registers: mine.length, tries: withCredentials.length };
  }

  const exitsOf = async (scene: AgentScene, times: number, ...args: readonly string[]) => {
    const exits: (number | null)[] = [];
    for (let run = 0; run < times; run++) exits.push((await scene.sipreg('register', 'a', ...args)).code);
    return exits;
  };

  /** The times of the record are put back, as if they had passed. */
  async function letTimePass(ms: number): Promise<void> {
    const path = join(home.folder, 'state/sipreg/state.json');
    const earlier = (text: string): string => new Date(Date.parse(text) - ms).toISOString();
    const state = await readFile(path, 'utf8');
    const passed = state.replace(
      /"(since|lastAt|nextAt)":"([^"]+)"/g,
      (_, key, at) => `"${key}":"${earlier(at)}"`,
    );
    expect(passed).not.toBe(state);
    await writeFile(path, passed);
  }

  /** The record is on disk a few milliseconds after the rejection. */
  async function untilNoted(count: number): Promise<void> {
    const path = join(home.folder, 'state/sipreg/state.json');
    await expect
      .poll(() => readFile(path, 'utf8'), { timeout: 10_000 })
      .toContain(`"rejected":{"count":${count},`);
  }

  it('in cron is rejected three times, and then nothing is sent', async () => {
    const scene = await sceneOf('cron');
    expect(await exitsOf(scene, 3)).toEqual([77, 77, 77]);
    expect(await seenOf('cron')).toEqual({ registers: 6, tries: 3 });
    expect(await exitsOf(scene, 2)).toEqual([77, 77]);
    const inWords = await scene.sipreg('register', 'a');
    expect(inWords.code).toBe(77);
    expect(inWords.stderr).toMatch(
      /rejected these credentials 3 times, last at .* not sent before .* not banned/,
    );
    expect(inWords.stderr).toMatch(/change the secret; "sipreg register a --force" sends these now/);
    const asJson = await scene.sipreg('--json', 'register', 'a');
    expect(asJson.code).toBe(77);
    expect(accountOf(asJson)).toMatchObject({
      state: 'unregistered',
      requests: 0,
      failure: { stage: 'auth', code: 'auth.rejected', cause: expect.stringContaining('3 times') },
    });
    expect(await seenOf('cron')).toEqual({ registers: 6, tries: 3 });
  });

  it('is sent again when somebody insists, and that counts too', async () => {
    const scene = await sceneOf('force', 'wrong', { retry: { credentialAttempts: 1 } });
    expect(await exitsOf(scene, 2)).toEqual([77, 77]);
    expect((await seenOf('force')).tries).toBe(1);
    expect(await exitsOf(scene, 1, '--force')).toEqual([77]);
    expect((await seenOf('force')).tries).toBe(2);
    expect((await scene.sipreg('register', 'a')).stderr).toContain('2 times');
    await kamailio.setPassword('force', 'wrong');
    expect(await exitsOf(scene, 1, '--force')).toEqual([0]);
    expect(await exitsOf(scene, 1)).toEqual([0]);
  });

  it('that is corrected is sent at once, and the rejections are forgotten', async () => {
    const retry = { credentialAttempts: 2 };
    expect(await exitsOf(await sceneOf('changed', 'wrong', { retry }), 3)).toEqual([77, 77, 77]);
    expect((await seenOf('changed')).tries).toBe(2);
    expect(await exitsOf(await sceneOf('changed', 'right', { retry }), 1)).toEqual([0]);
    // As wrong as before, but it counts anew.
    expect(await exitsOf(await sceneOf('changed', 'wrong', { retry }), 3)).toEqual([77, 77, 77]);
    expect((await seenOf('changed')).tries).toBe(5);
  });

  it('is probed once when that is due, or never', async () => {
    const retry = { credentialAttempts: 1 };
    const scene = await sceneOf('probe', 'wrong', { retry });
    expect(await exitsOf(scene, 1)).toEqual([77]);
    await letTimePass(6 * 3_600_000 - 60_000);
    expect(await exitsOf(scene, 1)).toEqual([77]);
    expect((await seenOf('probe')).tries).toBe(1);
    await letTimePass(60_000);
    const never = await sceneOf('probe', 'wrong', { retry: { ...retry, blockedProbe: 0 } });
    expect(await exitsOf(never, 1)).toEqual([77]);
    expect((await seenOf('probe')).tries).toBe(1);
    expect(await exitsOf(await sceneOf('probe', 'wrong', { retry }), 3)).toEqual([77, 77, 77]);
    expect((await seenOf('probe')).tries).toBe(2);
  });

  it('is not tried again by an agent that is killed and started again', async () => {
    const scene = await sceneOf('killed');
    for (let life = 0; life < 3; life++) {
      const agent = await scene.start();
      const account = await untilState(scene, 'a', 'waiting');
      expect(account.failure?.code).toBe('auth.rejected');
      if (life === 0) await untilNoted(1);
      else await agent.waitFor('stderr', /account\.left: it waits: .*credentials once/);
      agent.kill('SIGKILL');
      await agent.result;
    }
    expect(await seenOf('killed')).toEqual({ registers: 2, tries: 1 });
  });

  it('is tried by an agent as often as the crashes last, not as often as it is started', async () => {
    const scene = await sceneOf('crashed');
    const states: (string | undefined)[] = [];
    for (let life = 0; life < 5; life++) {
      const agent = await scene.start();
      await untilNoted(Math.min(life + 1, 3));
      states.push((await scene.account('a'))?.state);
      agent.kill('SIGKILL');
      await agent.result;
      // Longer than the second gap may be.
      await letTimePass(23 * 60_000);
    }
    expect(states).toEqual(['waiting', 'waiting', 'blocked', 'blocked', 'blocked']);
    expect((await seenOf('crashed')).tries).toBe(3);
  });

  it('of cron is not tried by an agent, nor by --watch, check, bindings, unregister or doctor', async () => {
    const scene = await sceneOf('watch', 'wrong', { retry: { credentialAttempts: 1 } });
    expect(await exitsOf(scene, 1)).toEqual([77]);
    expect(await seenOf('watch')).toEqual({ registers: 2, tries: 1 });
    const check = await scene.sipreg('check', 'a', '--direct');
    expect(check.stdout).toMatch(
      /^SIPREG CRITICAL: a auth\.rejected: .*credentials once, last at .*not banned/,
    );
    expect(check.code).toBe(2);
    for (const command of [['bindings'], ['unregister'], ['unregister', '--all-bindings']]) {
      const { code, stderr } = await scene.sipreg(...command, 'a');
      expect(stderr).toMatch(/credentials once, last at .* they are not sent, so .* not banned/);
      expect(code).toBe(77);
    }
    expect(await seenOf('watch')).toEqual({ registers: 2, tries: 1 });

    const agent = await scene.start();
    await untilState(scene, 'a', 'blocked');
    agent.kill('SIGTERM');
    await agent.result;
    expect(await seenOf('watch')).toEqual({ registers: 2, tries: 1 });

    const watching = startSipreg(['-c', `${home.folder}/accounts.json`, 'register', '--watch', 'a'], {
      home,
    });
    await watching.waitFor('stderr', /a: it is blocked since .* "sipreg register --watch --force a"/);
    watching.kill('SIGTERM');
    await watching.result;
    expect(await seenOf('watch')).toEqual({ registers: 2, tries: 1 });

    const doctor = await scene.sipreg('doctor', 'a');
    expect(doctor.stdout).toContain('credentials once, last at');
    expect((await seenOf('watch')).tries).toBe(1);
  });

  it.skipIf(!isInstalled('script'))('is sent whenever a person asks', async () => {
    await sceneOf('person', 'wrong', { retry: { credentialAttempts: 1 } });
    for (let tries = 1; tries <= 3; tries++) {
      const asked = startInTerminal(`-c '${home.folder}/accounts.json' register a`, home);
      expect(await asked.ended).toBe(77);
      expect((await seenOf('person')).tries).toBe(tries);
    }
    for (const [at, command] of ['bindings', 'unregister --all-bindings'].entries()) {
      const asked = startInTerminal(`-c '${home.folder}/accounts.json' ${command} a`, home);
      expect(await asked.ended).toBe(77);
      expect((await seenOf('person')).tries).toBe(4 + at);
    }
  });
});

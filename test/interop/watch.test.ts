// `sipreg register --watch` against a real Kamailio: it stays, refreshes with the nonce that it has, and takes its binding
// along when it goes.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectAccount } from './account-json.ts';
import { type Home, type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';

const PASSWORD = 'wide awake';
const USERS = ['refresh', 'lost', 'int', 'term', 'silent', 'waiting', 'unread'];

describe.skipIf(!isInstalled('kamailio'))(`register --watch${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let home: Home;
  let running: RunningCommand | undefined;

  beforeAll(async () => {
    const users = Object.fromEntries(USERS.map((user) => [user, PASSWORD]));
    kamailio = await startKamailio({ users, minExpires: 1 });
  });

  afterAll(() => kamailio?.stop());

  beforeEach(async () => {
    home = await temporaryHome();
  });

  afterEach(async () => {
    await kamailio.setSilent(false);
    running?.kill('SIGKILL');
    await running?.result;
    await home.remove();
  });

  async function watch(
    user: string,
    options: readonly string[],
    entry: object = {},
  ): Promise<RunningCommand> {
    const config = await home.write('accounts.json', {
      accounts: {
        a: {
          aor: `sip:${user}@127.0.0.1`,
          registrar: `sip:127.0.0.1:${kamailio.port}`,
          password: PASSWORD,
          ...entry,
        },
      },
    });
    running = startSipreg(['-c', config, 'register', '--watch', 'a', ...options], { home });
    return running;
  }

  async function requestsOf(user: string) {
    return (await kamailio.requests('REGISTER')).filter(({ text }) =>
      text.includes(`<sip:${user}@127.0.0.1>`),
    );
  }

  it('R124 R126 R196 R265 refreshes before the end, with the nonce that it has and the next count', async () => {
    const command = await watch('refresh', ['--expires', '10', '--json']);
    // Every 5 s: a challenge, its answer, and two refreshes.
    await expect
      .poll(async () => (await requestsOf('refresh')).length, { timeout: 15_000, interval: 100 })
      .toBe(4);
    const requests = await requestsOf('refresh');
    const [challenge, ...answers] = requests.map(({ text }) => fieldValues(text, 'Authorization')[0]);
    expect(challenge).toBeUndefined();
    expect(answers.map((answer) => /nc=(\w+)/.exec(answer ?? '')?.[1])).toEqual([
      '00000001',
      '00000002',
      '00000003',
    ]);
    expect(new Set(answers.map((answer) => /nonce="(.+?)"/.exec(answer ?? '')?.[1])).size).toBe(1);
    expect(new Set(requests.map(({ source }) => source.port)).size).toBe(1);
    const numbers = requests.map(({ text }) => Number.parseInt(fieldValues(text, 'CSeq')[0] ?? '', 10));
    expect(numbers.map((number) => number - (numbers[0] ?? 0))).toEqual([0, 1, 2, 3]);
    expect(await kamailio.bindings('refresh')).toHaveLength(1);

    command.kill('SIGTERM');
    expect(await command.result).toMatchObject({ code: 0, signal: null });
    const events = command
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { time, type, previous, ...account } of events) {
      expect(new Date(time).toISOString()).toBe(time);
      expect(type).toBe('state');
      expect(previous).toEqual(expect.any(String));
      expectAccount(account);
    }
    expect(events.map(({ previous, state }) => `${previous} ${state}`)).toEqual([
      'unregistered registering',
      'registering registered',
      'registered refreshing',
      'refreshing registered',
      'registered refreshing',
      'refreshing registered',
      'registered unregistering',
      'unregistering unregistered',
    ]);
  }, 30_000);

  it.each([
    ['int', 'SIGINT'],
    ['term', 'SIGTERM'],
  ] as const)('R127 R483 removes its binding and ends with 0 (%s: %s)', async (user, signal) => {
    const command = await watch(user, []);
    await command.waitFor('stdout', /✓ a {2}registered for 1 h/);
    expect(await kamailio.bindings(user)).toHaveLength(1);
    const signalledAt = performance.now();
    command.kill(signal);
    const result = await command.result;
    expect(result).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(performance.now() - signalledAt).toBeLessThan(2000);
    expect(result.stdout).toMatch(/ {4}a {2}unregistered\n$/);
    expect(await kamailio.bindings(user)).toEqual([]);
    const last = (await requestsOf(user)).at(-1)?.text ?? '';
    expect(fieldValues(last, 'Contact')).toEqual([expect.stringMatching(/>;expires=0$/)]);
    expect(fieldValues(last, 'Authorization')[0]).toContain('nc=00000002');
  });

  it('says when its binding could not be removed, within 10 s, and ends with 75', async () => {
    const command = await watch('silent', []);
    await command.waitFor('stdout', /registered/);
    await kamailio.setSilent(true);
    const signalledAt = performance.now();
    command.kill('SIGTERM');
    const result = await command.result;
    expect(result.code).toBe(75);
    expect(result.stderr).toMatch(/warning: a: its binding could not be removed/);
    expect(performance.now() - signalledAt).toBeGreaterThan(5000);
    expect(performance.now() - signalledAt).toBeLessThan(10_500);
  });

  it('a second signal ends it at once', async () => {
    const command = await watch('lost', []);
    await command.waitFor('stdout', /registered/);
    await kamailio.setSilent(true);
    const before = (await requestsOf('lost')).length;
    command.kill('SIGINT');
    await expect.poll(async () => (await requestsOf('lost')).length).toBeGreaterThan(before);
    const signalledAt = performance.now();
    command.kill('SIGINT');
    expect(await command.result).toMatchObject({ code: 130 });
    expect(performance.now() - signalledAt).toBeLessThan(1000);
  });

  it('R478 after a failure it waits, says how long and why, and ends with 0 when nothing is bound', async () => {
    const command = await watch('waiting', [], { password: 'wrong' });
    await command.waitFor('stderr', /next .*\n/);
    expect(command.stderr()).toMatch(/✗ a {2}failed {2}auth\.rejected\n/);
    // behaviour.md §10: three tries over at least half an hour; the first gap is a third of it.
    expect(command.stderr()).toMatch(
      / {4}next {4}tried again in (?:10 min|9 min 59 s), at \d\d:\d\d:\d\d[+-]/,
    );
    expect(await requestsOf('waiting')).toHaveLength(2);
    command.kill('SIGTERM');
    expect((await command.result).code).toBe(0);
    expect(await requestsOf('waiting')).toHaveLength(2);
  });

  it('tells a secret that cannot be read, and sends nothing', async () => {
    const command = await watch('unread', [], {
      password: { file: 'nowhere' },
    });
    await command.waitFor('stderr', /secret\.unreadable[\s\S]*next/);
    expect(await requestsOf('unread')).toEqual([]);
    command.kill('SIGINT');
    expect((await command.result).code).toBe(0);
  });
});

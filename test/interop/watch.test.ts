// `sipreg register --watch` against a real Kamailio: it stays, refreshes with the nonce that it has, and takes its binding
// along when it goes.

import { describe, expect, it } from 'vitest';
import { expectAccount } from './account-json.ts';
import { runSipreg, startSipreg } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues } from './kamailio.ts';
import { endOf, openKamailio, openScene } from './watch-scene.ts';

describe.skipIf(!isInstalled('kamailio'))(`register --watch${missingPrograms('kamailio')}`, () => {
  it.concurrent('R124 R126 R196 R265 refreshes before the end, with the nonce that it has and the next count', async ({
    onTestFinished,
  }) => {
    const { accountsFile, start } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const command = start(await accountsFile(kamailio.port), '--expires', '10', '--json');
    // Every 5 s: a challenge, its answer, and two refreshes.
    await expect
      .poll(async () => (await kamailio.requests('REGISTER')).length, { timeout: 15_000, interval: 100 })
      .toBe(4);
    const requests = await kamailio.requests('REGISTER');
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
    expect(await kamailio.bindings('alice')).toHaveLength(1);

    expect(await endOf(command)).toMatchObject({ code: 0, signal: null });
    const events = command
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type !== 'agent');
    for (const { time, type, severity, previous, ...account } of events) {
      expect(['info', 'debug']).toContain(severity);
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

  it.concurrent('registers an account that the agent had paused, and leaves it paused for the agent', async ({
    onTestFinished,
  }) => {
    const { accountsFile, home, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const config = await accountsFile(kamailio.port);
    const begin = async (pattern: RegExp) => {
      const agent = startSipreg(['-c', config, 'run', '--json'], { home });
      await agent.waitFor('stdout', pattern);
      return agent;
    };
    const agent = await begin(/"state":"registered"/);
    expect((await runSipreg(['-c', config, 'pause', 'a'], { home })).code).toBe(0);
    await endOf(agent);

    const command = await watch(config);
    expect(await kamailio.bindings('alice')).toHaveLength(1);
    expect(await endOf(command)).toMatchObject({ code: 0, stderr: '' });
    expect(await endOf(await begin(/it was paused at .* until \\"sipreg resume a/))).toMatchObject({
      code: 0,
    });
  });

  it.concurrent.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'R127 R483 removes its binding and ends with 0 on %s',
    async (signal, { onTestFinished }) => {
      const { accountsFile, start } = await openScene(onTestFinished);
      const kamailio = await openKamailio(onTestFinished);
      const command = start(await accountsFile(kamailio.port));
      await command.waitFor('stdout', /✓ a {2}registered for 1 h/);
      expect(await kamailio.bindings('alice')).toHaveLength(1);
      const signalledAt = performance.now();
      command.kill(signal);
      const result = await command.result;
      expect(result).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(performance.now() - signalledAt).toBeLessThan(2000);
      expect(result.stdout).toMatch(/ {4}a {2}unregistered\n$/);
      expect(await kamailio.bindings('alice')).toEqual([]);
      const last = (await kamailio.requests('REGISTER')).at(-1)?.text ?? '';
      expect(fieldValues(last, 'Contact')).toEqual([
        expect.stringMatching(/>;\+sip\.instance="<urn:uuid:[-0-9a-f]{36}>";reg-id=1;expires=0$/),
      ]);
      expect(fieldValues(last, 'Authorization')[0]).toContain('nc=00000002');
    },
  );

  it.concurrent('says when its binding could not be removed, within 10 s, and ends with 75', async ({
    onTestFinished,
  }) => {
    const { accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const command = await watch(await accountsFile(kamailio.port));
    await kamailio.setSilent(true);
    const signalledAt = performance.now();
    command.kill('SIGTERM');
    const result = await command.result;
    expect(result.code).toBe(75);
    expect(result.stderr).toMatch(/warning: a: its binding could not be removed/);
    expect(performance.now() - signalledAt).toBeGreaterThan(5000);
    expect(performance.now() - signalledAt).toBeLessThan(10_500);
  });

  it.concurrent('a second signal ends it at once', async ({ onTestFinished }) => {
    const { accountsFile, watch } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const command = await watch(await accountsFile(kamailio.port));
    await kamailio.setSilent(true);
    const before = (await kamailio.requests('REGISTER')).length;
    command.kill('SIGINT');
    await expect.poll(async () => (await kamailio.requests('REGISTER')).length).toBeGreaterThan(before);
    const signalledAt = performance.now();
    command.kill('SIGINT');
    expect(await command.result).toMatchObject({ code: 130 });
    expect(performance.now() - signalledAt).toBeLessThan(1000);
  });

  it.concurrent('after a failure it waits, says how long and why, and ends with 0 when nothing is bound', async ({
    onTestFinished,
  }) => {
    const { accountsFile, start } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const command = start(await accountsFile(kamailio.port, { password: 'wrong' }));
    await command.waitFor('stderr', /next .*\n/);
    expect(command.stderr()).toMatch(/✗ a {2}failed {2}auth\.rejected\n/);
    // behaviour.md §10: three tries over at least half an hour; the first gap is a third of it.
    expect(command.stderr()).toMatch(
      // Shortly before midnight that is tomorrow.
      / {4}next {4}tried again in 1[0-2] min(?: \d+ s)?, at (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d[+-]/,
    );
    expect(await kamailio.requests('REGISTER')).toHaveLength(2);
    expect((await endOf(command)).code).toBe(0);
    expect(await kamailio.requests('REGISTER')).toHaveLength(2);
  });

  it.concurrent('tells a secret that cannot be read, and sends nothing', async ({ onTestFinished }) => {
    const { accountsFile, start } = await openScene(onTestFinished);
    const kamailio = await openKamailio(onTestFinished);
    const command = start(await accountsFile(kamailio.port, { password: { file: 'nowhere' } }));
    await command.waitFor('stderr', /secret\.unreadable[\s\S]*next/);
    expect(await kamailio.requests('REGISTER')).toEqual([]);
    expect((await endOf(command)).code).toBe(0);
  });
});

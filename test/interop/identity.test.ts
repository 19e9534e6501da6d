// One identity over many runs (behaviour.md §2): from cron, two at once, and killed at any moment, the registrar sees one
// Call-ID, numbers that only rise, and one binding.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOf } from './account-json.ts';
import { type Home, runSipreg, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, type ReceivedRequest, startKamailio } from './kamailio.ts';
import { responseTo, startUdpServer } from './plain-server.ts';

const USERS = ['cron', 'pair', 'killed', 'signal', 'pending'];
const password = 'one for all';

describe.skipIf(!isInstalled('kamailio'))(`the identity of an account${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let home: Home;

  beforeAll(async () => {
    kamailio = await startKamailio({ users: Object.fromEntries(USERS.map((user) => [user, password])) });
  });

  afterAll(() => kamailio?.stop());

  beforeEach(async () => {
    home = await temporaryHome();
  });

  afterEach(async () => {
    await kamailio.setSilent(false);
    await home.remove();
  });

  function accountsFile(user: string): Promise<string> {
    const registrar = `sip:127.0.0.1:${kamailio.port}`;
    return home.write('accounts.json', {
      accounts: { a: { aor: `sip:${user}@127.0.0.1`, registrar, password } },
    });
  }

  async function requestsOf(user: string): Promise<readonly ReceivedRequest[]> {
    return (await kamailio.requests('REGISTER')).filter(({ text }) =>
      text.includes(`<sip:${user}@127.0.0.1>`),
    );
  }

  /** One Call-ID, and CSeq numbers that rise; what UDP repeated counts once. */
  function expectOneIdentity(requests: readonly ReceivedRequest[]): void {
    const texts = [...new Set(requests.map(({ text }) => text))];
    const callIds = new Set(texts.map((text) => fieldValues(text, 'Call-ID')[0]));
    expect(callIds.size).toBe(1);
    const numbers = texts.map((text) => Number.parseInt(fieldValues(text, 'CSeq')[0] ?? '', 10));
    expect(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))).toBe(true);
  }

  /** A run of `user` whose REGISTER is out and has no answer; `before`: how many came before it. */
  async function startUnanswered(config: string, user: string) {
    await kamailio.setSilent(true);
    const before = (await requestsOf(user)).length;
    const run = startSipreg(['-c', config, 'register', 'a'], { home });
    await expect.poll(async () => (await requestsOf(user)).length, { timeout: 5000 }).toBeGreaterThan(before);
    return { run, before };
  }

  it('R108 R477 four runs from cron leave one binding of one Call-ID, with CSeq rising over all', async () => {
    const config = await accountsFile('cron');
    for (let run = 1; run <= 4; run++) {
      const result = await runSipreg(['--json', '-c', config, 'register', 'a'], { home });
      expect(result.code).toBe(0);
      const [binding, ...others] = await kamailio.bindings('cron');
      expect(others).toEqual([]);
      expect(binding?.cseq).toBe(accountOf(result).cseq);
    }
    const requests = await requestsOf('cron');
    expect(requests).toHaveLength(8);
    expectOneIdentity(requests);
    // behaviour.md §2: the last local port is tried first, so the Contact need not change at all.
    expect(new Set(requests.map(({ source }) => source.port)).size).toBe(1);
  });

  it('R110 two runs at once go one after the other', async () => {
    const config = await accountsFile('pair');
    const run = () => runSipreg(['--json', '-c', config, 'register', 'a'], { home });
    const results = await Promise.all([run(), run()]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    const requests = await requestsOf('pair');
    expect(requests).toHaveLength(4);
    expectOneIdentity(requests);
    expect(await kamailio.bindings('pair')).toHaveLength(1);
  });

  it('R477 R483 killed at any moment, the next run goes on with a higher CSeq and leaves one binding', async () => {
    const config = await accountsFile('killed');
    const { ms } = await runSipreg(['-c', config, 'register', 'a'], { home });
    for (let round = 0; round < 12; round++) {
      const run = startSipreg(['-c', config, 'register', 'a'], { home });
      // The second half of a run is where state is written and requests are sent.
      await sleep(ms * (0.4 + Math.random() * 0.6));
      run.kill('SIGKILL');
      await run.result;
    }
    const last = await runSipreg(['--json', '-c', config, 'register', 'a'], { home });
    expect(last.code).toBe(0);
    expectOneIdentity(await requestsOf('killed'));
    const [binding, ...others] = await kamailio.bindings('killed');
    expect(others).toEqual([]);
    expect(binding).toMatchObject({ callId: accountOf(last).callId, cseq: accountOf(last).cseq });
  });

  it('R477 killed while its REGISTER is unanswered, the next run goes on with a higher CSeq', async () => {
    const config = await accountsFile('pending');
    expect((await runSipreg(['-c', config, 'register', 'a'], { home })).code).toBe(0);
    for (let round = 0; round < 2; round++) {
      const { run } = await startUnanswered(config, 'pending');
      run.kill('SIGKILL');
      await run.result;
      await kamailio.setSilent(false);
    }
    expect((await runSipreg(['-c', config, 'register', 'a'], { home })).code).toBe(0);
    expectOneIdentity(await requestsOf('pending'));
    expect(await kamailio.bindings('pending')).toHaveLength(1);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ends on %s with %i while an answer is awaited, and keeps its numbers',
    async (signal, code) => {
      const config = await accountsFile('signal');
      const { run, before } = await startUnanswered(config, 'signal');
      const signalledAt = performance.now();
      run.kill(signal);
      expect(await run.result).toMatchObject({ code, signal: null, stdout: '' });
      expect(performance.now() - signalledAt).toBeLessThan(2000);
      expect(run.stderr()).toMatch(/interrupted while registering a/);

      await kamailio.setSilent(false);
      expect((await runSipreg(['-c', config, 'register', 'a'], { home })).code).toBe(0);
      expectOneIdentity((await requestsOf('signal')).slice(before));
    },
  );

  it('ends on SIGINT while it waits for another run of the account', async () => {
    const config = await accountsFile('signal');
    const { run: first } = await startUnanswered(config, 'signal');
    const second = startSipreg(['-c', config, 'register', 'a'], { home });
    await sleep(600);
    const signalledAt = performance.now();
    second.kill('SIGINT');
    expect(await second.result).toMatchObject({ code: 130 });
    expect(performance.now() - signalledAt).toBeLessThan(2000);
    first.kill('SIGTERM');
    expect((await first.result).code).toBe(143);
  });

  it('gives up on an account that another run has for too long, and says which process that is', async () => {
    const config = await accountsFile('signal');
    const { run: first } = await startUnanswered(config, 'signal');
    const second = await runSipreg(['-c', config, 'register', 'a', '--timeout', '1'], { home });
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(new RegExp(`register\\.busy(?:.|\\n)*process ${first.pid}\\b`));
    first.kill('SIGTERM');
    await first.result;
  });
});

it('R477 R483 killed in its very first REGISTER, the next run has the same Contact and a higher CSeq', async () => {
  const home = await temporaryHome();
  let answers = false;
  const registrar = await startUdpServer((request) =>
    answers ? responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`) : null,
  );
  try {
    const config = await home.write('accounts.json', {
      accounts: { a: { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${registrar.port}` } },
    });
    const run = startSipreg(['-c', config, 'register', 'a'], { home });
    // The registrar may have bound it: nobody knows, because the answer is lost with us.
    await expect.poll(() => registrar.requests.length, { timeout: 5000 }).toBeGreaterThan(0);
    run.kill('SIGKILL');
    await run.result;
    answers = true;
    expect((await runSipreg(['-c', config, 'register', 'a'], { home })).code).toBe(0);
    const [lost = '', last = ''] = [registrar.requests[0], registrar.requests.at(-1)];
    expect(fieldValues(last, 'Contact')).toEqual(fieldValues(lost, 'Contact'));
    expect(fieldValues(last, 'Call-ID')).toEqual(fieldValues(lost, 'Call-ID'));
    const cseq = (text: string): number => Number.parseInt(fieldValues(text, 'CSeq')[0] ?? '', 10);
    expect(cseq(last)).toBeGreaterThan(cseq(lost));
  } finally {
    await registrar.stop();
    await home.remove();
  }
});

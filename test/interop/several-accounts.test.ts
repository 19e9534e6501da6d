// Several accounts in one command, and what a command does when the registrar is silent or not to be asked at all.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, accountsOf, failureIn } from './account-json.ts';
import { type Home, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

describe.skipIf(!isInstalled('kamailio'))(`commands at kamailio${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let home: Home;

  beforeAll(async () => {
    kamailio = await startKamailio({ users: { a: 'pa', b: 'pb', c: 'pc', dry: 'pd' } });
  });

  afterAll(() => kamailio?.stop());

  beforeEach(async () => {
    home = await temporaryHome();
  });

  afterEach(async () => {
    await kamailio.setSilent(false);
    await home.remove();
  });

  /** Accounts by name; the name is the user. */
  async function sipreg(passwords: Readonly<Record<string, string>>, args: readonly string[], defaults = {}) {
    const config = await home.write('accounts.json', {
      defaults: { registrar: `sip:127.0.0.1:${kamailio.port}`, ...defaults },
      accounts: Object.fromEntries(
        Object.entries(passwords).map(([name, password]) => [
          name,
          { aor: `sip:${name}@127.0.0.1`, password },
        ]),
      ),
    });
    return await runSipreg(['-c', config, ...args], { home });
  }

  it('registers a dozen at once, without a word of Node', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `nobody${at}`);
    const passwords = Object.fromEntries(names.map((name) => [name, 'x']));
    const { code, stderr } = await sipreg(passwords, ['register', ...names]);
    expect(code).toBe(77);
    expect(stderr.match(/✗ nobody/g)).toHaveLength(12);
    expect(stderr).not.toContain('Warning');
  });

  it('R482 registers several at once; one that fails does not hold up the others', async () => {
    const passwords = { a: 'pa', b: 'wrong', c: 'pc' };
    const result = await sipreg(passwords, ['--json', 'register', 'c', 'b', 'a']);
    expect(result.code).toBe(77);
    const accounts = accountsOf(result);
    expect(accounts.map(({ account, state }) => [account, state])).toEqual([
      ['c', 'registered'],
      ['b', 'unregistered'],
      ['a', 'registered'],
    ]);
    expect(new Set(accounts.map(({ callId }) => callId)).size).toBe(3);
    expect(await kamailio.bindings('a')).toHaveLength(1);
    expect(await kamailio.bindings('b')).toEqual([]);
    expect(await kamailio.bindings('c')).toHaveLength(1);

    const removed = await sipreg({ a: 'pa', c: 'pc' }, ['unregister', 'a', 'c']);
    expect(removed.code).toBe(0);
    expect(removed.stdout).toMatch(/✓ a {2}unregistered/);
    expect(removed.stdout).toMatch(/✓ c {2}unregistered/);
    expect(await kamailio.bindings('c')).toEqual([]);
  });

  it('says of those that it registered that nobody listens there, of the others not', async () => {
    const result = await sipreg({ a: 'pa', b: 'wrong', c: 'pc' }, ['register', 'b', 'a', 'c']);
    expect(result.code).toBe(77);
    expect(result.stderr).toMatch(/^note: a, c: nobody listens at the contact/m);
  });

  it.each([
    [['a', 'b'], 77],
    [['b', 'a'], 69],
  ] as const)('ends with the code of the first that failed, in the order %j', async (names, code) => {
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:a@127.0.0.1', password: 'wrong', registrar: `sip:127.0.0.1:${kamailio.port}` },
        // Port 1 of loopback: nobody listens there, and the system says so at once.
        b: { aor: 'sip:b@127.0.0.1', registrar: 'sip:127.0.0.1:1;transport=tcp' },
      },
    });
    expect((await runSipreg(['-c', config, 'register', ...names], { home })).code).toBe(code);
  });

  it('takes an account that is named twice once', async () => {
    const before = (await kamailio.requests('REGISTER')).length;
    const result = await sipreg({ a: 'pa' }, ['--json', 'register', 'a', 'a']);
    expect(result.code).toBe(0);
    expect(accountsOf(result)).toHaveLength(1);
    expect(await kamailio.requests('REGISTER')).toHaveLength(before + 2);
  });

  it('R146 --timeout ends the wait for a silent registrar, with exit code 69', async () => {
    await kamailio.setSilent(true);
    const before = (await kamailio.requests()).length;
    const result = await sipreg({ a: 'pa' }, ['--json', 'register', 'a', '--timeout', '2']);
    expect(result.code).toBe(69);
    expect(result.ms).toBeGreaterThan(2000);
    expect(result.ms).toBeLessThan(4000);
    expect(failureIn(result)).toMatchObject({ stage: 'register', code: 'register.timeout', status: null });
    const sent = (await kamailio.requests()).slice(before);
    // At 0, 0.5 and 1.5 s, all the same bytes from the same port.
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ text, source }) => `${source.port} ${text}`)).size).toBe(1);
  });

  it('R144 repeats nothing over TCP, and --timeout ends that too', async () => {
    await kamailio.setSilent(true);
    const before = (await kamailio.requests()).length;
    const result = await sipreg({ a: 'pa' }, ['register', 'a', '--timeout', '1'], { transport: 'tcp' });
    expect(result.code).toBe(69);
    expect(result.stderr).toMatch(/register\.timeout/);
    expect((await kamailio.requests()).slice(before)).toHaveLength(1);
  });

  it('--dry-run shows the REGISTER and the targets, and sends nothing', async () => {
    const before = (await kamailio.requests()).length;
    const result = await sipreg({ dry: 'pd' }, ['register', '--dry-run', 'dry', '--expires', '77']);
    expect(result.code).toBe(0);
    const port = kamailio.port;
    expect(result.stdout).toContain(`1. udp 127.0.0.1:${port}\n`);
    expect(result.stdout).toContain(`\nREGISTER sip:127.0.0.1:${port} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:`);
    expect(result.stdout).toMatch(
      /\nContact: <sip:dry@127\.0\.0\.1:\d+>;\+sip\.instance="<urn:uuid:[-0-9a-f]{36}>";reg-id=1;expires=77\nExpires: 77\n/,
    );
    const json = await sipreg({ dry: 'pd' }, ['--json', 'register', '--dry-run', 'dry']);
    expect(JSON.parse(json.stdout)).toEqual({
      schema: 'sipreg.dry-run/1',
      accounts: [
        {
          account: 'dry',
          targets: [
            {
              transport: 'udp',
              host: '127.0.0.1',
              address: '127.0.0.1',
              port,
              decidedBy: { naptr: null, srv: null, address: null },
            },
          ],
          request: expect.stringMatching(/^REGISTER sip:127\.0\.0\.1:\d+ SIP\/2\.0\r\n[\s\S]*\r\n\r\n$/),
        },
      ],
    });
    const watched = await sipreg({ dry: 'pd' }, ['register', '--watch', '--dry-run', 'dry']);
    expect(watched).toMatchObject({ code: 0, stdout: expect.stringContaining('\nREGISTER sip:') });
    expect(await kamailio.requests()).toHaveLength(before);

    // No number was used up either.
    const first = accountOf(await sipreg({ dry: 'pd' }, ['--json', 'register', 'dry']));
    expect(first.cseq).toBe(2);
    const dry = await sipreg({ dry: 'pd' }, ['register', '--dry-run', 'dry']);
    expect(dry.stdout).toContain(`\nCall-ID: ${first.callId}\nCSeq: 3 REGISTER\n`);
  });

  it('-v adds detail on stderr only, -vv the messages, and stdout has no control characters', async () => {
    const plain = await sipreg({ a: 'pa' }, ['register', 'a']);
    const loud = await sipreg({ a: 'pa' }, ['-vv', 'register', 'a']);
    expect(loud.stdout.replace(/\d+ ms/, '')).toBe(plain.stdout.replace(/\d+ ms/, ''));
    expect(loud.stderr).toMatch(/^---> udp 127\.0\.0\.1:\d+ \(from 127\.0\.0\.1:\d+\)\nREGISTER /m);
    expect(loud.stderr).toMatch(/^<--- udp 127\.0\.0\.1:\d+ \(from 127\.0\.0\.1:\d+\)\nSIP\/2\.0 401 /m);
    for (const text of [plain.stdout, plain.stderr, loud.stdout, loud.stderr]) {
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    }
    const quiet = await sipreg({ a: 'pa' }, ['register', 'a', '-q']);
    expect(quiet.stderr).toBe('');
    expect(quiet.stdout).toMatch(/^✓ a /);
  });
});

// `sipreg account list|show|add|remove` without a terminal: options, a password from stdin, and no secret in any output.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, runSipreg, temporaryHome } from '../interop/command.ts';

let home: Home;
let store: string;

beforeEach(async () => {
  home = await temporaryHome();
  store = join(home.folder, 'config/sipreg/accounts.json');
});

afterEach(() => home.remove());

const SECRET = 'correct horse "battery"';
const run = (args: readonly string[], stdin = '') => runSipreg(args, { home, stdin });
const add = (name: string, server: string, user: string, ...more: readonly string[]) =>
  run(['account', 'add', name, '--server', server, '--user', user, ...more], `${SECRET}\n`);

async function stored(): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(store, 'utf8')).accounts;
}

describe('account add', () => {
  it("writes into the user's own store, for nobody else to read", async () => {
    const result = await add('office', 'pbx.example.com', '1008', '--password-stdin', '--transport', 'tls');
    expect(result.code).toBe(0);
    expect(result.stdout).toBe(`✓ office  added to ${store}\n`);
    expect(result.stderr).toMatch(/note: .*sipreg register office/);
    expect(await stored()).toEqual({
      office: { aor: 'sip:1008@pbx.example.com', password: SECRET, transport: 'tls' },
    });
    expect((await stat(store)).mode & 0o777).toBe(0o600);
    expect((await run(['config', 'check'])).code).toBe(0);
  });

  it.each([
    ['pbx.test', 'sip:7@example.com', { aor: 'sip:7@example.com', registrar: 'sip:pbx.test' }],
    ['pbx.test', '7@example.com', { aor: 'sip:7@example.com', registrar: 'sip:pbx.test' }],
    ['pbx.test:5070', '7', { aor: 'sip:7@pbx.test', registrar: 'sip:pbx.test:5070' }],
    ['sips:pbx.test', '7', { aor: 'sips:7@pbx.test' }],
    ['::1', '7', { aor: 'sip:7@[::1]' }],
    ['[::1]:5070', '7', { aor: 'sip:7@[::1]', registrar: 'sip:[::1]:5070' }],
    ['pbx.test', 'a b', { aor: 'sip:a%20b@pbx.test' }],
  ] as const)('takes server %s and user %s', async (server, user, expected) => {
    expect((await add('a', server, user)).code).toBe(0);
    expect(await stored()).toEqual({ a: expected });
    expect((await run(['config', 'check'])).code).toBe(0);
  });

  it('takes one trailing line break off the password, and an empty one as it is', async () => {
    const words = (name: string) => [
      'account',
      'add',
      name,
      '--server',
      'a.test',
      '--user',
      name,
      '--password-stdin',
    ];
    for (const [name, stdin] of [
      ['unix', 'p w\n'],
      ['dos', 'p w\r\n'],
      ['bare', 'p w'],
      ['two', 'p w\n\n'],
      ['empty', ''],
    ] as const) {
      expect((await run(words(name), stdin)).code).toBe(0);
    }
    const passwords = Object.entries(await stored()).map(([name, entry]) => [
      name,
      (entry as { readonly password?: string }).password,
    ]);
    expect(Object.fromEntries(passwords)).toEqual({
      unix: 'p w',
      dos: 'p w',
      bare: 'p w',
      two: 'p w\n',
      empty: '',
    });
  });

  it('prompts for nothing: what is missing is a usage error', async () => {
    const noServer = await run(['account', 'add', 'a']);
    expect(noServer).toMatchObject({ code: 64, stdout: '' });
    expect(noServer.stderr).toContain('--server');
    const noUser = await run(['account', 'add', 'a', '--server', 'a.test']);
    expect(noUser).toMatchObject({ code: 64, stdout: '' });
    expect(noUser.stderr).toContain('--user');
  });

  it('refuses a name that is taken, and keeps what is there', async () => {
    expect((await add('a', 'a.test', '1')).code).toBe(0);
    const again = await add('a', 'b.test', '2');
    expect(again).toMatchObject({ code: 64, stdout: '' });
    expect(again.stderr).toMatch(/already an account "a"/);
    expect(await stored()).toEqual({ a: { aor: 'sip:1@a.test' } });
  });

  it.each([
    ['pbx.test', '7', '--transport', 'carrier-pigeon'],
    ['bad host', '7', '--transport', 'udp'],
  ])('refuses server %s, user %s, %s %s', async (server, user, ...more) => {
    const result = await add('a', server, user, ...more);
    expect([64, 78]).toContain(result.code);
    expect(result.stdout).toBe('');
    expect(result.stderr).not.toMatch(/a bug in sipreg/);
    await expect(stat(store)).rejects.toThrow(/ENOENT/);
  });

  it('writes into the file of -c, with what it holds left as it was', async () => {
    const config = await home.write(
      'mine.json',
      '{\n  "defaults": { "expires": 300 },\n  "accounts": {}\n}\n',
    );
    const result = await run(['-c', config, 'account', 'add', 'x', '--server', 'a.test', '--user', '1']);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain(config);
    expect(result.stderr).toBe(`note: register it with "sipreg -c ${config} register x"\n`);
    expect(JSON.parse(await readFile(config, 'utf8'))).toEqual({
      defaults: { expires: 300 },
      accounts: { x: { aor: 'sip:1@a.test' } },
    });
    await expect(stat(store)).rejects.toThrow(/ENOENT/);
  });

  it('--json prints one document', async () => {
    const result = await add('a', 'a.test', '1', '--json', '--password-stdin');
    expect(JSON.parse(result.stdout)).toEqual({ account: 'a', path: store, added: true });
  });
});

describe('account list, show and remove', () => {
  const ha1 = 'd41d8cd98f00b204e9800998ecf8427e';

  it('never show a secret, only where it is', async () => {
    const config = await home.write('accounts.json', {
      accounts: {
        literal: { aor: 'sip:1@a.test', password: SECRET, tls: { keyPassphrase: SECRET } },
        hash: { aor: 'sip:2@a.test', ha1 },
        several: {
          aor: 'sip:3@a.test',
          credentials: [{ realm: 'r', username: 'u', password: SECRET }],
        },
        byAlgorithm: { aor: 'sip:4@a.test', ha1: { MD5: ha1 } },
        elsewhere: { aor: 'sip:5@a.test', password: { file: '/etc/sipreg/five.secret' } },
      },
    });
    expect((await run(['-c', config, 'config', 'check'])).stderr).not.toMatch(
      /accounts\.(?:literal|hash|several|byAlgorithm)/,
    );
    let shown = '';
    for (const name of ['literal', 'hash', 'several', 'byAlgorithm', 'elsewhere']) {
      for (const more of [[], ['--json'], ['-vv']]) {
        const result = await run(['-c', config, 'account', 'show', name, ...more]);
        expect(result.code).toBe(0);
        shown += result.stdout + result.stderr;
      }
    }
    shown += (await run(['-c', config, 'account', 'list'])).stdout;
    shown += (await run(['-c', config, 'account', 'list', '--json'])).stdout;
    for (const secret of [SECRET, JSON.stringify(SECRET).slice(1, -1), ha1])
      expect(shown).not.toContain(secret);
    expect(shown).toContain('(set, not shown)');
    expect(shown).toContain('/etc/sipreg/five.secret');
  });

  it('show tells what is said of an account in the order of the file, that of all accounts first', async () => {
    const config = await home.write('accounts.json', {
      accounts: { one: { ha1: { file: 'h' }, aor: 'sip:1@a.test', expires: 60, headers: { 'X-B': 'own' } } },
      defaults: { transport: 'tcp', password: SECRET, expires: 120, headers: { 'X-A': 'all', 'X-B': 'all' } },
    });
    const settings = {
      transport: 'tcp',
      expires: 60,
      headers: { 'X-A': 'all', 'X-B': 'own' },
      ha1: { file: 'h' },
      aor: 'sip:1@a.test',
    };
    const shown = await run(['-c', config, 'account', 'show', 'one']);
    expect(shown.stdout).toBe(`one  in ${config}\n${JSON.stringify(settings, null, 2)}\n`);
    const json = JSON.parse((await run(['-c', config, 'account', 'show', 'one', '--json'])).stdout);
    expect(JSON.stringify(json.settings)).toBe(JSON.stringify(settings));
  });

  it('list shows every account in its line, with its registrar', async () => {
    expect((await add('a', 'a.test', '1')).code).toBe(0);
    expect((await add('longer', 'b.test:5070', '2')).code).toBe(0);
    const listed = await run(['account', 'list']);
    expect(listed).toMatchObject({
      code: 0,
      stdout: 'a       sip:1@a.test  at sip:a.test\nlonger  sip:2@b.test  at sip:b.test:5070\n',
    });
    const json = JSON.parse((await run(['account', 'list', '--json'])).stdout);
    expect(json.path).toBe(store);
    expect(json.accounts[1]).toMatchObject({
      account: 'longer',
      aor: 'sip:2@b.test',
      registrar: 'sip:b.test:5070',
      enabled: true,
    });
  });

  it('remove takes the account, and says that its binding stays', async () => {
    expect((await add('a', 'a.test', '1')).code).toBe(0);
    expect((await add('b', 'a.test', '2')).code).toBe(0);
    const removed = await run(['account', 'remove', 'a']);
    expect(removed).toMatchObject({ code: 0, stdout: `✓ a  removed from ${store}\n` });
    expect(removed.stderr).toMatch(/binding .* stays/);
    expect(Object.keys(await stored())).toEqual(['b']);
    const again = await run(['account', 'remove', 'a']);
    expect(again).toMatchObject({ code: 66, stdout: '' });
  });
});

// `sipreg config check|path|schema`.

import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { type Home, runSipreg, temporaryHome } from '../interop/command.ts';

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(() => home.remove());

const run = (...args: readonly string[]) => runSipreg(args, { home });

const WRONG = `{
  "accounts": {
    "office": {
      "aor": "sip:1008@pbx.example.com",
      "registar": "sip:pbx.example.com",
      "expires": "soon"
    }
  }
}
`;

describe('config check', () => {
  it('says that a right file is valid, with its accounts counted', async () => {
    const config = await home.write('accounts.json', {
      accounts: { a: { aor: 'sip:1@a.test' }, b: { aor: 'sip:2@a.test' } },
    });
    expect(await run('-c', config, 'config', 'check')).toMatchObject({
      code: 0,
      stdout: `✓ ${config}  valid, 2 accounts\n`,
      stderr: '',
    });
    const json = await run('-c', config, 'config', 'check', '--json');
    expect(JSON.parse(json.stdout)).toEqual({ path: config, valid: true, problems: [], warnings: [] });
  });

  it('tells which secrets of the agent itself cannot be read', async () => {
    const config = await home.write('accounts.json', {
      accounts: {},
      agent: {
        httpToken: { env: 'NO_TOKEN' },
        notices: { webhook: { file: 'no.url' }, heartbeat: { url: 'https://hooks.test/x' } },
      },
    });
    const { code, stderr } = await run('-c', config, 'config', 'check');
    expect({ code, lines: stderr.trim().split('\n') }).toEqual({
      code: 0,
      lines: [
        'warning: agent.httpToken: the environment variable NO_TOKEN is not set',
        expect.stringMatching(
          /^warning: agent\.notices\.webhook: the file .*no\.url cannot be read: it does not/,
        ),
      ],
    });
  });

  it('tells of secrets of the agent itself that are of no use, and shows none', async () => {
    await home.write('token', 'two words');
    await home.write('url', 'hooks.test/secret\n');
    const config = await home.write('accounts.json', {
      accounts: {},
      agent: { httpToken: { file: 'token' }, notices: { webhook: { file: 'url' } } },
    });
    const { code, stderr } = await run('-c', config, 'config', 'check');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `warning: agent.httpToken: what the file ${join(home.folder, 'token')} gives can be shown by nobody: use letters, digits and signs of ASCII, and no spaces
warning: agent.notices.webhook: what the file ${join(home.folder, 'url')} gives is no http: or https: URL: write it like https://hooks.example.com/sipreg
`,
    });
  });

  it('warns of pins that nobody looks at, and of a transport where none is chosen', async () => {
    const tls = { pins: ['ab'.repeat(32)] };
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:1@a.test', tls },
        b: { aor: 'sip:2@a.test', tls: { ...tls, verify: 'pin' } },
        c: { aor: 'sip:3@a.test;transport=tls' },
        d: { aor: 'sip:4@a.test;transport=tls', transport: 'tls' },
      },
    });
    const { stdout } = await run('-c', config, 'config', 'check', '--json');
    expect(JSON.parse(stdout).warnings).toEqual([
      'a: nobody looks at tls.pins: that takes "verify": "pin"',
      'c: ";transport=" in "aor" chooses nothing: set "transport"',
    ]);
  });

  it('warns where STUN is to keep a stream open', async () => {
    const stun = { keepalive: { method: 'stun' } };
    const proxy = 'sip:edge.a.test;transport=tcp';
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:1@a.test', transport: 'tls', ...stun },
        b: { aor: 'sip:2@a.test', outboundProxy: ['sip:a.test', proxy], outbound: 'on', ...stun },
        c: { aor: 'sip:3@a.test', transport: 'udp', ...stun },
        d: { aor: 'sip:4@a.test', ...stun },
        e: { aor: 'sip:5@a.test', transport: 'tcp' },
      },
    });
    const { code, stdout } = await run('-c', config, 'config', 'check', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).warnings).toEqual(
      ['a', 'b'].map((name) => expect.stringMatching(new RegExp(`^${name}: keepalive.method is "stun"`))),
    );
  });

  it('R393 warns where Contact and AOR will not both be sips', async () => {
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sips:1@a.test' },
        b: { aor: 'sip:2@a.test' },
        c: { aor: 'sip:3@a.test', registrar: 'sips:a.test' },
        d: { aor: 'sip:4@a.test', outboundProxy: 'sips:edge.a.test' },
        e: { aor: 'sips:5@a.test', contact: 'sip:pbx.a.test' },
        f: { aor: 'sips:6@a.test', from: 'sip:boss@a.test' },
      },
    });
    const { code, stdout } = await run('-c', config, 'config', 'check', '--json');
    expect(code).toBe(0);
    const { warnings } = JSON.parse(stdout) as { readonly warnings: readonly string[] };
    expect(warnings.map((warning) => warning.slice(0, 30))).toEqual([
      'c: the Contact will be a sips:',
      'd: the Contact will be a sips:',
      'e: the Contact will be a sip: ',
      'f: the Contact will be a sips:',
    ]);
  });

  it('names file, line, column, key and the nearest known key, and ends with 78', async () => {
    const config = await home.write('accounts.json', WRONG);
    const result = await run('-c', config, 'config', 'check');
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toContain(
      `${config}:5:7: accounts.office.registar: unknown key; did you mean "registrar"?`,
    );
    expect(result.stderr).toMatch(/:6:\d+: accounts\.office\.expires: /);

    const json = JSON.parse((await run('-c', config, 'config', 'check', '--json')).stdout);
    expect(json).toMatchObject({ path: config, valid: false });
    expect(json.problems[0]).toMatchObject({ line: 5, column: 7, path: 'accounts.office.registar' });

    // What it finds stops the other commands with the same words.
    const register = await run('-c', config, 'register', 'office');
    expect(register).toMatchObject({ code: 78, stdout: '' });
    expect(register.stderr).toContain(`${config}:5:7: accounts.office.registar: unknown key`);
  });

  it('says where the syntax is broken', async () => {
    const config = await home.write(
      'accounts.json',
      '{\n  "accounts": {\n    "a": { "aor": "sip:1@a.test", }\n',
    );
    const result = await run('-c', config, 'config', 'check');
    expect(result.code).toBe(78);
    expect(result.stderr).toMatch(/accounts\.json:\d+:\d+: /);
  });

  it('warns of a secret that cannot be read from here: it may be there for the service', async () => {
    const config = await home.write('accounts.json', {
      accounts: { a: { aor: 'sip:1@a.test', password: { env: 'SIPREG_TEST_NOT_SET' } } },
    });
    const result = await run('-c', config, 'config', 'check');
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('valid, 1 account') });
    expect(result.stderr).toMatch(/^warning: a: .*SIPREG_TEST_NOT_SET/);
  });

  it('warns of a file with literal secrets that others can read, without showing them', async () => {
    const config = await home.write('accounts.json', {
      accounts: { a: { aor: 'sip:1@a.test', password: 'hunter2-literal' } },
    });
    await chmod(config, 0o644);
    const result = await run('-c', config, 'config', 'check');
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/^warning: .*accounts\.json/);
    expect(result.stdout + result.stderr).not.toContain('hunter2-literal');
    expect((await run('-q', '-c', config, 'config', 'check')).stderr).toBe('');
  });

  it('names every TLS file that is wrong, once for all accounts that share it, and ends with 78', async () => {
    await home.write('ca.pem', 'garbage');
    const tls = { ca: 'ca.pem', cert: 'gone.pem', key: 'gone.key' };
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:1@a.test', tls },
        b: { aor: 'sip:2@a.test', tls },
        c: { aor: 'sip:3@a.test', tls: { ca: 'ca.pem' } },
      },
    });
    const result = await run('-c', config, 'config', 'check');
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toMatch(/^a, b: tls\.ca: there is no PEM certificate in .*ca\.pem; check/m);
    expect(result.stderr).toMatch(/^a, b: tls\.cert: .*gone\.pem does not exist/m);
    expect(result.stderr).toMatch(/^a, b: tls\.key: .*gone\.key does not exist/m);
    expect(result.stderr).toMatch(/^c: tls\.ca: /m);
    const json = JSON.parse((await run('-c', config, 'config', 'check', '--json')).stdout);
    expect(json).toMatchObject({ valid: false, problems: [{ accounts: ['a', 'b'] }, {}, {}, {}] });
  });

  it('a directory in place of the file is told, not a bug', async () => {
    const result = await run('-c', home.folder, 'config', 'check');
    expect([66, 78]).toContain(result.code);
    expect(result.stderr).toContain(home.folder);
    expect(result.stderr).not.toMatch(/a bug in sipreg/);
  });
});

describe('config path', () => {
  it('-c wins over $SIPREG_CONFIG, that over the own store, and that over /etc', async () => {
    const environment = { SIPREG_CONFIG: join(home.folder, 'variable.json') };
    const path = async (args: readonly string[], more = {}) =>
      (await runSipreg([...args, 'config', 'path'], { home, environment: more })).stdout;
    expect(await path([])).toBe('/etc/sipreg/accounts.json\n');
    await runSipreg(['account', 'add', 'a', '--server', 'a.test', '--user', 'u'], { home });
    expect(await path([])).toBe(`${join(home.folder, 'config/sipreg/accounts.json')}\n`);
    expect(await path([], environment)).toBe(`${environment.SIPREG_CONFIG}\n`);
    expect(await path(['-c', 'relative.json'], environment)).toBe(`${join(home.folder, 'relative.json')}\n`);
    expect(JSON.parse(await path(['--json']))).toMatchObject({ kind: 'user-store' });
  });
});

describe('config schema', () => {
  it('prints the JSON Schema that is published', async () => {
    const { code, stdout } = await run('config', 'schema');
    expect(code).toBe(0);
    expect(stdout).toBe(await readFile(join(projectRoot, 'accounts.schema.json'), 'utf8'));
    expect(JSON.parse(stdout).$schema).toMatch(/json-schema\.org/);
  });
});

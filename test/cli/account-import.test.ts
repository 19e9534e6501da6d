// `sipreg account import` as a user of Asterisk runs it: files and stdin, -c and the store, twice, and what is left out.

import { mkdir, readFile, stat } from 'node:fs/promises';
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

const SECRET = 'tr0ub4dor';
const run = (args: readonly string[], stdin = '') => runSipreg(['account', ...args], { home, stdin });

const trunk = (name: string, user: string, more = '') =>
  `[${name}]\ntype=registration\nserver_uri=sip:a.test\nclient_uri=sip:${user}@a.test\noutbound_auth=auth\n${more}\n`;
const AUTH = `[auth]\ntype=auth\npassword=${SECRET}\n`;

async function stored(path = store): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')).accounts;
}

describe('account import', () => {
  it('takes the accounts of a file into the store of the user, and says how to try them', async () => {
    await home.write('pjsip.conf', `${trunk('one', '1', 'max_retries=10')}${trunk('longer', '22')}${AUTH}`);
    const result = await run(['import', 'pjsip.conf']);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toBe(
      [
        '✓ one     sip:1@a.test   at sip:a.test, from pjsip.conf:1',
        '    max_retries = 10 is left behind: sipreg never gives up, and its waits grow ("retry")',
        '✓ longer  sip:22@a.test  at sip:a.test, from pjsip.conf:7',
        '',
      ].join('\n'),
    );
    expect(result.stderr).toContain(`2 accounts added to ${store}`);
    expect(result.stderr).toContain('"sipreg check --direct one"');
    expect(result.stderr).toContain('"sipreg register one"');
    expect(await stored()).toEqual({
      one: { aor: 'sip:1@a.test', password: SECRET },
      longer: { aor: 'sip:22@a.test', password: SECRET },
    });
    expect((await stat(store)).mode & 0o777).toBe(0o600);
  });

  it('may be run again, and takes what is new', async () => {
    await home.write('pjsip.conf', `${trunk('one', '1')}${AUTH}`);
    await run(['import', 'pjsip.conf']);
    const again = await run(['import', 'pjsip.conf']);
    expect(again).toMatchObject({ code: 0, stdout: '= one  unchanged, from pjsip.conf:1\n' });
    await home.write('pjsip.conf', `${trunk('one', '1')}${trunk('two', '2')}${AUTH}`);
    expect(await run(['import', 'pjsip.conf'])).toMatchObject({ code: 0 });
    expect(Object.keys(await stored())).toEqual(['one', 'two']);
  });

  it('leaves out what cannot be one, says where and why, and takes the rest', async () => {
    await home.write('pjsip.conf', `${trunk('one', '1')}${trunk('one', '2')}${trunk('bad', 'a b')}${AUTH}`);
    await run(['add', 'one', '--server', 'a.test', '--user', '9']);
    const result = await run(['import', 'pjsip.conf']);
    expect(result.code).toBe(78);
    expect(result.stdout.split('\n')).toEqual([
      '✓ one-2  sip:2@a.test  at sip:a.test, from pjsip.conf:7',
      '✗ pjsip.conf:13: [bad] is left out: its client_uri is no SIP URI',
      '✗ pjsip.conf:1: one is left out: there is an account "one" already, and it is another: remove that one first to take this',
      '',
    ]);
    expect(await stored()).toMatchObject({ one: { aor: 'sip:9@a.test' }, 'one-2': { aor: 'sip:2@a.test' } });
  });

  it('reads stdin and several files, in one write, into the file of -c', async () => {
    const config = await home.write('mine.json', { defaults: { expires: 300 }, accounts: {} });
    await home.write('sip.conf', `[general]\nregister => 7:${SECRET}@b.test/7~60\n`);
    const result = await run(['-c', config, 'import', '-', 'sip.conf'], `${trunk('one', '1')}${AUTH}`);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain(`sipreg -c ${config} run`);
    expect(await stored(config)).toEqual({
      one: { aor: 'sip:1@a.test', password: SECRET, expires: 3600 },
      '7@b.test': { aor: 'sip:7@b.test', password: SECRET, expires: 60 },
    });
    await expect(stat(store)).rejects.toThrow(/ENOENT/);
  });

  it('takes from the defaults of the file nothing that would have an account register elsewhere', async () => {
    const defaults = { registrar: 'sip:edge.test', transport: 'tcp', realm: 'b.test' };
    const config = await home.write('mine.json', { defaults, accounts: {} });
    await home.write('sip.conf', `register => 7:${SECRET}@b.test\n`);
    const { stdout } = await run(['-c', config, 'import', 'sip.conf']);
    expect(stdout).toBe(
      '✓ 7@b.test  sip:7@b.test  at sip:b.test, from sip.conf:1\n' +
        '    takes from the file\'s "defaults": realm\n',
    );
    expect(await stored(config)).toMatchObject({
      '7@b.test': { registrar: 'sip:b.test', transport: 'auto' },
    });
    expect((await run(['-c', config, 'import', 'sip.conf'])).stdout).toMatch(/^= 7@b\.test {2}unchanged/);
  });

  it('--dry-run writes nothing; --json is one document, without secrets', async () => {
    await home.write('pjsip.conf', `#include gone.conf\n${trunk('one', '1')}${AUTH}`);
    const tried = await run(['import', '--dry-run', 'pjsip.conf']);
    expect(tried).toMatchObject({ code: 78 });
    expect(tried.stdout).toMatch(
      /^\+ one .*\n✗ pjsip.conf:1: include gone.conf is left out: there is no such file\n$/,
    );
    const { code, stdout } = await run(['import', '--dry-run', '--json', 'pjsip.conf']);
    expect(code).toBe(78);
    expect(JSON.parse(stdout)).toEqual({
      schema: 'sipreg.import/1',
      path: store,
      added: [
        {
          account: 'one',
          aor: 'sip:1@a.test',
          registrar: 'sip:a.test',
          transport: 'auto',
          enabled: true,
          file: 'pjsip.conf',
          line: 2,
          notes: [],
          settings: { aor: 'sip:1@a.test', password: '(set, not shown)' },
        },
      ],
      unchanged: [],
      leftOut: [{ file: 'pjsip.conf', line: 1, what: 'include gone.conf', why: 'there is no such file' }],
      dryRun: true,
    });
    await expect(stat(store)).rejects.toThrow(/ENOENT/);
  });

  it('shows no secret', async () => {
    await home.write('pjsip.conf', `${trunk('one', '1')}${trunk('two', '1')}${AUTH}[x\npassword=${SECRET}\n`);
    await home.write('sip.conf', `register => 1:${SECRET}/x@a.test\nregister => 1:${SECRET}\n`);
    for (const more of [['--dry-run'], ['-vv'], ['--json'], []]) {
      const { stdout, stderr } = await run(['import', ...more, 'pjsip.conf', 'sip.conf']);
      expect(stdout + stderr).not.toContain(SECRET);
      expect(stdout).toContain('one');
    }
  });

  it('ends with 66 when a file cannot be read, and with 64 when nobody knows what it is; nothing is written', async () => {
    await home.write('pjsip.conf', `${trunk('one', '1')}${AUTH}`);
    await home.write('notes.txt', 'buy milk\n');
    await mkdir(join(home.folder, 'folder'));
    for (const name of ['gone.conf', 'folder']) {
      const result = await run(['import', 'pjsip.conf', name]);
      expect(result).toMatchObject({ code: 66, stdout: '' });
      expect(result.stderr).toContain(name);
    }
    const unknown = await run(['import', 'pjsip.conf', 'notes.txt']);
    expect(unknown).toMatchObject({ code: 64, stdout: '' });
    expect(unknown.stderr).toMatch(/notes\.txt looks like no file .*\n {2}--format asterisk-pjsip /);
    expect(await run(['import', '--format', 'pager', 'pjsip.conf'])).toMatchObject({ code: 64 });
    expect(await run(['import'])).toMatchObject({ code: 64 });
    await expect(stat(store)).rejects.toThrow(/ENOENT/);
    const told = await run(['import', '--format', 'asterisk-sip', 'notes.txt']);
    expect(told.code).toBe(78);
    expect(told.stdout).toContain(
      'notes.txt:1: Asterisk, sip.conf is left out: nothing in it registers anywhere',
    );
  });

  it('does not touch a file that is wrong already', async () => {
    const config = await home.write('mine.json', '{"accounts": {},}');
    await home.write('pjsip.conf', `${trunk('one', '1')}${AUTH}`);
    expect(await run(['-c', config, 'import', 'pjsip.conf'])).toMatchObject({ code: 78, stdout: '' });
    expect(await readFile(config, 'utf8')).toBe('{"accounts": {},}');
  });
});

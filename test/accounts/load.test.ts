import { chmodSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigProblem } from '../../src/accounts/explain.ts';
import { MAX_ACCOUNTS_FILE_BYTES } from '../../src/accounts/glance.ts';
import { checkText, loadAccounts } from '../../src/accounts/load.ts';
import { AOR, officeFile, problemsOf, scratchDirectory } from './scratch.ts';

const EMPTY_HINT = 'write {"accounts": {}} into it, or remove it and begin with "sipreg account add NAME"';

/** The problems of a text, each as [line, column, path, message, hint]. */
async function placesOf(text: string): Promise<unknown[]> {
  const checked = await checkText('a.json', text);
  const problems: readonly ConfigProblem[] = checked.ok ? [] : checked.error.problems;
  return problems.map(({ line, column, path, message, hint }) => [line, column, path, message, hint]);
}

describe('places of problems', () => {
  it('is the line and column of the key', async () => {
    const text = `{
  "accounts": {
    "office": {
      "aor": "${AOR}",
      "registar": "sip:pbx.example.com",
      "tls": { "verify": "of" },
\t"expires": 0
    },
    "empty": {}
  }
}`;
    expect(await placesOf(text)).toEqual([
      [5, 7, 'accounts.office.registar', 'unknown key', 'did you mean "registrar"?'],
      [6, 16, 'accounts.office.tls.verify', 'must be one of "rfc5922", "host", "pin", "none"', null],
      [7, 2, 'accounts.office.expires', 'must be at least 1', null],
      [9, 5, 'accounts.empty.aor', 'is missing', null],
    ]);
  });

  it('is that of an element in a list', async () => {
    const text = `{"accounts": {"a": {"aor": "${AOR}", "outboundProxy": [\r\n  "sip:a",\r\n  "b"\r\n]}}}`;
    expect(await placesOf(text)).toEqual([
      [3, 3, 'accounts.a.outboundProxy[1]', 'is no sip: or sips: URI', 'write it like sip:pbx.example.com'],
    ]);
  });

  it('is that of the account where a default causes the problem', async () => {
    const text = `{"defaults": {"transport": "udp"},\n "accounts": {\n  "a": {"aor": "sips:a@b"}}}`;
    expect(await placesOf(text)).toEqual([
      [
        3,
        3,
        'accounts.a.transport',
        'does not fit a sips: registrar (from "defaults")',
        'use "tls", "wss" or "auto"',
      ],
    ]);
  });

  it('names the defaults where only a part of an object is from there', async () => {
    const text = `{"defaults": {"tls": {"cert": "/c"}}, "accounts": {\n"a": {"aor": "${AOR}",\n"tls": {}}}}`;
    expect(await placesOf(text)).toEqual([
      [3, 1, 'accounts.a.tls.cert', 'needs "key" beside it (from "defaults")', null],
    ]);
  });

  it.each([
    ['a trailing comma', '{\n  "accounts": {},\n}', [2, 17, '', 'trailing comma before "}"', 'take it out']],
    [
      'a trailing comma in a list',
      '{"accounts": [1,\n]}',
      [1, 16, '', 'trailing comma before "]"', 'take it out'],
    ],
    [
      'a line comment',
      '{\n  // x\n  "accounts": {}}',
      [2, 3, '', 'a comment is not allowed in JSON', 'take it out'],
    ],
    [
      'a block comment',
      '{ /* x */ "accounts": {}}',
      [1, 3, '', 'a comment is not allowed in JSON', 'take it out'],
    ],
    ['a hash comment', '# x\n{}', [1, 1, '', 'a comment is not allowed in JSON', 'take it out']],
    ['single quotes', "{\n 'accounts': {}}", [2, 2, '', 'a text in single quotes', 'JSON has double quotes']],
    [
      'a missing comma',
      '{"defaults": {}\n"accounts": {}}',
      [2, 1, '', 'a comma is missing before this', null],
    ],
    ['a missing colon', '{"accounts" {}}', [1, 13, '', 'a colon is missing after the key', null]],
    [
      'a bare key',
      '{accounts: {}}',
      [1, 2, '', 'a word that JSON does not know; texts need double quotes', null],
    ],
    ['a missing brace', '{"accounts": {}', [1, 16, '', 'a closing brace "}" is missing', null]],
    ['an open text', '{"accounts', [1, 2, '', 'a text without its closing double quote', null]],
    ['nothing', '', [1, 1, '', 'the file is empty', EMPTY_HINT]],
    ['nothing but blanks', ' \r\n\t\n', [1, 1, '', 'the file is empty', EMPTY_HINT]],
    ['no value', '{"accounts": }', [1, 14, '', 'a value is expected here', null]],
    ['two documents', '{} {}', [1, 4, '', 'there is something after the end of the document', null]],
    [
      'a wrong escape',
      '{"\\q": 1}',
      [1, 2, '', 'an escape that JSON does not know; write a backslash as \\\\', null],
    ],
  ])('%s has a place and a word', async (_what, text, place) => {
    expect(await placesOf(text)).toEqual([place]);
  });

  it('a key that stands twice is a problem, in any spelling and at any depth', async () => {
    const text = `{"accounts": {"office": {"aor": "${AOR}",\n "expires": 60,\n "exp\\u0069res": 90}}}`;
    expect(await placesOf(text)).toEqual([
      [3, 2, 'accounts.office.expires', 'stands here a second time', 'remove one of the two'],
    ]);
    const account = `{"aor": "${AOR}"}`;
    expect(await problemsOf(`{"accounts": {"office": ${account}, "office": ${account}}}`)).toEqual([
      'accounts.office: stands here a second time; remove one of the two',
    ]);
  });

  it('texts that look like keys are none', async () => {
    expect(await problemsOf(officeFile({ userAgent: '": {"a": 1, \\', realm: '"x":' }))).toEqual([]);
  });

  it('a document of any depth is answered, not a crash', async () => {
    const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    expect(await problemsOf(deep)).toEqual(['is nested too deeply; is this the accounts file?']);
    expect(await problemsOf('['.repeat(200_000))).toEqual([
      'is nested too deeply; is this the accounts file?',
    ]);
  });

  it('any JSON value is either taken or has problems, each with a place', async () => {
    const keys = fc.constantFrom(
      'accounts',
      'aor',
      'office',
      'password',
      'tls',
      'headers',
      'ha1',
      'answer',
      '__proto__',
      'x"',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.constantFrom(null, true, 0, 1e308, -1, '', AOR, 'sip:a:b@c', '\u2028', '\ud800'),
        fc.string(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(keys, fc.string()), tie('value'), { maxKeys: 4 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (input) => {
        const checked = await checkText('a.json', JSON.stringify(input));
        if (checked.ok) return;
        expect(checked.error.problems.length).toBeGreaterThan(0);
        for (const { line, column } of checked.error.problems) {
          expect(line).toBe(1);
          expect(column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('reading the file', () => {
  it('gives the accounts in their order, with absolute paths', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, '{"accounts": {"b": {"aor": "sip:b@x"}, "a": {"aor": "sip:a@x"}}}', { mode: 0o600 });
    const loaded = await loadAccounts(path);
    expect(loaded.ok && [...loaded.value.accounts.keys()]).toEqual(['b', 'a']);
    expect(loaded.ok && loaded.value).toMatchObject({ path, directory: join(path, '..'), warnings: [] });
  });

  it('a missing file is exit 66, apart from an invalid one, which is 78', async () => {
    const directory = scratchDirectory();
    const missing = await loadAccounts(join(directory, 'none.json'));
    expect(missing.ok === false && missing.error).toMatchObject({ kind: 'missing', exit: 66 });
    writeFileSync(join(directory, 'wrong.json'), '{"accounts": 5}');
    const wrong = await loadAccounts(join(directory, 'wrong.json'));
    expect(wrong.ok === false && wrong.error).toMatchObject({ kind: 'invalid', exit: 78 });
    const unreadable = await loadAccounts(directory);
    expect(unreadable.ok === false && unreadable.error).toMatchObject({
      kind: 'unreadable',
      exit: 66,
      problems: [
        {
          message: 'cannot be read (EISDIR)',
          line: 1,
          column: 1,
          hint: 'it is a directory: name the file in it',
        },
      ],
    });
  });

  it('takes a byte order mark, refuses what is not UTF-8', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, `\ufeff${officeFile({})}`);
    expect((await loadAccounts(path)).ok).toBe(true);
    writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d]));
    const loaded = await loadAccounts(path);
    expect(loaded.ok === false && loaded.error.problems[0]?.message).toBe('is not UTF-8');
  });

  it.each([0, 1, 2, 3])('reads a large one in pieces, whatever character they part (%i)', async (shift) => {
    const path = join(scratchDirectory(), 'accounts.json');
    // Four bytes each: one of them stands across every 64 KiB.
    const text = `${' '.repeat(shift)}${officeFile({ headers: { 'X-Note': '\u{1F4DE}'.repeat(100_000) } })}`;
    writeFileSync(path, text);
    const loaded = await loadAccounts(path);
    expect(loaded.ok && loaded.value.document()).toEqual(JSON.parse(text));
    writeFileSync(path, Buffer.concat([Buffer.from(text), Buffer.from([0xf0, 0x9f])]));
    const cut = await loadAccounts(path);
    expect(cut.ok === false && cut.error.problems[0]?.message).toBe('is not UTF-8');
  });

  it('a file that is too large is not read into memory', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'accounts.json');
    writeFileSync(path, '');
    truncateSync(path, MAX_ACCOUNTS_FILE_BYTES + 1);
    symlinkSync('/dev/zero', join(directory, 'endless.json'));
    for (const file of [path, join(directory, 'endless.json')]) {
      const loaded = await loadAccounts(file);
      expect(loaded.ok === false && loaded.error.problems[0]?.message).toBe('is larger than 32 MiB');
    }
  });
});

describe('a file with literal secrets that others can read', () => {
  const HA1 = 'a'.repeat(32);

  async function warningsOf(mode: number, text: string): Promise<readonly string[]> {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, text);
    chmodSync(path, mode);
    const loaded = await loadAccounts(path);
    return loaded.ok ? loaded.value.warnings.map((warning) => warning.replaceAll(path, 'FILE')) : ['invalid'];
  }

  it.each([0o644, 0o640, 0o604, 0o660, 0o620])('gets a warning with mode %o', async (mode) => {
    const octal = `0${mode.toString(8)}`;
    expect(await warningsOf(mode, officeFile({ password: 'hunter2' }))).toEqual([
      `FILE holds passwords and others can read it (mode ${octal}); run: chmod 600 FILE`,
    ]);
  });

  it.each([
    { ha1: HA1 },
    { ha1: { MD5: HA1 } },
    { credentials: [{ username: 'a', password: 'b' }] },
    { credentials: [{ username: 'a', ha1: { MD5: HA1 } }] },
    { tls: { cert: 'a', key: 'b', keyPassphrase: 'c' } },
  ])('is known by %j', async (keys) => {
    expect(await warningsOf(0o644, officeFile(keys))).toHaveLength(1);
  });

  it.each([
    { httpToken: 'a' },
    { hep: { server: '192.0.2.9:9060', password: 'a' } },
    { notices: { webhook: 'https://hooks.example.com/secret' } },
    { notices: { heartbeat: { url: 'https://hc.example.com/secret' } } },
  ])("is known by the agent's %j", async (agent) => {
    expect(await warningsOf(0o644, JSON.stringify({ accounts: {}, agent }))).toHaveLength(1);
  });

  it('is known by its defaults', async () => {
    expect(await warningsOf(0o644, '{"defaults": {"password": "x"}, "accounts": {}}')).toHaveLength(1);
  });

  it.each([
    {},
    { password: '' },
    { password: { file: 'a' } },
    { ha1: { MD5: { env: 'A' } } },
    { ha1: { file: 'x' } },
  ])('is not one with %j', async (keys) => {
    expect(await warningsOf(0o644, officeFile(keys))).toEqual([]);
  });

  it('gets none when it is private', async () => {
    expect(await warningsOf(0o600, officeFile({ password: 'hunter2' }))).toEqual([]);
    expect(await warningsOf(0o400, officeFile({ password: 'hunter2' }))).toEqual([]);
  });
});

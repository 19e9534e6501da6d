import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addAccountsToFile, removeAccountFromFile } from '../../src/accounts/account-file.ts';
import { loadAccounts } from '../../src/accounts/load.ts';
import { addAccounts, removeAccount } from '../../src/accounts/user-store.ts';
import { scratchDirectory } from './scratch.ts';

const ALICE = { aor: 'sip:alice@example.com', password: 'hunter2' };
const BOB = { aor: 'sip:bob@example.com' };

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

async function namesIn(path: string): Promise<string[]> {
  const loaded = await loadAccounts(path);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return [...loaded.value.accounts.keys()];
}

function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => {
    process.umask(before);
  });
}

const KINDS = [
  ["the user's store", addAccounts, removeAccount],
  ['a file', addAccountsToFile, removeAccountFromFile],
] as const;

describe.each(KINDS)('%s', (_kind, add, remove) => {
  it.each([0o000, 0o022, 0o077])('is made 0600 whatever the umask (%o), and stays so', async (mask) => {
    const path = join(scratchDirectory(), 'accounts.json');
    withUmask(mask);
    expect(await add(path, { alice: ALICE })).toEqual({ ok: true, value: undefined });
    expect(modeOf(path)).toBe('600');
    expect(await add(path, { bob: BOB })).toEqual({ ok: true, value: undefined });
    expect(await remove(path, 'alice')).toEqual({ ok: true, value: undefined });
    expect(modeOf(path)).toBe('600');
    expect(await namesIn(path)).toEqual(['bob']);
  });

  it('is a document like any other, and keeps what else stands in it', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    const document = {
      $schema: 'x',
      defaults: { expires: 60 },
      accounts: { bob: BOB },
      agent: { http: '127.0.0.1:1' },
    };
    writeFileSync(path, JSON.stringify(document), { mode: 0o600 });
    expect((await add(path, { 'alice.home': ALICE })).ok).toBe(true);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      ...document,
      accounts: { bob: BOB, 'alice.home': ALICE },
    });
    expect((await remove(path, 'alice.home')).ok).toBe(true);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(document);
    expect(readFileSync(path, 'utf8').endsWith('}\n')).toBe(true);
  });

  it('never overwrites an account', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    await add(path, { alice: ALICE });
    const before = readFileSync(path, 'utf8');
    const again = await add(path, { alice: BOB });
    expect(again.ok === false && again.error).toMatchObject({ kind: 'name-taken', exit: 64 });
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it.each([
    ['a wrong entry', 'bob', { aor: 'sip:bob:hunter2@example.com' }],
    ['a wrong name', '../bob', BOB],
    ['a reserved name', '__proto__', BOB],
    ['a duplicate', 'second', ALICE],
  ])('is not touched by %s', async (_what, name, entry) => {
    const path = join(scratchDirectory(), 'accounts.json');
    await add(path, { alice: ALICE });
    const before = readFileSync(path, 'utf8');
    const added = await add(path, { [name]: entry });
    expect(added.ok === false && added.error).toMatchObject({ kind: 'invalid', exit: 78 });
    expect(JSON.stringify(added)).not.toContain('hunter2');
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(readdirSync(join(path, '..'))).toEqual(['accounts.json']);
  });

  it('is not touched when it is wrong already', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, '{"accounts": {},}');
    for (const edit of [await add(path, { bob: BOB }), await remove(path, 'bob')]) {
      expect(edit.ok === false && edit.error).toMatchObject({ kind: 'invalid', exit: 78 });
      expect(edit.ok === false && edit.error.message).toContain(`${path}:1:16: trailing comma`);
    }
    expect(readFileSync(path, 'utf8')).toBe('{"accounts": {},}');
  });

  it('says which account it does not know', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    const absent = await remove(path, 'bob');
    expect(absent.ok === false && absent.error.exit).toBe(66);
    await add(path, { alice: ALICE });
    for (const name of ['bob', 'toString']) {
      const removed = await remove(path, name);
      expect(removed.ok === false && removed.error).toMatchObject({ kind: 'unknown-account', exit: 66 });
    }
  });

  it('says that it could not be written', async () => {
    const path = join(scratchDirectory(), 'plain');
    writeFileSync(path, '');
    const added = await add(join(path, 'accounts.json'), { bob: BOB });
    expect(added.ok === false && added.error).toMatchObject({ kind: 'not-written', exit: 66 });
    expect(added.ok === false && added.error.message).toMatch(/could not be written: E/);
  });
});

describe("the user's store", () => {
  it('becomes 0600 again when somebody has opened it', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, '{"accounts": {}}');
    chmodSync(path, 0o644);
    withUmask(0);
    expect((await addAccounts(path, { alice: ALICE })).ok).toBe(true);
    expect(modeOf(path)).toBe('600');
  });

  it('makes its directory for the user alone', async () => {
    const home = scratchDirectory();
    withUmask(0);
    await addAccounts(join(home, 'sipreg', 'accounts.json'), { alice: ALICE });
    expect(modeOf(join(home, 'sipreg'))).toBe('700');
    expect(readdirSync(join(home, 'sipreg'))).toEqual(['accounts.json']);
  });
});

describe('a file', () => {
  it.each([0o640, 0o600, 0o644, 0o660])('keeps its mode %o', async (mode) => {
    const path = join(scratchDirectory(), 'accounts.json');
    withUmask(0o077);
    writeFileSync(path, '{"accounts": {}}');
    chmodSync(path, mode);
    expect((await addAccountsToFile(path, { alice: ALICE })).ok).toBe(true);
    expect(modeOf(path)).toBe(mode.toString(8));
  });

  it.runIf(process.getuid?.() === 0)('keeps its owner when root writes it', async () => {
    const path = join(scratchDirectory(), 'accounts.json');
    writeFileSync(path, '{"accounts": {}}', { mode: 0o640 });
    chownSync(path, 1234, 2345);
    expect((await addAccountsToFile(path, { alice: ALICE })).ok).toBe(true);
    const { uid, gid } = statSync(path);
    expect([uid, gid, modeOf(path)]).toEqual([1234, 2345, '640']);
  });

  it('is replaced by a whole new one, and no temporary file stays', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'accounts.json');
    await addAccountsToFile(path, { alice: ALICE });
    const before = statSync(path).ino;
    await addAccountsToFile(path, { bob: BOB });
    expect(statSync(path).ino).not.toBe(before);
    expect(readdirSync(directory)).toEqual(['accounts.json']);
  });

  it('stays behind its link', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'real'));
    const real = join(directory, 'real', 'accounts.json');
    const link = join(directory, 'accounts.json');
    writeFileSync(real, '{"accounts": {}}', { mode: 0o600 });
    symlinkSync(real, link);
    expect((await addAccountsToFile(link, { alice: ALICE })).ok).toBe(true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(await namesIn(real)).toEqual(['alice']);
  });

  it('says what to do where the directory is missing', async () => {
    const path = join(scratchDirectory(), 'no', 'accounts.json');
    const added = await addAccountsToFile(path, { alice: ALICE });
    expect(added).toMatchObject({
      error: { message: `${path} could not be written: ENOENT: its directory does not exist; make it first` },
    });
  });
});

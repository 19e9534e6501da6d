// Files that are replaced whole, with their owner and mode.

import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isStream, writeAtomically } from '../../src/runtime/atomic-file.ts';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-file-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writing', () => {
  it('makes a new file with the mode asked for, and nothing beside it', async () => {
    await writeAtomically(path, 'text', 0o600);
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('replaces by a new file: who has the old one open reads on in it', async () => {
    writeFileSync(path, 'old', { mode: 0o644 });
    const before = statSync(path).ino;
    await writeAtomically(path, 'new', 0o600);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).ino).not.toBe(before);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('leaves everything as it was when it may not replace', async () => {
    writeFileSync(path, 'old');
    expect(await writeAtomically(path, 'new', 0o600, () => false)).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('leaves nothing behind when it fails', async () => {
    mkdirSync(path);
    await expect(writeAtomically(path, 'new', 0o600)).rejects.toThrow(/EISDIR|ENOTEMPTY/);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it.runIf(process.geteuid?.() === 0)(
    'run by root, keeps the owner; a new file gets the directory’s',
    async () => {
      chownSync(directory, 65534, 65533);
      await writeAtomically(path, 'new', 0o600);
      expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65533 });
      chownSync(path, 12345, 12346);
      await writeAtomically(path, 'newer', 0o600);
      expect(statSync(path)).toMatchObject({ uid: 12345, gid: 12346 });
    },
  );
});

describe('what no file may take the place of', () => {
  it.each(['/dev/null', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])('is %s', (place) => {
    expect(isStream(place)).toBe(true);
  });

  it('is what exists and is no regular file', () => {
    expect(isStream(directory)).toBe(true);
  });

  it('is no file, no link to one, no new name, and nothing in a directory that is not there', () => {
    writeFileSync(path, 'old');
    symlinkSync(path, join(directory, 'link'));
    for (const name of ['file', 'link', 'new', 'none/new'])
      expect(isStream(join(directory, name))).toBe(false);
    expect(isStream('/dev/shm/capture')).toBe(false);
  });
});

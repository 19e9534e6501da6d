import { chownSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDirectory } from '../../src/runtime/own-directory.ts';

describe('a directory of our own', () => {
  let parent = '';
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'sipreg-directory-'));
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('is made with its parents, 0700, and may be asked again', () => {
    const path = join(parent, '.local', 'state', 'sipreg');
    ensureDirectory(path);
    ensureDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.geteuid?.() === 0)('belongs to the owner of its parent, made by root', () => {
    chownSync(parent, 65534, 65533);
    const path = join(parent, '.local', 'state', 'sipreg');
    ensureDirectory(path);
    for (const made of [path, dirname(path), dirname(dirname(path))]) {
      expect(statSync(made)).toMatchObject({ uid: 65534, gid: 65533 });
    }
  });

  it.runIf(existsSync('/proc/self'))('that cannot be made is told, and not tried for ever', () => {
    expect(() => ensureDirectory('/proc/sipreg/state')).toThrow('ENOENT');
  });
});

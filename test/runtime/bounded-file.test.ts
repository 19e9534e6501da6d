// Reading that cannot be held up or flooded.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBeginning, readBounded } from '../../src/runtime/bounded-file.ts';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-file-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('reading of a file of our own', () => {
  it('gives the text of a file up to the limit and no more', () => {
    writeFileSync(path, 'größer');
    expect(readBounded(path, 8)).toEqual({ type: 'text', text: 'größer' });
    expect(readBounded(path, 7)).toMatchObject({
      type: 'unfit',
      problem: expect.stringContaining('8 bytes'),
    });
  });

  it('says when there is none', () => {
    expect(readBounded(path, 10)).toEqual({ type: 'none' });
    expect(readBeginning(path, 10)).toBeNull();
  });

  it('refuses what is no regular file, and does not wait for a writer', () => {
    execFileSync('mkfifo', [path]);
    expect(readBounded(path, 10)).toMatchObject({ type: 'unfit' });
    expect(readBounded(directory, 10)).toMatchObject({ type: 'unfit' });
  });

  it('gives the beginning of a longer file', () => {
    writeFileSync(path, 'beginning and end');
    expect(readBeginning(path, 9)).toBe('beginning');
    expect(readBeginning(path, 100)).toBe('beginning and end');
  });
});

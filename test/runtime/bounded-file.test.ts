// Reading that cannot be held up or flooded.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAtMost, readBeginning, readBounded, utf8Of } from '../../src/runtime/bounded-file.ts';

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-file-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('reading of a file that people wrote', () => {
  it('gives up on a pipe that nobody writes to, and holds no thread for it', async () => {
    execFileSync('mkfifo', [path]);
    // More than libuv has threads.
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => readAtMost(path, 10, 100)));
    for (const attempt of attempts) expect(attempt).toMatchObject({ reason: { code: 'ETIMEDOUT' } });
  });

  it('gives up on a pipe whose writer is silent', async () => {
    execFileSync('mkfifo', [path]);
    const writer = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    await expect(readAtMost(path, 10, 100)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    closeSync(writer);
  });

  it('takes what comes through a pipe, when and in what pieces it comes', async () => {
    execFileSync('mkfifo', [path]);
    const reading = readAtMost(path, 100);
    spawn('sh', ['-c', 'exec >"$1"; echo one; sleep 0.1; echo two', 'sh', path], { stdio: 'ignore' });
    expect(utf8Of(await reading)).toBe('one\ntwo\n');
  });
});

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

import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keyLogPath, openKeyLog } from '../../../src/runtime/tls/key-log.ts';
import { makeTemporaryDirectory } from '../../support/certificates.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

function opened(file: string, failed: (reason: string) => void = () => {}) {
  const log = openKeyLog(file, failed);
  if (!log.ok) throw new Error(log.error);
  return log.value;
}

describe('the key log', () => {
  it('is appended to, and is for this user only, also when it was open to others', () => {
    const file = directory.write('keys', 'before\n', 0o644);
    const log = opened(file);
    log.write(Buffer.from('CLIENT_RANDOM 00 11\n'));
    log.close();
    log.write(Buffer.from('too late\n'));
    expect(readFileSync(file, 'latin1')).toBe('before\nCLIENT_RANDOM 00 11\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('that cannot be opened is told', () => {
    const file = path.join(directory.path, 'none', 'keys');
    const log = openKeyLog(file, () => {});
    expect(log).toEqual({ ok: false, error: `the TLS key log ${file} cannot be opened: ENOENT` });
  });

  it('that cannot be written is told once, and ends; a device stays open to others', () => {
    const before = statSync('/dev/full').mode;
    const reasons: string[] = [];
    const log = opened('/dev/full', (reason) => reasons.push(reason));
    log.write(Buffer.from('a\n'));
    log.write(Buffer.from('b\n'));
    expect(reasons).toEqual([expect.stringContaining('/dev/full cannot be written, and ends here: ENOSPC')]);
    expect(statSync('/dev/full').mode).toBe(before);
  });

  it('is the file of $SSLKEYLOGFILE only where that is named', () => {
    const env = { SSLKEYLOGFILE: '/tmp/keys' };
    expect(keyLogPath('SSLKEYLOGFILE', env)).toBe('/tmp/keys');
    expect(keyLogPath('/other', env)).toBe('/other');
    expect(keyLogPath('SSLKEYLOGFILE', {})).toBeNull();
  });
});

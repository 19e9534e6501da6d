// The secrets of TLS sessions in the format of SSLKEYLOGFILE, so that Wireshark can read what was captured. Whoever has
// this file reads everything, passwords' digests included: it is written only where somebody asked for it by name.

import { closeSync, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs';
import { failure, type Result, success } from '../../core/result.ts';

/** Takes one line, with its end, as Node's `keylog` event hands it over. */
export type KeyLog = (line: Uint8Array) => void;

export type OpenKeyLog = {
  readonly write: KeyLog;
  readonly close: () => void;
};

/**
 * Opens `file` for appending, readable for this user only. The error says in words why it cannot be. `failed` is called
 * once, with the reason, when a line cannot be written; the sessions go on without it.
 */
export function openKeyLog(file: string, failed: (reason: string) => void): Result<OpenKeyLog, string> {
  let descriptor: number | null;
  try {
    descriptor = openSync(file, 'a', 0o600);
    // One that was there already may be open to others; a device, such as /dev/null, stays theirs too.
    if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600);
  } catch (error) {
    return failure(`the TLS key log ${file} cannot be opened: ${reasonOf(error)}`);
  }
  const close = (): void => {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
  };
  return success({
    write: (line) => {
      if (descriptor === null) return;
      try {
        writeSync(descriptor, line);
      } catch (error) {
        close();
        failed(`the TLS key log ${file} cannot be written, and ends here: ${reasonOf(error)}`);
      }
    },
    close,
  });
}

/** The file that `--tls-keylog` names: a path, or the word SSLKEYLOGFILE for that of the variable; null: not set. */
export function keyLogPath(option: string, env: Readonly<Record<string, string | undefined>>): string | null {
  if (option !== VARIABLE) return option;
  return env[VARIABLE] || null;
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const VARIABLE = 'SSLKEYLOGFILE';

// Brings accounts out of `blocked` when their secret changes (behaviour.md §10): the files of those whose credentials
// were rejected are looked at every few seconds, and read again when they changed. Nobody else's are touched.

import { stat } from 'node:fs';
import { promisify } from 'node:util';
import type { CredentialSource } from '../accounts/plan.ts';
import type { ManagedRegistration } from './managed-registration.ts';

export type SecretWatch = { readonly stop: () => void };

const LOOK_EVERY_MS = 5_000;
/** The stamp of an account whose secret is in no file. */
const NO_FILES = '';

/**
 * Calls `changed` for each of `rejected()` whose secret files are others than at the last look; and once at the first
 * look, because they may have changed since they were read.
 */
export function watchSecrets(
  rejected: () => Iterable<ManagedRegistration>,
  changed: (account: ManagedRegistration) => void,
  lookEveryMs: number = LOOK_EVERY_MS,
): SecretWatch {
  let known = new Map<ManagedRegistration, string>();
  let isLooking = false;
  const look = async (): Promise<void> => {
    const seen = new Map<ManagedRegistration, string>();
    for (const account of rejected()) {
      const stamp = await stampOf(account.setup.secrets);
      const before = known.get(account);
      seen.set(account, stamp);
      if (stamp !== (before ?? NO_FILES)) changed(account);
    }
    known = seen;
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  }, lookEveryMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Identity, size and times of every file that holds a part of the secret; a missing one counts as such. */
async function stampOf(sources: readonly CredentialSource[]): Promise<string> {
  const stamps = await Promise.all(sources.flatMap(filesOf).map(fileStamp));
  return stamps.join(' ');
}

function filesOf({ secret }: CredentialSource): readonly string[] {
  const sources = secret.type === 'ha1-by-algorithm' ? Object.values(secret.sources) : [secret.source];
  return sources.flatMap((source) => (source.type === 'file' ? [source.path] : []));
}

async function fileStamp(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await promisify(stat)(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(':');
  } catch {
    // Whatever keeps us from looking also keeps us from reading: that is told when it is read.
    return 'none';
  }
}

// Whether a secret is still the one that was rejected, over restarts and without keeping it: 32 bits of a keyed hash.
// That is enough to notice a change, and too little to check a guess against.

import { createHmac } from 'node:crypto';
import type { Credential } from '../core/digest/algorithm.ts';

/** The fingerprint of all credentials of an account; `key` is the state directory's instance id. */
export function secretFingerprint(credentials: readonly Credential[], key: string): string {
  return createHmac('sha256', key).update(JSON.stringify(credentials)).digest('hex').slice(0, 8);
}

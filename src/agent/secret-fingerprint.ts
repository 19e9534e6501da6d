// Whether a secret is still the one that was rejected, over restarts and without keeping it: 32 bits of a keyed hash.
// That is enough to notice a change, and too little to check a guess against.

import { createHmac } from 'node:crypto';
import type { Credential, Secret } from '../core/digest/algorithm.ts';

/** The fingerprint of all credentials of an account; `key` is the state directory's instance id. */
export function secretFingerprint(credentials: readonly Credential[], key: string): string {
  // What is not there leaves no trace in JSON: the policy counts only where there is one.
  const written = credentials.map(({ realm, username, secret, policy }) => ({
    realm,
    username,
    secret: spelled(secret),
    policy,
  }));
  return createHmac('sha256', key).update(JSON.stringify(written)).digest('hex').slice(0, 8);
}

/** As it has always been spelled: what an earlier run has noted must still be the same. */
function spelled(secret: Secret): object {
  return typeof secret === 'string'
    ? { type: 'password', password: secret }
    : { type: 'ha1', byAlgorithm: secret };
}

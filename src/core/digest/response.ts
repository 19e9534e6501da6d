// The Digest formulas (RFC 7616 §3.4.1 to §3.4.4, RFC 8760 §2.6), without any state. The hash comes in as a
// function; every value is lower-case hex.

import type { DigestAlgorithm, HashFn } from './algorithm.ts';
import type { Qop } from './challenge.ts';

export type Ha1Input = {
  readonly algorithm: DigestAlgorithm;
  readonly username: string;
  readonly realm: string;
  readonly password: string;
};

export type SessionHa1Input = {
  readonly algorithm: DigestAlgorithm;
  readonly ha1: string;
  readonly nonce: string;
  readonly cnonce: string;
};

/** What a qop adds to the hash; `nc` as it is sent, eight hex digits. */
export type Protection = { readonly qop: Qop; readonly nc: string; readonly cnonce: string };

export type ResponseInput = {
  readonly algorithm: DigestAlgorithm;
  /** For "-sess" the session's. */
  readonly ha1: string;
  readonly nonce: string;
  /** Null: no qop. */
  readonly protection: Protection | null;
  readonly method: string;
  readonly uri: string;
  /** Only hashed for auth-int; empty for a message without a body. */
  readonly body: Uint8Array;
};

/** H(username:realm:password). Text is hashed as it stands: normalising it is the caller's decision. */
export function computeHa1({ algorithm, username, realm, password }: Ha1Input, hash: HashFn): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/** The HA1 of a "-sess" algorithm: H(HA1:nonce:cnonce), of the first request after the challenge. */
export function computeSessionHa1({ algorithm, ha1, nonce, cnonce }: SessionHa1Input, hash: HashFn): string {
  return hash(algorithm, `${ha1}:${nonce}:${cnonce}`);
}

/** The name that is sent instead of the user's when the server asks for `userhash` (RFC 7616 §3.4.4). */
export function computeUserhash(
  { algorithm, username, realm }: Omit<Ha1Input, 'password'>,
  hash: HashFn,
): string {
  return hash(algorithm, `${username}:${realm}`);
}

/**
 * The response value. With qop it is H(HA1:nonce:nc:cnonce:qop:HA2), without the older H(HA1:nonce:HA2) of RFC 2069.
 * An empty `method` makes the `rspauth` of a server (RFC 7616 §3.5).
 */
export function computeResponse(input: ResponseInput, hash: HashFn): string {
  const { algorithm, ha1, nonce, protection } = input;
  const ha2 = computeHa2(input, hash);
  if (protection === null) return hash(algorithm, `${ha1}:${nonce}:${ha2}`);
  const { nc, cnonce, qop } = protection;
  return hash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}

/** H(A2) of RFC 7616 §3.4.3. */
function computeHa2({ algorithm, method, uri, body, protection }: ResponseInput, hash: HashFn): string {
  const plain = `${method}:${uri}`;
  if (protection?.qop === 'auth-int') return hash(algorithm, `${plain}:${hash(algorithm, body)}`);
  // All accounts of a registrar send it the same method and URI: what they have in common is hashed once.
  if (latest?.text !== plain || latest.algorithm !== algorithm || latest.hash !== hash) {
    latest = { text: plain, algorithm, hash, ha2: hash(algorithm, plain) };
  }
  return latest.ha2;
}

let latest: {
  readonly text: string;
  readonly algorithm: DigestAlgorithm;
  readonly hash: HashFn;
  readonly ha2: string;
} | null = null;

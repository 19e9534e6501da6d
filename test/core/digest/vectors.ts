// The published Digest vectors of test/vectors/digest.json as typed data, and the headers that go with each.

import { readFileSync } from 'node:fs';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import { type Challenge, parseChallenges } from '../../../src/core/digest/challenge.ts';
import { quote } from '../../../src/core/sip/scan.ts';

export type Vector = {
  readonly id: string;
  readonly source: string;
  readonly method: string;
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly nonce: string;
  readonly uri: string;
  readonly qop?: 'auth' | 'auth-int';
  readonly nc?: string;
  readonly cnonce?: string;
  readonly opaque?: string;
  readonly algorithm?: string;
  readonly charset?: string;
  readonly body?: string;
  readonly usernameStar?: string;
  readonly published: { readonly response: string; readonly ha1?: string; readonly userhash?: string };
  readonly computed: {
    readonly ha1: string;
    readonly ha1sess?: string;
    readonly response: string;
    readonly rspauth: string;
    readonly userhash: string;
  };
  readonly verified: boolean;
};

type VectorFile = {
  readonly emptyBodyHash: { readonly computed: Readonly<Record<'MD5' | 'SHA-256' | 'SHA-512-256', string>> };
  readonly vectors: readonly Vector[];
};

const file: VectorFile = JSON.parse(
  readFileSync(new URL('../../vectors/digest.json', import.meta.url), 'utf8'),
);

export const emptyBodyHash = file.emptyBodyHash.computed;
/** The vectors whose printed response is right. */
export const goodVectors = file.vectors.filter((vector) => vector.verified);
/** Those that were printed wrong (RFC 7616 §3.9.2 before its erratum). */
export const wrongVectors = file.vectors.filter((vector) => !vector.verified);

export function vectorChallenge(vector: Vector): Challenge {
  const parameters = [`realm=${quote(vector.realm)}`, `nonce=${quote(vector.nonce)}`];
  if (vector.opaque !== undefined) parameters.push(`opaque=${quote(vector.opaque)}`);
  if (vector.algorithm !== undefined) parameters.push(`algorithm=${vector.algorithm}`);
  if (vector.qop !== undefined) parameters.push(`qop="${vector.qop}"`);
  if (vector.charset !== undefined) parameters.push(`charset=${vector.charset}`);
  return challengeOf(`Digest ${parameters.join(', ')}`);
}

/** The credentials header of a vector, with `response`. */
export function vectorAuthorization(vector: Vector, response: string): string {
  const username = vector.usernameStar
    ? `username*=${vector.usernameStar}`
    : `username=${quote(vector.username)}`;
  const parameters = [username, `realm=${quote(vector.realm)}`, `nonce=${quote(vector.nonce)}`];
  parameters.push(`uri=${quote(vector.uri)}`, `response="${response}"`);
  if (vector.algorithm !== undefined) parameters.push(`algorithm=${vector.algorithm}`);
  if (vector.qop !== undefined)
    parameters.push(`qop=${vector.qop}`, `nc=${vector.nc}`, `cnonce="${vector.cnonce}"`);
  return `Digest ${parameters.join(', ')}`;
}

export function vectorCredential({ username, password }: Vector): Credential {
  return { realm: null, username, secret: password };
}

export function bodyOf(vector: Vector): Uint8Array {
  return new TextEncoder().encode(vector.body ?? '');
}

/** The only challenge that a WWW-Authenticate value has; throws when there is another number of them. */
export function challengeOf(value: string): Challenge {
  const { usable } = parseChallenges([{ name: 'WWW-Authenticate', value }]);
  const [challenge] = usable;
  if (challenge === undefined || usable.length > 1)
    throw new Error(`${usable.length} challenges in ${value}`);
  return challenge;
}

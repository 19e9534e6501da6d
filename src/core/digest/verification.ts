// The server's side of Digest (RFC 3261 §22.4, RFC 7616 §3.4), for the embedded registrar and the tests. It answers
// one question: was this made with this secret? Whether nonce, nonce count and URI are the right ones is the registrar's.

import type { DigestAlgorithm, HashFn, Secret } from './algorithm.ts';
import { parseAlgorithmName } from './algorithm-name.ts';
import type { Qop } from './challenge.ts';
import { parameterValue, scanSchemes } from './parameters.ts';
import {
  computeHa1,
  computeResponse,
  computeSessionHa1,
  computeUserhash,
  type Protection,
} from './response.ts';

/** A parsed Authorization or Proxy-Authorization; texts are unquoted, "" where a parameter is absent. */
export type DigestAuthorization = {
  /** Decoded from `username*` where that was sent; H(user:realm) when `userhash`. */
  readonly username: string;
  readonly userhash: boolean;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  /** "" in the first request of an IMS client. Never to be shown to anybody. */
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  readonly session: boolean;
  readonly opaque: string | null;
  /** Null: RFC 2069 form. */
  readonly protection: Protection | null;
};

export type VerificationInput = {
  readonly authorization: DigestAuthorization;
  /** The name in the registrar's own list, not the one that was sent. */
  readonly username: string;
  readonly secret: Secret;
  readonly method: string;
  readonly body: Uint8Array;
};

/** Null for another scheme, an algorithm or qop that we do not know, or a `username*` beside a `username`. */
export function parseAuthorization(value: string): DigestAuthorization | null {
  const listed = scanSchemes(value)[0];
  if (listed?.scheme !== 'digest') return null;
  const parameters = listed.parameters;
  const text = (name: string): string => parameterValue(parameters, name) ?? '';
  const named = parseAlgorithmName(text('algorithm'));
  const username = readUsername(
    parameterValue(parameters, 'username'),
    parameterValue(parameters, 'username*'),
  );
  const protection = readProtection(text('qop'), text('nc'), text('cnonce'));
  if (named === null || username === null || protection === undefined) return null;
  return {
    username,
    userhash: text('userhash').toLowerCase() === 'true',
    realm: text('realm'),
    nonce: text('nonce'),
    uri: text('uri'),
    response: text('response').toLowerCase(),
    ...named,
    opaque: parameterValue(parameters, 'opaque') ?? null,
    protection,
  };
}

/**
 * Whether `authorization` was made for this user with this secret, for a request with this method and body.
 * A registrar that offered charset=UTF-8 hands in NFC texts (RFC 7616 §4).
 */
export function verifyAuthorization(
  { authorization, username, secret, method, body }: VerificationInput,
  hash: HashFn,
): boolean {
  const { algorithm, realm, nonce, uri, protection } = authorization;
  const sentName = authorization.userhash ? computeUserhash({ algorithm, username, realm }, hash) : username;
  if (!equalInConstantTime(authorization.username, sentName)) return false;
  const base =
    typeof secret === 'string'
      ? computeHa1({ algorithm, username, realm, password: secret }, hash)
      : secret[algorithm]?.toLowerCase();
  if (base === undefined) return false;
  if (authorization.session && protection === null) return false;
  const ha1 = authorization.session
    ? computeSessionHa1({ algorithm, ha1: base, nonce, cnonce: protection?.cnonce ?? '' }, hash)
    : base;
  const expected = computeResponse({ algorithm, ha1, nonce, protection, method, uri, body }, hash);
  return equalInConstantTime(authorization.response, expected);
}

function readUsername(plain: string | undefined, extended: string | undefined): string | null {
  if (extended === undefined) return plain ?? '';
  // RFC 7616 §3.4: both together is an error.
  if (plain !== undefined) return null;
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(extended)?.[1];
  if (encoded === undefined) return null;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null; // A malformed name is nobody's name.
  }
}

/** Undefined when the parameters make no protection that we know. */
function readProtection(qopText: string, nc: string, cnonce: string): Protection | null | undefined {
  if (qopText === '') return null;
  const qop = QOP_VALUES.find((known) => known === qopText.toLowerCase());
  return qop === undefined || !/^[0-9a-f]{8}$/i.test(nc) ? undefined : { qop, nc, cnonce };
}

/** Looks at every character of equally long texts, so that the time taken says nothing about where they differ. */
function equalInConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}

const QOP_VALUES: readonly Qop[] = ['auth', 'auth-int'];

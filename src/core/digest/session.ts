// A challenge being answered (RFC 7616 §3.4, RFC 8760): its nonce, how often it was used, and the Authorization
// values made with it. Kept between REGISTERs, so that a refresh costs no extra round trip. When a rejection is
// final is not decided here but by the registration.

import { assert } from '../assert.ts';
import type { Draft } from '../draft.ts';
import type { Env } from '../env.ts';
import { oncePerContent, oncePerObject, oncePerText } from '../made-once.ts';
import { ownText, sharedText } from '../own-text.ts';
import { randomHex } from '../rng.ts';
import type { HeaderField } from '../sip/message.ts';
import { escaped } from '../sip/scan.ts';
import type { Credential, HashFn } from './algorithm.ts';
import type { Challenge, Qop } from './challenge.ts';
import { hasControlCharacter } from './parameters.ts';
import { computeHa1, computeResponse, computeSessionHa1, computeUserhash } from './response.ts';

/** What of a challenge does not change with its nonce. A registrar says the same to all of its accounts: they share it. */
export type DigestTerms = Omit<Challenge, 'nonce' | 'opaque' | 'qop' | 'stale'> & {
  /** The protection that is used: auth where it is offered (RFC 7616 §3.3); null: none was offered. */
  readonly qop: Qop | null;
};

/** The state of one realm's authentication. It holds no secret and no response. */
export type DigestSession = {
  readonly terms: DigestTerms;
  readonly nonce: string;
  readonly opaque: string | null;
  /** Requests authorized with the present nonce; the next one is this plus one. */
  readonly nonceCount: number;
  /** Of the request that is under way; null before it, after it, and without qop. With "-sess" the first one stays. */
  readonly cnonce: string | null;
  /** The nonce that the "-sess" key is made of: the challenge's own, also after `nextnonce` (RFC 7616 §3.4.2). */
  readonly keyNonce: string;
};

export type AuthorizedRequest = {
  readonly method: string;
  /** The Request-URI exactly as sent (RFC 3261 §22.4). */
  readonly uri: string;
  readonly body: Uint8Array;
};

/** Begins to answer `challenge`, with the nonce count at zero. */
export function startSession(challenge: Challenge): DigestSession {
  // Sessions last, and the message that a challenge stood in does not.
  const nonce = ownText(challenge.nonce);
  const opaque = challenge.opaque === null ? null : sharedText(challenge.opaque);
  return { terms: termsOf(challenge), nonce, opaque, nonceCount: 0, cnonce: null, keyNonce: nonce };
}

function termsOf({
  kind,
  realm,
  algorithm,
  session,
  algorithmText,
  userhash,
  utf8,
  qop,
}: Challenge): DigestTerms {
  return sharedTerms({
    kind,
    realm: sharedText(realm),
    algorithm,
    session,
    algorithmText: algorithmText === null ? null : sharedText(algorithmText),
    userhash,
    utf8,
    qop: qop === null ? null : qop.includes('auth') ? 'auth' : 'auth-int',
  });
}

const sharedTerms = oncePerContent<DigestTerms>();

/** A copy that its maker may still change (draft.ts). */
function sessionDraft(session: DigestSession): Draft<DigestSession> {
  const { terms, nonce, opaque, nonceCount, cnonce, keyNonce } = session;
  return { terms, nonce, opaque, nonceCount, cnonce, keyNonce };
}

/**
 * Makes the credentials header for one request, and the session as it is afterwards. Each call is one use of the
 * nonce: keep the returned session. Throws InvariantError for a secret that cannot answer this algorithm, which
 * selectAnswers never picks.
 */
export function authorize(
  session: DigestSession,
  credential: Credential,
  request: AuthorizedRequest,
  env: Pick<Env, 'hash' | 'rng'>,
): { readonly header: HeaderField; readonly session: DigestSession } {
  const next = sessionDraft(session);
  next.nonceCount++;
  const { kind, qop, session: isKeyed } = session.terms;
  if (qop === null) next.cnonce = null;
  else if (!isKeyed || !next.cnonce) next.cnonce = randomHex(env.rng, CNONCE_BYTES);
  const response = sessionResponse(next, credential, request, env.hash);
  const value = credentialsText(next, credential, request.uri, response, env.hash);
  const name = kind === 'www' ? 'Authorization' : 'Proxy-Authorization';
  return { header: { name, value }, session: next };
}

/** Takes over the `nextnonce` of an Authentication-Info (RFC 7616 §3.5); the count begins again. */
export function renewNonce(session: DigestSession, nextnonce: string): DigestSession {
  if (nextnonce === session.nonce) return session;
  const next = sessionDraft(session);
  next.nonce = ownText(nextnonce);
  next.nonceCount = 0;
  return next;
}

/** The session between two requests. What the answer was checked by is not kept meanwhile, but for the key of "-sess". */
export function atRest(session: DigestSession): DigestSession {
  if (session.cnonce === null || session.terms.session) return session;
  const next = sessionDraft(session);
  next.cnonce = null;
  return next;
}

/** The response for the request that `session` has just counted; an empty method makes a server's `rspauth`. */
export function sessionResponse(
  session: DigestSession,
  credential: Credential,
  { method, uri, body }: AuthorizedRequest,
  hash: HashFn,
): string {
  const { terms, nonce, cnonce, keyNonce } = session;
  const { algorithm, qop } = terms;
  const base = baseHa1(terms, credential, hash);
  const ha1 = terms.session
    ? computeSessionHa1({ algorithm, ha1: base, nonce: keyNonce, cnonce: cnonce ?? '' }, hash)
    : base;
  const protection = qop === null ? null : { qop, nc: nonceCountText(session), cnonce: cnonce ?? '' };
  return computeResponse({ algorithm, ha1, nonce, protection, method, uri, body }, hash);
}

function baseHa1(terms: DigestTerms, { username, secret }: Credential, hash: HashFn): string {
  const { algorithm, realm } = terms;
  if (typeof secret !== 'string') {
    const ha1 = secret[algorithm];
    assert(ha1 !== undefined, `an HA1 for ${algorithm} was selected`);
    // RFC 7616 §3.1.3: hex digits in the hash are lower case, however they were configured.
    return ha1.toLowerCase();
  }
  const password = normalised(terms, secret);
  return computeHa1({ algorithm, username: normalised(terms, username), realm, password }, hash);
}

/** The value of the header, its parameters in the order of RFC 3261 §22.4's example. */
function credentialsText(
  session: DigestSession,
  credential: Credential,
  uri: string,
  response: string,
  hash: HashFn,
): string {
  const { terms, nonce, opaque, cnonce } = session;
  const { realm, algorithm, count } = wordingOf(terms);
  const username = usernameParameter(terms, credential.username, hash);
  let text = `Digest ${username}${realm}${escaped(nonce)}${uriParameter(uri)}${response}${algorithm}`;
  if (cnonce !== null) text += `, cnonce="${cnonce}"`;
  if (opaque !== null) text += `, opaque="${escaped(opaque)}"`;
  if (terms.qop !== null) text += count + nonceCountText(session);
  return terms.userhash ? `${text}, userhash=true` : text;
}

/** What stands around the values that change. */
const wordingOf = oncePerObject(({ realm, algorithmText, qop }: DigestTerms) => ({
  realm: ownText(`, realm="${escaped(realm)}", nonce="`),
  algorithm: ownText(algorithmText === null ? '"' : `", algorithm=${algorithmText}`),
  count: ownText(`, qop=${qop}, nc=`),
}));

const uriParameter = oncePerText((uri) => ownText(`", uri="${escaped(uri)}", response="`));

function usernameParameter(terms: DigestTerms, configured: string, hash: HashFn): string {
  const username = normalised(terms, configured);
  const { algorithm, realm } = terms;
  if (terms.userhash) return `username="${computeUserhash({ algorithm, username, realm }, hash)}"`;
  // A SIP quoted-string holds any UTF-8 (RFC 3261 §25.1), so only control characters need the form of RFC 5987.
  return hasControlCharacter(username)
    ? `username*=UTF-8''${percentEncoded(username)}`
    : `username="${escaped(username)}"`;
}

/** RFC 7616 §4: with charset=UTF-8 names and passwords are NFC; without, they are hashed as configured. */
function normalised({ utf8 }: DigestTerms, text: string): string {
  return utf8 ? text.normalize('NFC') : text;
}

/** Every octet but letters and digits in percent form (RFC 5987 §3.2.1 allows to encode more than is needed). */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** RFC 7616 §3.4: exactly eight lower-case hex digits. */
function nonceCountText({ nonceCount }: DigestSession): string {
  const digits = nonceCount.toString(16);
  return `${'00000000'.slice(digits.length)}${digits}`;
}

const CNONCE_BYTES = 16;

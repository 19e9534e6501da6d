// Authentication-Info and Proxy-Authentication-Info of a 2xx (RFC 7616 §3.5 and §3.8, RFC 8760): the next nonce, and
// the server's proof that it knows the secret too. A malformed one says nothing and never fails a registration.

import { headerRows, headerValue } from '../sip/headers.ts';
import type { HeaderField } from '../sip/message.ts';
import type { Credential, HashFn } from './algorithm.ts';
import { type ChallengeKind, canBeEchoed, type Qop } from './challenge.ts';
import { parameterValue, scanSchemes } from './parameters.ts';
import { type DigestSession, sessionResponse } from './session.ts';

export type AuthenticationInfo = {
  readonly nextnonce: string | null;
  readonly rspauth: string | null;
  readonly qop: Qop | null;
  readonly cnonce: string | null;
  readonly nc: string | null;
};

function nameFor(kind: ChallengeKind): string {
  return kind === 'www' ? 'Authentication-Info' : 'Proxy-Authentication-Info';
}

/** Whether the header that belongs to `kind` is there at all. */
export function hasAuthenticationInfo(headers: readonly HeaderField[], kind: ChallengeKind): boolean {
  return headerValue(headers, nameFor(kind)) !== null;
}

/** Reads the header that belongs to `kind`; null when there is none. What is malformed in it is null. */
export function parseAuthenticationInfo(
  headers: readonly HeaderField[],
  kind: ChallengeKind,
): AuthenticationInfo | null {
  const rows = headerRows(headers, nameFor(kind));
  if (rows.length === 0) return null;
  // Several rows are one list (RFC 3261 §7.3.1); Digest parameters stand in it without a scheme.
  const parameters = scanSchemes(rows.join(', '))[0]?.parameters ?? [];
  const text = (key: string): string | null => parameterValue(parameters, key) || null;
  const nextnonce = text('nextnonce');
  const qop = text('qop')?.toLowerCase();
  return {
    nextnonce: nextnonce !== null && canBeEchoed(nextnonce) ? nextnonce : null,
    rspauth: text('rspauth'),
    qop: qop === 'auth' || qop === 'auth-int' ? qop : null,
    cnonce: text('cnonce'),
    nc: text('nc'),
  };
}

/**
 * Whether the server proved that it knows the secret. `session` is the one that `authorize` returned for the request,
 * before `renewNonce`; `body` is the response's. `absent`: the server did not try to prove it.
 */
export function checkRspauth(
  info: AuthenticationInfo | null,
  session: DigestSession,
  credential: Credential,
  { uri, body }: { readonly uri: string; readonly body: Uint8Array },
  hash: HashFn,
): 'absent' | 'match' | 'mismatch' {
  if (info === null || info.rspauth === null) return 'absent';
  // RFC 7616 §3.5: the server may protect its response otherwise than we did the request; A2 has no method.
  const { terms } = session;
  const protectedSo = { ...terms, qop: terms.qop === null ? null : (info.qop ?? terms.qop) };
  const expected = sessionResponse(
    { ...session, terms: protectedSo },
    credential,
    { method: '', uri, body },
    hash,
  );
  return info.rspauth.toLowerCase() === expected ? 'match' : 'mismatch';
}

// Who sent a request (RFC 3261 §22.2, §22.4, RFC 7616): challenges, the nonces that were given out, and their counts.
// A nonce that is not held any more is stale, so forgetting one costs a client a round trip and nothing else.

import type { Secret } from '../core/digest/algorithm.ts';
import type { DigestAuthorization } from '../core/digest/verification.ts';
import { parseAuthorization, verifyAuthorization } from '../core/digest/verification.ts';
import type { Env } from '../core/env.ts';
import { randomHex } from '../core/rng.ts';
import { headerRows } from '../core/sip/headers.ts';
import type { HeaderField, SipRequest } from '../core/sip/message.ts';
import { quote } from '../core/sip/scan.ts';
import { sameUriText } from '../core/sip/uri-compare.ts';
import type { Millis } from '../core/time.ts';
import { type Answer, refusal } from '../core/uas/response.ts';
import { type ExpiringTable, emptyTable, lookUp, store } from './expiring-table.ts';
import type { AuthenticationSettings } from './settings.ts';

/** The nonces that were given out. */
export type Nonces = ExpiringTable<IssuedNonce>;

/** `lastCount` is the highest nonce count seen; 0 when it was only given out. */
type IssuedNonce = { readonly lastCount: number; readonly expiresAt: Millis };

export type Authenticated = {
  readonly nonces: Nonces;
  /** `headers` belong into a 2xx. */
  readonly outcome:
    | { readonly type: 'known'; readonly user: string; readonly headers: readonly HeaderField[] }
    | { readonly type: 'refused'; readonly answer: Answer };
};

/** No nonce is given out yet. */
export function emptyNonces(): Nonces {
  return emptyTable(MAX_NONCES);
}

/** Checks the credentials of `request`; without good ones the outcome is a challenge. */
export function authenticate(
  nonces: Nonces,
  request: SipRequest,
  { users, settings }: Authority,
  env: Env,
): Authenticated {
  const authorization = credentialsFor(request, settings);
  const user = authorization?.username ?? '';
  const secret = users.get(user);
  const isGenuine =
    authorization !== null &&
    secret !== undefined &&
    verifyAuthorization(
      { authorization, username: user, secret, method: request.method, body: request.body },
      env.hash,
    );
  if (!isGenuine) return challenge(nonces, settings, false, env);
  // RFC 7616 §3.4: credentials for one URI are none for another.
  if (!sameUriText(authorization.uri, request.uri)) {
    const answer = refusal(400, 'Digest URI Differs From Request-URI');
    return { nonces, outcome: { type: 'refused', answer } };
  }
  const { nonce } = authorization;
  const issued = lookUp(nonces, nonce, env.now);
  const count = nonceCount(authorization);
  // RFC 7616 §3.3: who proves the secret with an old or replayed nonce only needs a new one.
  if (issued === undefined || count <= issued.lastCount) return challenge(nonces, settings, true, env);
  if (!settings.nextNonce) {
    const counted = hold(nonces, nonce, { ...issued, lastCount: count }, env);
    return { nonces: counted, outcome: { type: 'known', user, headers: [] } };
  }
  const usedUp = hold(nonces, nonce, { ...issued, lastCount: Number.POSITIVE_INFINITY }, env);
  const next = issue(usedUp, settings, env);
  const header = { name: 'Authentication-Info', value: `nextnonce=${quote(next.nonce)}` };
  return { nonces: next.nonces, outcome: { type: 'known', user, headers: [header] } };
}

export type Authority = {
  readonly users: ReadonlyMap<string, Secret>;
  readonly settings: AuthenticationSettings;
};

/** The Digest credentials for our realm, made as one of our challenges asks; null when there are none. */
function credentialsFor(
  request: SipRequest,
  { realm, algorithms }: AuthenticationSettings,
): DigestAuthorization | null {
  for (const row of headerRows(request.headers, 'Authorization').slice(0, MAX_CREDENTIALS)) {
    const read = parseAuthorization(row);
    if (read === null || read.realm !== realm || read.session) continue;
    if (!algorithms.includes(read.algorithm) || read.protection?.qop === 'auth-int') continue;
    return read;
  }
  return null;
}

/** One challenge for each algorithm, all with the same new nonce. */
function challenge(
  nonces: Nonces,
  settings: AuthenticationSettings,
  stale: boolean,
  env: Env,
): Authenticated {
  const issued = issue(nonces, settings, env);
  const headers = settings.algorithms.map((algorithm) => ({
    name: 'WWW-Authenticate',
    value:
      `Digest realm=${quote(settings.realm)}, nonce=${quote(issued.nonce)}, algorithm=${algorithm}, qop="auth"` +
      (stale ? ', stale=true' : ''),
  }));
  const answer = refusal(401, 'Unauthorized', headers);
  return { nonces: issued.nonces, outcome: { type: 'refused', answer } };
}

function issue(
  nonces: Nonces,
  { nonceLifetimeMs }: AuthenticationSettings,
  env: Env,
): { readonly nonces: Nonces; readonly nonce: string } {
  const nonce = randomHex(env.rng, NONCE_BYTES);
  return { nonce, nonces: hold(nonces, nonce, { lastCount: 0, expiresAt: env.now + nonceLifetimeMs }, env) };
}

function hold(nonces: Nonces, nonce: string, value: IssuedNonce, { now }: Env): Nonces {
  return store(nonces, { key: nonce, value, expiresAt: value.expiresAt, now });
}

/** RFC 7616 §3.4: the count only rises. The RFC 2069 form has none, so that its nonce is good for one request. */
function nonceCount({ protection }: DigestAuthorization): number {
  return protection === null ? 1 : Number.parseInt(protection.nc, 16);
}

const NONCE_BYTES = 16;
const MAX_NONCES = 16_384;
/** Authorization rows that are looked at; each costs a parse. */
const MAX_CREDENTIALS = 8;

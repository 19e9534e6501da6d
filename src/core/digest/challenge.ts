// Digest challenges of a 401 or 407 (RFC 3261 §22, RFC 7616 §3.3, RFC 8760). Parsing is tolerant and never throws;
// challenges that we cannot answer are left out and named for the operator. Basic is never used (RFC 3261 §22.1),
// AKA and Bearer are out of scope. Which challenge is answered is selection.ts's subject.

import { headerRows } from '../sip/headers.ts';
import type { HeaderField } from '../sip/message.ts';
import type { DigestAlgorithm } from './algorithm.ts';
import { parseAlgorithmName } from './algorithm-name.ts';
import { hasControlCharacter, parameterValue, type SchemeParameters, scanSchemes } from './parameters.ts';

/** Who asks: the server itself (401) or a proxy on the way (407). */
export type ChallengeKind = 'www' | 'proxy';

export type Qop = 'auth' | 'auth-int';

/** One challenge that this program can answer, given credentials. */
export type Challenge = {
  readonly kind: ChallengeKind;
  /** "" when the challenge has none. */
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | null;
  readonly algorithm: DigestAlgorithm;
  /** A "-sess" algorithm. */
  readonly session: boolean;
  /** The algorithm as the server wrote it, echoed in the answer; null: it was absent. */
  readonly algorithmText: string | null;
  /** The known values that were offered; null: qop was not offered (RFC 2069 form). */
  readonly qop: readonly Qop[] | null;
  readonly stale: boolean;
  readonly userhash: boolean;
  /** charset=UTF-8: user name and password are normalised to NFC (RFC 7616 §4). */
  readonly utf8: boolean;
};

export type ParsedChallenges = {
  /** Top to bottom, those of WWW-Authenticate before those of Proxy-Authenticate. */
  readonly usable: readonly Challenge[];
  /** What was left out, for people: `AKAv1-MD5 (realm "example.com")`. */
  readonly unknownAlgorithms: readonly string[];
  /** Every realm that was named, also by challenges that cannot be answered; each once. */
  readonly realms: readonly string[];
};

/** Reads the challenges of a response's headers, the first MAX_CHALLENGES of them; without any, all three lists are
 * empty. */
export function parseChallenges(headers: readonly HeaderField[]): ParsedChallenges {
  const usable: Challenge[] = [];
  const unknownAlgorithms: string[] = [];
  const realms: string[] = [];
  for (const { kind, name } of CHALLENGE_HEADERS) {
    for (const row of headerRows(headers, name)) {
      for (const listed of scanSchemes(row)) {
        if (isBroken(listed)) continue;
        // Each is answered by a header of ours: without a bound a response would make us send many times its size.
        if (usable.length + unknownAlgorithms.length === MAX_CHALLENGES) break;
        const realm = parameterValue(listed.parameters, 'realm') ?? '';
        if (!realms.includes(realm)) realms.push(realm);
        const challenge = digestChallenge(kind, realm, listed);
        if (challenge === null) unknownAlgorithms.push(`${methodText(listed)} (realm "${realm}")`);
        else usable.push(challenge);
      }
    }
  }
  return { usable, unknownAlgorithms, realms };
}

/** A Digest challenge that says too little, or whose values would not fit into a header of ours. */
function isBroken({ scheme, parameters }: SchemeParameters): boolean {
  if (scheme === 'digest' && !parameterValue(parameters, 'nonce')) return true;
  for (const name of ECHOED) if (!canBeEchoed(parameterValue(parameters, name) ?? '')) return true;
  return false;
}

/** Whether a value of a challenge may be copied into a header of ours, and kept for the next requests. */
export function canBeEchoed(value: string): boolean {
  return value.length <= MAX_ECHOED && !hasControlCharacter(value);
}

function digestChallenge(
  kind: ChallengeKind,
  realm: string,
  { scheme, parameters }: SchemeParameters,
): Challenge | null {
  const algorithmText = parameterValue(parameters, 'algorithm') || null;
  const named = parseAlgorithmName(algorithmText ?? undefined);
  if (scheme !== 'digest' || named === null) return null;
  const qop = offeredQop(parameterValue(parameters, 'qop') ?? '');
  // RFC 3261 §22.4: -sess needs a cnonce, and that is only sent with qop.
  if (qop?.length === 0 || (named.session && qop === null)) return null;
  return {
    kind,
    realm,
    nonce: parameterValue(parameters, 'nonce') ?? '',
    opaque: parameterValue(parameters, 'opaque') ?? null,
    algorithm: named.algorithm,
    session: named.session,
    algorithmText,
    qop,
    stale: isTrue(parameterValue(parameters, 'stale')),
    userhash: isTrue(parameterValue(parameters, 'userhash')),
    utf8: parameterValue(parameters, 'charset')?.toLowerCase() === 'utf-8',
  };
}

/** The known values of the qop list `text`; null when it is empty. */
function offeredQop(text: string): readonly Qop[] | null {
  const offered = text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((value) => value !== '');
  if (offered.length === 0) return null;
  return QOP_VALUES.filter((known) => offered.includes(known));
}

function methodText({ scheme, parameters }: SchemeParameters): string {
  if (scheme !== 'digest') return scheme.slice(0, LONGEST_SHOWN);
  const algorithm = (parameterValue(parameters, 'algorithm') || 'MD5').slice(0, LONGEST_SHOWN);
  return parseAlgorithmName(algorithm) === null
    ? algorithm
    : `${algorithm} with qop "${(parameterValue(parameters, 'qop') ?? '').slice(0, LONGEST_SHOWN)}"`;
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true';
}

const CHALLENGE_HEADERS: readonly { readonly kind: ChallengeKind; readonly name: string }[] = [
  { kind: 'www', name: 'WWW-Authenticate' },
  { kind: 'proxy', name: 'Proxy-Authenticate' },
];
const QOP_VALUES: readonly Qop[] = ['auth', 'auth-int'];
/** What the answer copies from the challenge. */
const ECHOED = ['realm', 'nonce', 'opaque'];
/** Characters of one of them; nonces in use have some dozens. */
const MAX_ECHOED = 2_048;
/** Realms times algorithms that one response may name; servers in use name three. */
const MAX_CHALLENGES = 16;
/** Characters of a hostile name that an error shows. */
const LONGEST_SHOWN = 64;

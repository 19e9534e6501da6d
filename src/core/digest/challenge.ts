// Digest challenges of a 401 or 407 (RFC 3261 §22, RFC 7616 §3.3, RFC 8760). Parsing is tolerant and never throws;
// challenges that we cannot answer are left out and named for the operator. Basic is never used (RFC 3261 §22.1),
// AKA and Bearer are out of scope. Which challenge is answered is selection.ts's subject.

import type { Draft } from '../draft.ts';
import { headerRows } from '../sip/headers.ts';
import type { HeaderField } from '../sip/message.ts';
import type { DigestAlgorithm } from './algorithm.ts';
import { parseAlgorithmName } from './algorithm-name.ts';
import { hasControlCharacter, type Parameters, scanSchemes } from './parameters.ts';

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

/** RFC 7616 §1.2: where one nonce and one set of credentials hold. */
export type ProtectionSpace = Pick<Challenge, 'kind' | 'realm'>;

export function isSameSpace(one: ProtectionSpace, other: ProtectionSpace): boolean {
  return one.kind === other.kind && one.realm === other.realm;
}

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
      for (const { scheme, parameters } of scanSchemes(row)) {
        const said = saidIn(parameters);
        if (isBroken(scheme, said)) continue;
        // Each is answered by a header of ours: without a bound a response would make us send many times its size.
        if (usable.length + unknownAlgorithms.length === MAX_CHALLENGES) break;
        if (!realms.includes(said.realm)) realms.push(said.realm);
        const challenge = scheme === 'digest' ? digestChallenge(kind, said) : null;
        if (challenge !== null) usable.push(challenge);
        else unknownAlgorithms.push(`${methodText(scheme, said)} (realm "${said.realm}")`);
      }
    }
  }
  return { usable, unknownAlgorithms, realms };
}

/** The parameters of a challenge that mean something to us; "" where one is absent. */
type Said = {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | null;
  readonly algorithm: string;
  readonly qop: string;
  readonly stale: string;
  readonly userhash: string;
  readonly charset: string;
};

function saidIn(parameters: Parameters): Said {
  const said: Draft<Said> = {
    realm: '',
    nonce: '',
    opaque: null,
    algorithm: '',
    qop: '',
    stale: '',
    userhash: '',
    charset: '',
  };
  for (const { name, value } of parameters) {
    switch (name.toLowerCase()) {
      case 'realm':
        said.realm = value;
        break;
      case 'nonce':
        said.nonce = value;
        break;
      case 'opaque':
        said.opaque = value;
        break;
      case 'algorithm':
        said.algorithm = value;
        break;
      case 'qop':
        said.qop = value;
        break;
      case 'stale':
        said.stale = value;
        break;
      case 'userhash':
        said.userhash = value;
        break;
      case 'charset':
        said.charset = value;
        break;
    }
  }
  return said;
}

/** A Digest challenge that says too little, or whose values would not fit into a header of ours. */
function isBroken(scheme: string, { realm, nonce, opaque }: Said): boolean {
  if (scheme === 'digest' && nonce === '') return true;
  return !canBeEchoed(realm) || !canBeEchoed(nonce) || (opaque !== null && !canBeEchoed(opaque));
}

/** Whether a value of a challenge may be copied into a header of ours, and kept for the next requests. */
export function canBeEchoed(value: string): boolean {
  return value.length <= MAX_ECHOED && !hasControlCharacter(value);
}

function digestChallenge(kind: ChallengeKind, said: Said): Challenge | null {
  const named = parseAlgorithmName(said.algorithm);
  const qop = offeredQop(said.qop);
  // RFC 3261 §22.4: -sess needs a cnonce, and that is only sent with qop.
  if (named === null || qop?.length === 0 || (named.session && qop === null)) return null;
  return {
    kind,
    realm: said.realm,
    nonce: said.nonce,
    opaque: said.opaque,
    algorithm: named.algorithm,
    session: named.session,
    algorithmText: said.algorithm || null,
    qop,
    stale: said.stale.toLowerCase() === 'true',
    userhash: said.userhash.toLowerCase() === 'true',
    utf8: said.charset.toLowerCase() === 'utf-8',
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

function methodText(scheme: string, said: Said): string {
  if (scheme !== 'digest') return scheme.slice(0, LONGEST_SHOWN);
  const algorithm = (said.algorithm || 'MD5').slice(0, LONGEST_SHOWN);
  return parseAlgorithmName(algorithm) === null
    ? algorithm
    : `${algorithm} with qop "${said.qop.slice(0, LONGEST_SHOWN)}"`;
}

const CHALLENGE_HEADERS: readonly { readonly kind: ChallengeKind; readonly name: string }[] = [
  { kind: 'www', name: 'WWW-Authenticate' },
  { kind: 'proxy', name: 'Proxy-Authenticate' },
];
const QOP_VALUES: readonly Qop[] = ['auth', 'auth-int'];
/** Characters of a realm, nonce or opaque; nonces in use have some dozens. */
const MAX_ECHOED = 2_048;
/** Realms times algorithms that one response may name; servers in use name three. */
const MAX_CHALLENGES = 16;
/** Characters of a hostile name that an error shows. */
const LONGEST_SHOWN = 64;

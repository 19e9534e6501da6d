// What happens in a world, drawn from its seed: the accounts, the manners of registrar and network, and a week of
// episodes in which something goes wrong, with calm in between.

import type { Plan, Profile } from '../../src/core/registration/plan.ts';
import { seededRng } from '../../src/core/rng.ts';
import { parseUri, type SipUri } from '../../src/core/sip/uri.ts';
import type { Millis } from '../../src/core/time.ts';
import { drawEpisodes, type Episode } from './episodes.ts';
import { HOST_NAMES } from './hosts.ts';
import type { Conditions } from './link.ts';
import { DOMAIN, type Manners } from './registrar-model.ts';
import { DAY, HOUR, MINUTE, SECOND, WEEK } from './spans.ts';
import type { Signposts } from './zone.ts';

export type WorldPlan = {
  readonly seed: number;
  readonly accounts: readonly Plan[];
  readonly pacePerSecond: number;
  readonly reserveCount: number;
  /** After which silence the NAT forgets a port; null: there is none. */
  readonly natTimeoutMs: Millis | null;
  readonly signposts: Signposts;
  /** At so many hosts the registrar is reached. */
  readonly hostCount: number;
  /** A first address at which nothing ever answers. */
  readonly hasDeadTarget: boolean;
  readonly conditions: Conditions;
  readonly manners: Manners;
  readonly episodes: readonly Episode[];
  readonly endsAt: Millis;
};

/** The account `name` of the simulated registrar. */
export function accountPlan(name: string, chosen: Partial<Profile> = {}): Plan {
  return {
    account: name,
    aor: `sip:${name}@${DOMAIN}`,
    contact: { uri: null, user: name, uriParams: [], params: [] },
    initialAuthorization: null,
    profile: profileWith(chosen),
  };
}

function profileWith(chosen: Partial<Profile>): Profile {
  return {
    from: null,
    registrar: uri(`sip:${DOMAIN}`),
    proxies: [],
    transport: 'udp',
    expires: 3600,
    local: null,
    nat: 'auto',
    outbound: 'off',
    offersKeep: false,
    instanceId: null,
    headers: [],
    userAgent: 'sipreg/sim',
    retry: { baseSeconds: 30, maxSeconds: null, credentialAttempts: 3, blockedProbeSeconds: 21_600 },
    ...chosen,
  };
}

/** A network and a registrar that are well. */
export const CALM: Conditions = {
  lossRate: 0,
  duplicateRate: 0,
  minDelayMs: 5,
  maxDelayMs: 20,
  isCut: false,
  mtuBytes: 1500,
};
export const WELL: Manners = {
  isSilent: false,
  isDown: false,
  refuses: null,
  hidesStale: false,
  grantsZero: false,
  outbound: 'ignored',
  flowTimerSeconds: null,
  saysTrying: false,
  answersAfterMs: 0,
  minSeconds: 60,
  maxSeconds: 86_400,
  nonceLifetimeMs: 5 * MINUTE,
  nextNonce: false,
  algorithms: ['MD5'],
};

/** The plan of the world `seed`. */
export function worldPlan(seed: number): WorldPlan {
  const rng = seededRng(seed);
  const one = <T>(...choices: readonly T[]): T => choices[Math.floor(rng.unit() * choices.length)] as T;
  const isCrowd = rng.unit() < 0.03;
  const expires = isCrowd ? 86_400 : one(3_600, 7_200, 14_400, 28_800);
  const count = isCrowd ? 12 : one(1, 1, 1, 2, 3);
  // What a crowd does in a few days is costly enough.
  const endsAt = isCrowd ? 3 * DAY : WEEK;
  const signposts = one<Signposts>('address', 'address', 'address', 'srv', 'srv', 'naptr', 'edges');
  const hostCount = signposts === 'address' ? 1 : 2;
  const transport = signposts === 'naptr' ? 'auto' : one<Profile['transport']>('udp', 'udp', 'tcp');
  const outbound = signposts === 'edges' ? 'on' : one<Profile['outbound']>('off', 'off', 'auto');
  const proxies = signposts === 'edges' ? HOST_NAMES.map((name) => uri(`sip:${name};lr`)) : [];
  const chosen = { expires, transport, outbound, proxies, offersKeep: outbound !== 'off' };
  const accounts = Array.from({ length: count }, (_, index) => accountPlan(`user${index}`, chosen));
  const natTimeoutMs = one(null, null, 2 * MINUTE, 15 * MINUTE);
  const hidesStale = rng.unit() < 0.3;
  return {
    seed,
    accounts,
    pacePerSecond: isCrowd ? 1 : 100,
    reserveCount: one(3, 20, 1_000),
    natTimeoutMs,
    signposts,
    hostCount,
    hasDeadTarget: signposts === 'address' && rng.unit() < 0.25,
    conditions: {
      ...CALM,
      lossRate: one(0, 0, 0.01, 0.05),
      duplicateRate: one(0, 0.02, 0.1),
      maxDelayMs: one(10, 60, 400),
    },
    manners: {
      ...WELL,
      hidesStale,
      outbound: one('applied', 'applied', 'ignored', 'refused'),
      // Often enough for the NAT; more often would only cost the tests their time.
      flowTimerSeconds: natTimeoutMs === 2 * MINUTE ? one(100, 100, 50) : 600,
      saysTrying: rng.unit() < 0.2,
      // A nonce that ages on its way, without a word of stale, cannot be told from a rejection.
      nonceLifetimeMs: hidesStale ? one(3 * HOUR, WEEK) : one(30 * SECOND, 3 * HOUR, 24 * HOUR, WEEK),
      nextNonce: rng.unit() < 0.2,
      algorithms: one<Manners['algorithms']>(['MD5'], ['SHA-256', 'MD5']),
    },
    episodes: drawEpisodes(rng, signposts, endsAt),
    endsAt,
  };
}

function uri(text: string): SipUri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

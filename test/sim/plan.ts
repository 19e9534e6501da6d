// What happens in a world, drawn from its seed: the accounts, the manners of registrar and network, and a week of
// episodes in which something goes wrong, with calm in between.

import type { Plan } from '../../src/core/registration/plan.ts';
import { type Rng, randomBetween, seededRng } from '../../src/core/rng.ts';
import { parseUri, type SipUri } from '../../src/core/sip/uri.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Conditions } from './link.ts';
import type { Moment } from './process-context.ts';
import { DOMAIN, type Manners, type Refusal } from './registrar-model.ts';

export const SECOND: Millis = 1_000;
export const MINUTE: Millis = 60 * SECOND;
export const HOUR: Millis = 60 * MINUTE;
export const WEEK: Millis = 7 * 24 * HOUR;

export type Fault =
  | { readonly type: 'network'; readonly conditions: Partial<Conditions> }
  | { readonly type: 'nat-rebinding' }
  | { readonly type: 'connections-reset' }
  | { readonly type: 'registrar'; readonly manners: Partial<Manners> }
  /** It refuses, and is well again at the end. */
  | { readonly type: 'refusals'; readonly refusal: Refusal }
  | { readonly type: 'registrar-restart' }
  | { readonly type: 'nonces-forgotten' }
  /** Another password at the registrar; at the end the account learns it, or the registrar takes the old one back. */
  | { readonly type: 'password'; readonly healedBy: 'account' | 'registrar' }
  | { readonly type: 'dns' }
  | { readonly type: 'suspend' }
  | { readonly type: 'clock-step'; readonly byMs: Millis }
  /** kill -9 at the next such moment; a new process at the end. */
  | { readonly type: 'kill'; readonly moment: Moment | null }
  /** SIGTERM; a new process at the end. */
  | { readonly type: 'stop' }
  | { readonly type: 'pause' }
  | { readonly type: 'refresh' };

export type Episode = {
  readonly at: Millis;
  readonly lastsMs: Millis;
  readonly faults: readonly Fault[];
};

export type WorldPlan = {
  readonly seed: number;
  readonly accounts: readonly Plan[];
  readonly pacePerSecond: number;
  readonly reserveCount: number;
  readonly hasNat: boolean;
  /** A first address at which nothing ever answers. */
  readonly hasDeadTarget: boolean;
  readonly conditions: Conditions;
  readonly manners: Manners;
  readonly episodes: readonly Episode[];
  readonly endsAt: Millis;
};

const MOMENTS: readonly Moment[] = ['number-asked', 'number-durable', 'sent', 'answered', 'outcome'];
const REFUSALS: readonly (readonly [number, string])[] = [
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [480, 'Temporarily Unavailable'],
  [500, 'Server Internal Error'],
  [503, 'Service Unavailable'],
  [600, 'Busy Everywhere'],
];

/** The account `name` of the simulated registrar. */
export function accountPlan(name: string, chosen: Partial<Plan> = {}): Plan {
  const aor = uri(`sip:${name}@${DOMAIN}`);
  return {
    account: name,
    aor,
    from: aor,
    registrar: uri(`sip:${DOMAIN}`),
    proxies: [],
    transport: 'udp',
    expires: 3600,
    contact: { uri: null, user: name, uriParams: [], params: [] },
    local: null,
    nat: 'auto',
    outbound: 'off',
    offersKeep: false,
    instanceId: null,
    headers: [],
    userAgent: 'sipreg/sim',
    initialAuthorization: null,
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
  const isCrowd = rng.unit() < 0.06;
  const expires = isCrowd ? 86_400 : one(3_600, 7_200, 14_400, 28_800);
  const count = isCrowd ? 12 : one(1, 1, 1, 2, 3);
  const transport = one('udp', 'udp', 'tcp') as Plan['transport'];
  const accounts = Array.from({ length: count }, (_, index) =>
    accountPlan(`user${index}`, { expires, transport }),
  );
  const hidesStale = rng.unit() < 0.3;
  return {
    seed,
    accounts,
    pacePerSecond: isCrowd ? 1 : 100,
    reserveCount: one(3, 20, 1_000),
    hasNat: rng.unit() < 0.6,
    hasDeadTarget: rng.unit() < 0.15,
    conditions: {
      ...CALM,
      lossRate: one(0, 0, 0.01, 0.05),
      duplicateRate: one(0, 0.02, 0.1),
      maxDelayMs: one(10, 60, 400),
    },
    manners: {
      ...WELL,
      hidesStale,
      saysTrying: rng.unit() < 0.2,
      // A nonce that ages on its way, without a word of stale, cannot be told from a rejection.
      nonceLifetimeMs: hidesStale ? one(3 * HOUR, WEEK) : one(30 * SECOND, 3 * HOUR, 24 * HOUR, WEEK),
      nextNonce: rng.unit() < 0.2,
      algorithms: one<Manners['algorithms']>(['MD5'], ['SHA-256', 'MD5']),
    },
    episodes: drawEpisodes(rng),
    endsAt: WEEK,
  };
}

/** Faults of different parts, some of them together; a while without any at the end. */
function drawEpisodes(rng: Rng): readonly Episode[] {
  const episodes: Episode[] = [];
  for (let at = randomBetween(rng, 0, 10 * HOUR); at < WEEK - 20 * HOUR; ) {
    const parts = [drawNetworkFault, drawRegistrarFault, drawAgentFault];
    const first = Math.floor(rng.unit() * parts.length);
    const isDouble = rng.unit() < 0.3;
    const chosen = isDouble ? [first, (first + 1) % parts.length] : [first];
    const faults = chosen.flatMap((index) => parts[index]?.(rng) ?? []);
    const longest = Math.min(8 * HOUR, WEEK - 10 * HOUR - at);
    // A pause shorter than its REGISTERs is the operator's own haste.
    const shortest = faults.some(({ type }) => type === 'pause') ? MINUTE : 50;
    const lastsMs = Math.round(Math.min(longest, logarithmic(rng, shortest, 8 * HOUR)));
    episodes.push({ at: Math.round(at), lastsMs, faults });
    at += lastsMs + logarithmic(rng, 10 * SECOND, 40 * HOUR);
  }
  return episodes;
}

function drawNetworkFault(rng: Rng): Fault {
  switch (Math.floor(rng.unit() * 7)) {
    case 0:
    case 1:
      return { type: 'network', conditions: { isCut: true } };
    case 2:
      return { type: 'network', conditions: { lossRate: randomBetween(rng, 0.2, 0.95) } };
    case 3:
      return {
        type: 'network',
        conditions: { minDelayMs: 100, maxDelayMs: randomBetween(rng, 1_000, 12_000), duplicateRate: 0.3 },
      };
    case 4:
      return { type: 'network', conditions: { mtuBytes: Math.round(randomBetween(rng, 300, 900)) } };
    case 5:
      return { type: 'connections-reset' };
    default:
      return { type: 'nat-rebinding' };
  }
}

function drawRegistrarFault(rng: Rng): Fault {
  const [status, reason] = REFUSALS[Math.floor(rng.unit() * REFUSALS.length)] ?? [500, ''];
  const retryAfterSeconds = rng.unit() < 0.5 ? null : Math.round(logarithmic(rng, 1, 7_200));
  switch (Math.floor(rng.unit() * 13)) {
    case 0:
      return { type: 'registrar', manners: { isSilent: true } };
    case 1:
      return { type: 'registrar', manners: { isDown: true } };
    case 2:
    case 3:
    case 4:
      return { type: 'refusals', refusal: { status, reason, retryAfterSeconds } };
    case 5:
      return { type: 'registrar-restart' };
    case 6:
      return { type: 'nonces-forgotten' };
    case 7:
      return { type: 'registrar', manners: { grantsZero: true } };
    case 8:
      return { type: 'registrar', manners: { minSeconds: 3_500 } };
    case 9:
      return { type: 'registrar', manners: { maxSeconds: Math.round(randomBetween(rng, 120, 900)) } };
    case 10:
      return { type: 'dns' };
    default:
      return { type: 'password', healedBy: rng.unit() < 0.5 ? 'account' : 'registrar' };
  }
}

function drawAgentFault(rng: Rng): Fault {
  const moment = MOMENTS[Math.floor(rng.unit() * (MOMENTS.length + 1))] ?? null;
  switch (Math.floor(rng.unit() * 10)) {
    case 0:
    case 1:
      return { type: 'suspend' };
    case 2:
      return { type: 'clock-step', byMs: Math.round(randomBetween(rng, -48 * HOUR, 48 * HOUR)) };
    case 3:
    case 4:
    case 5:
    case 6:
      return { type: 'kill', moment };
    case 7:
      return { type: 'stop' };
    case 8:
      return { type: 'pause' };
    default:
      return { type: 'refresh' };
  }
}

/** Short and long ones alike. */
function logarithmic(rng: Rng, low: number, high: number): number {
  return Math.exp(randomBetween(rng, Math.log(low), Math.log(high)));
}

function uri(text: string): SipUri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

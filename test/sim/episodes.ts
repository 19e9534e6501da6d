// What goes wrong in a world, and when: faults of network, DNS, registrar and agent, drawn from its seed, with calm in
// between.

import { type Rng, randomBetween } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Trouble } from './hosts.ts';
import type { Conditions } from './link.ts';
import type { Moment } from './process-context.ts';
import type { Manners, Refusal } from './registrar-model.ts';
import { HOUR, MINUTE, SECOND } from './spans.ts';
import type { DnsFailure, Signposts } from './zone.ts';

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
  /** Some of the hosts at which the registrar is reached. */
  | { readonly type: 'hosts'; readonly which: readonly number[]; readonly trouble: Trouble }
  /** A host has another address from now on, and DNS says so. */
  | { readonly type: 'moved'; readonly which: number }
  | { readonly type: 'dns'; readonly fails: DnsFailure }
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

const MOMENTS: readonly Moment[] = ['number-asked', 'number-durable', 'sent', 'answered', 'outcome'];
const REFUSALS: readonly (readonly [number, string])[] = [
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [480, 'Temporarily Unavailable'],
  [500, 'Server Internal Error'],
  [503, 'Service Unavailable'],
  [600, 'Busy Everywhere'],
];

/** Faults of different parts, some of them together; a while without any at the end. */
export function drawEpisodes(rng: Rng, signposts: Signposts, endsAt: Millis): readonly Episode[] {
  const episodes: Episode[] = [];
  for (let at = randomBetween(rng, 0, 10 * HOUR); at < endsAt - 20 * HOUR; ) {
    const parts = [drawNetworkFault, drawRegistrarFault, drawAgentFault];
    const first = Math.floor(rng.unit() * parts.length);
    const isDouble = rng.unit() < 0.3;
    const chosen = isDouble ? [first, (first + 1) % parts.length] : [first];
    const faults = chosen.flatMap((index) => parts[index]?.(rng, signposts) ?? []);
    const longest = Math.min(8 * HOUR, endsAt - 10 * HOUR - at);
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

function drawRegistrarFault(rng: Rng, signposts: Signposts): Fault {
  if (signposts !== 'address' && rng.unit() < 0.5) return drawHostFault(rng, signposts);
  const [status, reason] = REFUSALS[Math.floor(rng.unit() * REFUSALS.length)] ?? [500, ''];
  const retryAfterSeconds = rng.unit() < 0.5 ? null : Math.round(logarithmic(rng, 1, 7_200));
  switch (Math.floor(rng.unit() * 15)) {
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
      return { type: 'dns', fails: 'silence' };
    case 11:
      if (signposts === 'naptr' && rng.unit() < 0.5) return { type: 'dns', fails: 'no-tls' };
      return { type: 'dns', fails: rng.unit() < 0.5 ? 'no-such-name' : 'refusal' };
    case 12:
      return { type: 'moved', which: 0 };
    default:
      return { type: 'password', healedBy: rng.unit() < 0.5 ? 'account' : 'registrar' };
  }
}

function drawHostFault(rng: Rng, signposts: Signposts): Fault {
  const which = rng.unit() < 0.7 ? [0] : [1];
  const retryAfterSeconds = rng.unit() < 0.5 ? null : Math.round(logarithmic(rng, 1, 7_200));
  switch (Math.floor(rng.unit() * (signposts === 'naptr' ? 8 : 5))) {
    case 0:
      return { type: 'hosts', which, trouble: { type: 'gone' } };
    case 1:
      return { type: 'hosts', which, trouble: { type: 'silent' } };
    case 2:
      return { type: 'hosts', which, trouble: { type: 'down' } };
    case 3:
      return { type: 'hosts', which, trouble: { type: 'overloaded', retryAfterSeconds } };
    case 4:
      return { type: 'moved', which: which[0] ?? 0 };
    default:
      return { type: 'hosts', which: rng.unit() < 0.5 ? which : [0, 1], trouble: { type: 'untrusted' } };
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

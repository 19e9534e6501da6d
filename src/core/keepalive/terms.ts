// On what terms a flow is kept open: what its accounts are configured to and what its server promised in the last 2xx
// (RFC 5626 §4.4, RFC 6223 §4), and what follows from both: which method, and how often.

import { type Rng, randomBetween } from '../rng.ts';
import { isReliable, type Transport } from '../sip/transport.ts';
import type { Millis } from '../time.ts';

export type KeepaliveSettings = {
  readonly method: 'auto' | 'crlf' | 'stun' | 'options' | 'off';
  /** null: as the transport and the method want it. */
  readonly intervalSeconds: number | null;
};

/** What a 2xx to REGISTER said about keep-alives on its flow. */
export type KeepalivePromise = {
  /** The Flow-Timer header field; null: there is none. */
  readonly flowTimerSeconds: number | null;
  /** RFC 6223: the value of `keep` in the top Via, 0 for none recommended; null: the server did not take part. */
  readonly keepSeconds: number | null;
  /** The 2xx has Require: outbound. */
  readonly outbound: boolean;
};

export type KeepaliveTerms = {
  readonly settings: KeepaliveSettings;
  readonly promise: KeepalivePromise;
};

/** Before any 2xx, or after one that says nothing. */
export const NO_PROMISE: KeepalivePromise = { flowTimerSeconds: null, keepSeconds: null, outbound: false };

/** `ping`: CRLFCRLF, answered by one CRLF. `datagram`: the same over UDP, answered by nothing. */
export type KeepaliveMethod = 'ping' | 'datagram' | 'stun' | 'options';

/** Between two keep-alives, in milliseconds. */
export type KeepaliveInterval = { readonly lowMs: Millis; readonly highMs: Millis };

/** How a flow over `transport` is kept open; null: not at all. RFC 5626 §4.4.1, §4.4.2: pings only on streams, STUN
 * only on UDP; there only where the server understands it, by its own word or the operator's. */
export function methodOf(
  transport: Transport,
  { settings, promise }: KeepaliveTerms,
): KeepaliveMethod | null {
  if (settings.method === 'off') return null;
  if (settings.method === 'options') return 'options';
  if (isReliable(transport)) return 'ping';
  if (settings.method === 'stun') return 'stun';
  return settings.method === 'auto' && isPromised(promise) ? 'stun' : 'datagram';
}

/** Whether the server said that it answers keep-alives, so that silence means something. */
export function isPromised({ outbound, keepSeconds }: KeepalivePromise): boolean {
  return outbound || keepSeconds !== null;
}

/** Between which bounds the interval is chosen: 80 to 100 % of what the server or the operator wants, the shorter
 * one (RFC 5626 §4.4), else what RFC 5626 §4.4.1 and §4.4.2 recommend. */
export function intervalOf(
  transport: Transport,
  method: KeepaliveMethod,
  { settings, promise }: KeepaliveTerms,
): KeepaliveInterval {
  const named = [settings.intervalSeconds, promise.flowTimerSeconds, promise.keepSeconds];
  const wanted = named.filter((seconds) => seconds !== null && seconds > 0).map((seconds) => Number(seconds));
  const usual = isReliable(transport) ? USUAL_ON_STREAMS : USUAL_ON_UDP;
  if (wanted.length === 0) return usual;
  const highMs = 1_000 * Math.min(...wanted);
  // What no server asked for holds the NAT binding alone: only the operator may make it rarer than the NAT allows.
  if (method === 'datagram' && settings.intervalSeconds === null && highMs > usual.highMs) return usual;
  return { lowMs: 0.8 * highMs, highMs };
}

/** A new interval, as RFC 5626 §4.4.1 wants one for each keep-alive. */
export function randomInterval({ lowMs, highMs }: KeepaliveInterval, rng: Rng): Millis {
  return randomBetween(rng, lowMs, highMs);
}

/** The terms of a flow that several accounts share: a method by name goes before `auto` and that before `off`, and
 * the shortest interval and every promise count. */
export function strictestTerms(all: readonly KeepaliveTerms[]): KeepaliveTerms {
  const ranks = all.map(({ settings }) => STRICTEST_FIRST.indexOf(settings.method));
  const promises = all.map(({ promise }) => promise);
  return {
    settings: {
      method: STRICTEST_FIRST[Math.min(...ranks)] ?? 'off',
      intervalSeconds: shortest(all.map(({ settings }) => settings.intervalSeconds)),
    },
    promise: {
      flowTimerSeconds: shortest(promises.map(({ flowTimerSeconds }) => flowTimerSeconds)),
      keepSeconds: shortest(promises.map(({ keepSeconds }) => keepSeconds)),
      outbound: promises.some(({ outbound }) => outbound),
    },
  };
}

/** The smallest number above 0; else 0 if there is one (it means that no interval is named); else null. */
function shortest(all: readonly (number | null)[]): number | null {
  const named = all.filter((seconds) => seconds !== null);
  if (named.length === 0) return null;
  const above = named.filter((seconds) => seconds > 0);
  return above.length === 0 ? 0 : Math.min(...above);
}

const STRICTEST_FIRST: readonly KeepaliveSettings['method'][] = ['options', 'stun', 'crlf', 'auto', 'off'];

/** RFC 5626 §4.4.1: where no battery runs down. */
const USUAL_ON_STREAMS: KeepaliveInterval = { lowMs: 95_000, highMs: 120_000 };
/** RFC 5626 §4.4.2: below the 30 s after which many a NAT forgets. */
const USUAL_ON_UDP: KeepaliveInterval = { lowMs: 24_000, highMs: 29_000 };

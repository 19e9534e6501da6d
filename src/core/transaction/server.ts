// The non-INVITE server transaction (RFC 3261 §17.2.2, with RFC 4320 §4) as a pure machine: which copies of a request
// are answered again, when a 100 is due, and when copies no longer need absorbing. It knows neither message nor
// socket: its owner keeps the last response and sends it when told to. A transport error changes nothing here.

import type { Millis } from '../time.ts';
import { NON_INVITE_TRYING, TIMER_J } from './timers.ts';

export type ServerTransaction =
  | {
      readonly name: 'trying';
      readonly reliable: boolean;
      /** RFC 4320 §4.1. */
      readonly tryingAt: Millis;
    }
  | { readonly name: 'proceeding'; readonly reliable: boolean }
  | {
      readonly name: 'completed';
      /** Timer J. */
      readonly endsAt: Millis;
    }
  | { readonly name: 'terminated' };

/** What the owner has to do after a step: send a 100, send the last response, or nothing. */
export type ServerEvent = 'trying' | 'repeat' | 'final' | 'ended' | null;

export type ServerStep = { readonly transaction: ServerTransaction; readonly event: ServerEvent };

/** The transaction of a request that came in at `now`. */
export function startServer(reliable: boolean, now: Millis): ServerTransaction {
  return { name: 'trying', reliable, tryingAt: now + NON_INVITE_TRYING };
}

/** A copy of the request came in. */
export function requestRepeated(transaction: ServerTransaction): ServerEvent {
  // RFC 3261 §17.2.2: there is no response to repeat while trying; afterwards the last one is sent again.
  return transaction.name === 'proceeding' || transaction.name === 'completed' ? 'repeat' : null;
}

/** The owner has a final response; event null: there was one already, and this one must not be sent. */
export function finalGiven(transaction: ServerTransaction, now: Millis): ServerStep {
  if (transaction.name === 'completed' || transaction.name === 'terminated') {
    return { transaction, event: null };
  }
  // RFC 3261 §17.2.2: Timer J is zero over reliable transports.
  if (transaction.reliable) return { transaction: { name: 'terminated' }, event: 'final' };
  return { transaction: { name: 'completed', endsAt: now + TIMER_J }, event: 'final' };
}

/** Time has passed; call it at (or after) `serverWakeAt`. */
export function serverTimePassed(transaction: ServerTransaction, now: Millis): ServerStep {
  if (transaction.name === 'trying' && now >= transaction.tryingAt) {
    return { transaction: { name: 'proceeding', reliable: transaction.reliable }, event: 'trying' };
  }
  if (transaction.name === 'completed' && now >= transaction.endsAt) {
    return { transaction: { name: 'terminated' }, event: 'ended' };
  }
  return { transaction, event: null };
}

/** The instant at which `serverTimePassed` has something to do; undefined when never. */
export function serverWakeAt(transaction: ServerTransaction): Millis | undefined {
  if (transaction.name === 'trying') return transaction.tryingAt;
  return transaction.name === 'completed' ? transaction.endsAt : undefined;
}

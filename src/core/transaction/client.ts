// The non-INVITE client transaction (RFC 3261 §17.1.2) as a pure machine: when to send again, when to give up, and
// when copies of the final response no longer need absorbing. It knows neither message nor socket: its owner keeps
// the bytes, so that every copy is the same to the byte, and sends them when told to.

import type { Millis } from '../time.ts';
import { T1, T2, T4, TIMER_F } from './timers.ts';

/** It waits for the final response. */
type Waiting = {
  readonly name: 'trying' | 'proceeding';
  readonly reliable: boolean;
  /** Timer E; undefined on reliable transports. */
  readonly retransmitAt: Millis | undefined;
  readonly retransmitMs: Millis;
  /** Timer F. */
  readonly timeoutAt: Millis;
};

export type ClientTransaction =
  | Waiting
  | {
      readonly name: 'completed';
      /** Timer K. */
      readonly endsAt: Millis;
    }
  | { readonly name: 'terminated' };

/** What the owner of the transaction has to do after a step. */
export type TransactionEvent =
  | 'retransmit'
  | 'timedOut'
  | 'provisional'
  | 'final'
  | 'absorbed'
  | 'ended'
  | null;

export type TransactionStep = { readonly transaction: ClientTransaction; readonly event: TransactionEvent };

/** A transaction whose request goes out at `now`. */
export function startTransaction(reliable: boolean, now: Millis): ClientTransaction {
  return {
    name: 'trying',
    reliable,
    // RFC 3261 §17.1.2.2: Timer E runs only over unreliable transports.
    retransmitAt: reliable ? undefined : now + T1,
    retransmitMs: T1,
    timeoutAt: now + TIMER_F,
  };
}

/** A response with the transaction's branch and method came in. */
export function responseReceived(
  transaction: ClientTransaction,
  status: number,
  now: Millis,
): TransactionStep {
  if (transaction.name === 'completed') return { transaction, event: 'absorbed' };
  if (transaction.name === 'terminated') return { transaction, event: null };
  if (status >= 200) return finalReceived(transaction.reliable, now);
  const { reliable, retransmitAt, retransmitMs, timeoutAt } = transaction;
  const proceeding: Waiting = { name: 'proceeding', reliable, retransmitAt, retransmitMs, timeoutAt };
  return { transaction: proceeding, event: 'provisional' };
}

/** Time has passed; call it at (or after) `transactionWakeAt`. */
export function timePassed(transaction: ClientTransaction, now: Millis): TransactionStep {
  if (transaction.name === 'terminated') return { transaction, event: null };
  if (transaction.name === 'completed') {
    if (now < transaction.endsAt) return { transaction, event: null };
    return { transaction: { name: 'terminated' }, event: 'ended' };
  }
  if (now >= transaction.timeoutAt) return { transaction: { name: 'terminated' }, event: 'timedOut' };
  if (transaction.retransmitAt === undefined || now < transaction.retransmitAt) {
    return { transaction, event: null };
  }
  // RFC 3261 §17.1.2.2: Timer E doubles up to T2 while trying, and is T2 while proceeding.
  const { name, reliable, timeoutAt } = transaction;
  const retransmitMs = name === 'proceeding' ? T2 : Math.min(2 * transaction.retransmitMs, T2);
  const planned = transaction.retransmitAt + retransmitMs;
  // After a late wake the next copy keeps its full distance: catching up would be a burst.
  const retransmitAt = planned > now ? planned : now + retransmitMs;
  return { transaction: { name, reliable, retransmitAt, retransmitMs, timeoutAt }, event: 'retransmit' };
}

/** The instant at which `timePassed` has something to do; undefined when never. */
export function transactionWakeAt(transaction: ClientTransaction): Millis | undefined {
  if (transaction.name === 'terminated') return undefined;
  if (transaction.name === 'completed') return transaction.endsAt;
  if (transaction.retransmitAt === undefined) return transaction.timeoutAt;
  return Math.min(transaction.retransmitAt, transaction.timeoutAt);
}

function finalReceived(reliable: boolean, now: Millis): TransactionStep {
  // RFC 3261 §17.1.2.2: Timer K is T4 on unreliable transports and zero on reliable ones.
  if (reliable) return { transaction: { name: 'terminated' }, event: 'final' };
  return { transaction: { name: 'completed', endsAt: now + T4 }, event: 'final' };
}

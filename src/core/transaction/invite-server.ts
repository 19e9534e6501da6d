// The INVITE server transaction (RFC 3261 §17.2.1, as RFC 6026 changed it) as a pure machine: when a 100 is due, when
// the final response is sent again, what an ACK ends. It knows neither message nor socket: its owner keeps the last
// response and sends it when told to. A transport error changes nothing here (RFC 6026 §8.8): only time and ACKs do.

import type { Millis } from '../time.ts';
import { INVITE_TRYING, T1, T2, T4, TIMER_H, TIMER_L } from './timers.ts';

export type InviteServer =
  | {
      readonly name: 'proceeding';
      readonly reliable: boolean;
      /** When a 100 is due; undefined when one was sent. */
      readonly tryingAt: Millis | undefined;
    }
  | {
      readonly name: 'completed';
      readonly reliable: boolean;
      /** Timer G; undefined on reliable transports. */
      readonly repeatAt: Millis | undefined;
      readonly repeatMs: Millis;
      /** Timer H. */
      readonly timeoutAt: Millis;
    }
  | {
      readonly name: 'confirmed';
      /** Timer I. */
      readonly endsAt: Millis;
    }
  | {
      readonly name: 'accepted';
      /** Timer L. */
      readonly endsAt: Millis;
    }
  | { readonly name: 'terminated' };

/** What the owner has to do after a step. `unacknowledged`: nobody has sent an ACK, and the transaction is over. */
export type InviteServerEvent =
  | 'trying'
  | 'repeat'
  | 'final'
  | 'acknowledged'
  | 'unacknowledged'
  | 'ended'
  | null;

export type InviteServerStep = { readonly transaction: InviteServer; readonly event: InviteServerEvent };

/** The transaction of an INVITE that came in at `now`. */
export function startInviteServer(reliable: boolean, now: Millis): InviteServer {
  return { name: 'proceeding', reliable, tryingAt: now + INVITE_TRYING };
}

/** A copy of the INVITE came in. */
export function inviteRepeated(transaction: InviteServer): InviteServerEvent {
  // RFC 6026 §7.1: copies are absorbed once there was a 2xx or an ACK.
  if (transaction.name === 'completed') return 'repeat';
  return transaction.name === 'proceeding' && transaction.tryingAt === undefined ? 'repeat' : null;
}

/** The owner has a final response; event null: there was one already, and this one must not be sent. */
export function inviteFinalGiven(transaction: InviteServer, status: number, now: Millis): InviteServerStep {
  if (transaction.name !== 'proceeding') return { transaction, event: null };
  if (status < 300) return { transaction: { name: 'accepted', endsAt: now + TIMER_L }, event: 'final' };
  const { reliable } = transaction;
  const completed: InviteServer = {
    name: 'completed',
    reliable,
    // RFC 3261 §17.2.1: Timer G runs only over unreliable transports, Timer H over all.
    repeatAt: reliable ? undefined : now + T1,
    repeatMs: T1,
    timeoutAt: now + TIMER_H,
  };
  return { transaction: completed, event: 'final' };
}

/** An ACK with the transaction's branch came in. */
export function ackReceived(transaction: InviteServer, now: Millis): InviteServerStep {
  if (transaction.name !== 'completed') return { transaction, event: null };
  // RFC 3261 §17.2.1: Timer I is T4 over unreliable transports and zero over reliable ones.
  const next: InviteServer = transaction.reliable
    ? { name: 'terminated' }
    : { name: 'confirmed', endsAt: now + T4 };
  return { transaction: next, event: 'acknowledged' };
}

/** Time has passed; call it at (or after) `inviteServerWakeAt`. */
export function inviteTimePassed(transaction: InviteServer, now: Millis): InviteServerStep {
  const wakeAt = inviteServerWakeAt(transaction);
  if (wakeAt === undefined || now < wakeAt) return { transaction, event: null };
  switch (transaction.name) {
    case 'proceeding':
      return { transaction: { ...transaction, tryingAt: undefined }, event: 'trying' };
    case 'completed':
      return repeatOrGiveUp(transaction, now);
    default:
      return { transaction: { name: 'terminated' }, event: 'ended' };
  }
}

/** The instant at which `inviteTimePassed` has something to do; undefined when never. */
export function inviteServerWakeAt(transaction: InviteServer): Millis | undefined {
  switch (transaction.name) {
    case 'proceeding':
      return transaction.tryingAt;
    case 'completed':
      return Math.min(transaction.repeatAt ?? transaction.timeoutAt, transaction.timeoutAt);
    case 'confirmed':
    case 'accepted':
      return transaction.endsAt;
    case 'terminated':
      return undefined;
  }
}

function repeatOrGiveUp(
  transaction: Extract<InviteServer, { name: 'completed' }>,
  now: Millis,
): InviteServerStep {
  const { repeatAt, timeoutAt } = transaction;
  if (repeatAt === undefined || now >= timeoutAt) {
    return { transaction: { name: 'terminated' }, event: 'unacknowledged' };
  }
  // RFC 3261 §17.2.1: Timer G doubles up to T2.
  const repeatMs = Math.min(2 * transaction.repeatMs, T2);
  const planned = repeatAt + repeatMs;
  // After a late wake the next copy keeps its full distance: catching up would be a burst.
  const next = planned > now ? planned : now + repeatMs;
  return { transaction: { ...transaction, repeatMs, repeatAt: next }, event: 'repeat' };
}

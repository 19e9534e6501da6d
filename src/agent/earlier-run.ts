// How an account begins in an agent: paused, or waiting as its rejected credentials make it wait, when an earlier run left it so
// and that still holds; else to register at once (behaviour.md §10; interface.md: a pause is kept across restarts).

import type { Millis } from '../core/time.ts';
import { monotonicNow, wallTimeOf } from '../runtime/clock.ts';
import type { Start } from './account-start.ts';
import {
  identityKey,
  type ManagedRegistration,
  nameOf,
  type PreparedAccount,
} from './managed-registration.ts';
import { rejectionsOf } from './rejected-credentials.ts';

export type EarlierRun = {
  /** An account that an operator has paused stays so; else it registers all the same, and is still paused for the agent. */
  readonly heedsPauses: boolean;
  /** Credentials that were rejected before are tried at once, whatever they would have to wait. */
  readonly insists: boolean;
};

/** How the account begins, after what is remembered of it. */
export function startOf(prepared: PreparedAccount, { heedsPauses, insists }: EarlierRun): Start {
  const { pausedSince } = prepared.memory.load(identityKey(prepared.plan));
  const rejected = rejectionsOf(prepared);
  if (heedsPauses && pausedSince !== null) return { as: 'paused', since: instantOf(pausedSince), rejected };
  if (rejected === null || insists) return { as: 'unregistered', firstAt: monotonicNow(), rejected };
  return { as: 'rejected', rejected };
}

/** What an operator should know of an account that does not begin by itself; null: it does. `retryCommand`: makes it try at once. */
export function leftText(account: ManagedRegistration, retryCommand: string): string | null {
  const { lifecycle } = account;
  const { state, nextAt, failure } = lifecycle;
  const since = textOf(lifecycle.since);
  if (state === 'paused') {
    return `it was paused at ${since}, and stays so until "sipreg resume ${nameOf(account)}"`;
  }
  if (state !== 'blocked' && state !== 'waiting') return null;
  if (nextAt !== undefined && nextAt <= monotonicNow()) return null;
  const how = state === 'blocked' ? `is blocked since ${since}` : 'waits';
  const until = nextAt === undefined ? 'not tried again until' : `tried again at ${textOf(nextAt)}, or when`;
  const way = `the secret changes, or by "sipreg ${retryCommand} ${nameOf(account)}"`;
  return `it ${how}: ${failure?.failure.cause}; ${until} ${way}`;
}

/** The monotonic instant of a date; before this process began it is negative. */
function instantOf(date: string): Millis {
  return monotonicNow() - (Date.now() - Date.parse(date));
}

function textOf(instant: Millis): string {
  return wallTimeOf(instant).toISOString();
}

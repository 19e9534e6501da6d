// How an account begins in an agent: paused or blocked when an earlier run left it so and that still holds, else to
// register at once (behaviour.md §10; interface.md: a pause is kept across restarts).

import { failureOf } from '../core/health/verdict.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow, wallTimeOf } from '../runtime/clock.ts';
import type { Start } from './account-start.ts';
import {
  identityKey,
  type ManagedRegistration,
  nameOf,
  type PreparedAccount,
} from './managed-registration.ts';
import { secretFingerprint } from './secret-fingerprint.ts';

/** How the account begins, after what is remembered of it. */
export function startOf({ plan, credentials, memory }: PreparedAccount): Start {
  const { pausedSince, blocked } = memory.load(identityKey(plan));
  if (pausedSince !== null) return { state: 'paused', since: instantOf(pausedSince) };
  const isSame =
    blocked !== null &&
    credentials.ok &&
    blocked.secretFingerprint === secretFingerprint(credentials.value, memory.instanceId());
  if (!isSame) return { state: 'unregistered', firstAt: monotonicNow() };
  const cause = 'the credentials were rejected in an earlier run, and are still the same';
  return {
    state: 'blocked',
    since: instantOf(blocked.since),
    failure: failureOf('auth.rejected', cause),
  };
}

/** What an operator should know of an account that does not begin by itself; null: it does. */
export function leftText(account: ManagedRegistration): string | null {
  const { lifecycle } = account;
  const since = wallTimeOf(lifecycle.since).toISOString();
  if (lifecycle.state === 'paused') {
    return `it was paused at ${since}, and stays so until "sipreg resume ${nameOf(account)}"`;
  }
  if (lifecycle.state !== 'blocked') return null;
  const way = `change the secret, or "sipreg refresh ${nameOf(account)}"`;
  return `it is blocked since ${since}: ${lifecycle.failure?.failure.cause}; ${way}`;
}

/** The monotonic instant of a date; before this process began it is negative. */
function instantOf(date: string): Millis {
  return monotonicNow() - (Date.now() - Date.parse(date));
}

// How a registration begins whose credentials were rejected before: by an earlier run, or by a command (behaviour.md §10).
// It goes on from there, so that many short runs bring no more rejections than one long run. What is on disk, and whether
// the credentials are still the same, is for others to know.

import type { Failure } from '../health/verdict.ts';
import { DAY_MS, type Millis } from '../time.ts';
import { NO_SETBACKS, type Setbacks } from './after-failure.ts';
import type { Lifecycle } from './lifecycle-state.ts';
import type { RetryPolicy } from './plan.ts';

export type EarlierRejections = {
  /** In a row; 0: none of the credentials fitted, and none was sent. */
  readonly count: number;
  readonly isBlocked: boolean;
  /** How long ago the last one was, by the wall clock: negative when that was set back since. */
  readonly agoMs: Millis;
  /** From the last one to when they were to be tried again; null: nobody has said. */
  readonly gapMs: Millis | null;
};

/** Retry-After is a floor of one day at the most (evidence.ts), and a minute for those who come back together. */
const LONGEST_FLOOR_MS: Millis = DAY_MS + 60_000;

/** How long the credentials still wait to be tried again; undefined: until somebody changes them or asks for it. */
export function remainingWait(
  { isBlocked, agoMs, gapMs }: EarlierRejections,
  { blockedProbeSeconds }: RetryPolicy,
): Millis | undefined {
  const probe = blockedProbeSeconds * 1000;
  if (isBlocked && probe === 0) return undefined;
  // Never longer than the wait was to be, whatever has become of the wall clock or of the record.
  const gap = Math.max(0, Math.min(gapMs ?? probe, Math.max(probe, LONGEST_FLOOR_MS)));
  return Math.max(0, Math.min(gap, gap - agoMs));
}

/** The registration `begun` at `now` as it waits for what is left, and `laterMs` more; `failure` tells why. */
export function afterEarlierRejections(
  begun: Lifecycle,
  earlier: EarlierRejections & { readonly failure: Failure },
  now: Millis,
  laterMs: Millis = 0,
): Lifecycle {
  const { failure, count, isBlocked, agoMs } = earlier;
  const wait = remainingWait(earlier, begun.registration.plan.profile.retry);
  const since = now - Math.max(0, agoMs);
  return {
    ...begun,
    state: isBlocked ? 'blocked' : 'waiting',
    since,
    nextAt: wait === undefined ? undefined : now + wait + laterMs,
    failure: { failure, at: since },
    setbacks: countedRejections(count),
  };
}

/** For one that does not wait for them, but counts on. */
export function countedRejections(count: number): Setbacks {
  return count === 0 ? NO_SETBACKS : { ...NO_SETBACKS, failures: count, rejections: count };
}

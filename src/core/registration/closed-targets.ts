// Targets that answered 503 with a Retry-After: RFC 3261 §21.5.4 wants no other request sent to them before it is over, so
// an account that has found another target stays away from them in later rounds too. Without another it waits as long
// (after-failure.ts). Neither a round that somebody asks for by name nor the removal of the binding waits.

import type { Failure } from '../health/verdict.ts';
import { sameTarget, type Target } from '../sip/transport.ts';
import type { Millis } from '../time.ts';

export type ClosedTarget = { readonly target: Target; readonly untilAt: Millis; readonly failure: Failure };

/** Nearly every registration has these. */
export const NONE_CLOSED: readonly ClosedTarget[] = [];

/** More are not remembered; those that closed first are forgotten first. */
const MAX_REMEMBERED = 64;

/** `closed` after `target` has failed with `failure`, which may have a Retry-After. */
export function closing(
  closed: readonly ClosedTarget[],
  target: Target,
  failure: Failure,
  now: Millis,
): readonly ClosedTarget[] {
  const seconds = failure.retryAfterSeconds ?? 0;
  if (seconds === 0) return closed;
  const others = stillClosed(closed, now).filter((one) => !sameTarget(one.target, target));
  return [...others.slice(1 - MAX_REMEMBERED), { target, untilAt: now + seconds * 1000, failure }];
}

/** Those whose time is not over. */
export function stillClosed(closed: readonly ClosedTarget[], now: Millis): readonly ClosedTarget[] {
  if (closed.length === 0) return NONE_CLOSED;
  const left = closed.filter(({ untilAt }) => now < untilAt);
  return left.length === 0 ? NONE_CLOSED : left;
}

/** The one among `closed` that is `target`. */
export function closureOf(closed: readonly ClosedTarget[], target: Target): ClosedTarget | undefined {
  return closed.find((one) => sameTarget(one.target, target));
}

/** Why nobody is asked when `closed` are all that there are; null: there are none. */
export function closedFailure(closed: readonly ClosedTarget[], now: Millis): Failure | null {
  const [soonest] = [...closed].sort((a, b) => a.untilAt - b.untilAt);
  if (soonest === undefined) return null;
  const { target, untilAt, failure } = soonest;
  const retryAfterSeconds = Math.ceil((untilAt - now) / 1000);
  const cause = `${target.address} port ${target.port} is not asked for another ${retryAfterSeconds} s, as its Retry-After wants it; before that ${failure.cause}`;
  return { ...failure, cause, retryAfterSeconds };
}

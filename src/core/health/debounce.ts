// When a change of an account is worth telling somebody: once it has lasted. A short outage is not told, an account that
// comes and goes is told as that, once, and whoever was told of trouble is told of its end. Pure: the instants come in.

import { earliest, type Millis } from '../time.ts';
import type { Condition } from './condition.ts';

export type DebounceSettings = {
  /** A condition is told once it has lasted so long. */
  readonly afterMs: Millis;
  /** Who is still down is told again after this time; 0: never. */
  readonly repeatMs: Millis;
};

/** `still-down`: as told before, which is long ago. */
export type Tidings = 'down' | 'up' | 'flapping' | 'still-down';

export type Watch = {
  /** What it was last seen in; an attempt under way changes nothing. */
  readonly condition: Exclude<Condition, 'trying'> | null;
  readonly sinceAt: Millis;
  /** What is known outside; null: nothing yet. */
  readonly told: 'up' | 'down' | 'flapping' | null;
  readonly toldAt: Millis;
  /** Since when it has not been what is known of it, for long enough. */
  readonly unsettledAt: Millis | null;
};

export type Debounced = { readonly watch: Watch; readonly tidings: Tidings | null };

/** An account that has not settled for so many times `afterMs` comes and goes. */
const FLAPPING_TIMES = 5;

/** An account that nothing is known of. */
export const UNWATCHED: Watch = { condition: null, sinceAt: 0, told: null, toldAt: 0, unsettledAt: null };

/** The account is in `condition` now. */
export function noteCondition(
  watch: Watch,
  condition: Condition,
  now: Millis,
  settings: DebounceSettings,
): Debounced {
  if (condition === 'trying' || condition === watch.condition) return settle(watch, now, settings);
  const isAsTold = condition === 'resting' || condition === watch.told;
  // On its way back to what is known it is not settled yet: that is how one that comes and goes is noticed.
  const unsettledAt = condition === 'resting' ? null : (watch.unsettledAt ?? (isAsTold ? null : now));
  return settle({ ...watch, condition, sinceAt: now, unsettledAt }, now, settings);
}

/** Time has passed; to be called at `debounceWakeAt`. */
export function settle(watch: Watch, now: Millis, settings: DebounceSettings): Debounced {
  const { condition, sinceAt, told, toldAt, unsettledAt } = watch;
  if (condition === null || condition === 'resting') return { watch, tidings: null };
  if (now < sinceAt + settings.afterMs) {
    const isFlapping =
      (told === null || told === 'up') &&
      unsettledAt !== null &&
      now >= unsettledAt + FLAPPING_TIMES * settings.afterMs;
    return isFlapping ? tell({ ...watch, told: 'flapping' }, 'flapping', now) : { watch, tidings: null };
  }
  // After each refresh of an account that is well: it stays the same record.
  const isSettled = told === condition && unsettledAt === null;
  const settled: Watch = isSettled ? watch : { ...watch, told: condition, unsettledAt: null };
  if (told !== condition) {
    // That all is well from the start is no news.
    return told === null && condition === 'up'
      ? { watch: settled, tidings: null }
      : tell(settled, condition, now);
  }
  const isDue = condition === 'down' && settings.repeatMs > 0 && now >= toldAt + settings.repeatMs;
  return isDue ? tell(settled, 'still-down', now) : { watch: settled, tidings: null };
}

/** When `settle` has something to say at the earliest; undefined: not before the condition changes. */
export function debounceWakeAt(watch: Watch, { afterMs, repeatMs }: DebounceSettings): Millis | undefined {
  const { condition, sinceAt, told, toldAt, unsettledAt } = watch;
  if (condition === null || condition === 'resting') return undefined;
  if (told === condition && unsettledAt === null) {
    return condition === 'down' && repeatMs > 0 ? toldAt + repeatMs : undefined;
  }
  const flapsAt =
    unsettledAt !== null && (told === null || told === 'up')
      ? unsettledAt + FLAPPING_TIMES * afterMs
      : undefined;
  return earliest(sinceAt + afterMs, flapsAt);
}

function tell(watch: Watch, tidings: Tidings, now: Millis): Debounced {
  return { watch: { ...watch, toldAt: now }, tidings };
}

// How an event is to be told, and how often what repeats itself is told again: at growing intervals. Nothing here reads a clock.

import type { Millis } from '../../core/time.ts';

/** How an event is to be told. */
export type Telling =
  /** It speaks for itself. */
  | { readonly type: 'full' }
  /** The same once more: how often since when (RFC 3339). */
  | { readonly type: 'still'; readonly count: number; readonly since: string }
  /** The way back after failures: how long it took, how many attempts failed since when, the last of them with `code`. */
  | {
      readonly type: 'again';
      readonly downMs: Millis;
      readonly attempts: number;
      readonly since: string;
      readonly code: string;
    };

export type Verdict = { readonly telling: Telling; readonly isNews: boolean };

/** The same thing, several times in a row. */
export type Repeats = {
  readonly what: string;
  readonly since: string;
  count: number;
  tellAgainAt: Millis;
  intervalMs: Millis;
};

const FIRST_REPEAT_MS: Millis = 5 * 60_000;
const LONGEST_REPEAT_MS: Millis = 3_600_000;

const FULL: Telling = { type: 'full' };
export const NEWS: Verdict = { telling: FULL, isNews: true };
export const NO_NEWS: Verdict = { telling: FULL, isNews: false };

/** It was told for the first time, or `count` is 0: it is about to be. */
export function beginRepeats(
  what: string,
  { time, now, count }: { readonly time: string; readonly now: Millis; readonly count: number },
): Repeats {
  return { what, since: time, count, tellAgainAt: now + FIRST_REPEAT_MS, intervalMs: FIRST_REPEAT_MS };
}

/** Once more: is it to be told again? */
export function judgeRepeat(repeats: Repeats, now: Millis): Verdict {
  repeats.count += 1;
  const { count, since } = repeats;
  const telling: Telling = count === 1 ? FULL : { type: 'still', count, since };
  if (now < repeats.tellAgainAt) return { telling, isNews: false };
  repeats.intervalMs = Math.min(repeats.intervalMs * 2, LONGEST_REPEAT_MS);
  repeats.tellAgainAt = now + repeats.intervalMs;
  return { telling, isNews: true };
}

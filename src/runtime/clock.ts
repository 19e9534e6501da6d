// The two clocks of the shell: the monotonic one, by which everything is timed, and the wall clock, which only
// people read. Nothing is ever scheduled by the wall clock: it jumps.

import type { Millis } from '../core/time.ts';

/** Now, on the monotonic clock of this process, in whole milliseconds: V8 keeps whole numbers without an object for each,
 * and every state is full of instants. */
export function monotonicNow(): Millis {
  return Math.floor(exactNow());
}

/** The same clock as exactly as it goes: for measuring. */
export function exactNow(): Millis {
  // Not `performance`: the first use of it loads modules that a short command does without.
  return process.uptime() * 1000;
}

/** The wall-clock time of a monotonic instant, as the wall clock stands now; the same each time, unless somebody sets it. */
export function wallTimeOf(at: Millis): Date {
  const measured = Date.now() - monotonicNow();
  // Both clocks are cut to whole milliseconds, at different moments: what is measured wavers by one.
  if (!(Math.abs(measured - wallAhead) <= 1)) wallAhead = measured;
  return new Date(at + wallAhead);
}

/** By how much the wall clock is ahead of the monotonic one; NaN: not measured yet. */
let wallAhead = Number.NaN;

// The two clocks of the shell: the monotonic one, by which everything is timed, and the wall clock, which only
// people read. Nothing is ever scheduled by the wall clock: it jumps.

import type { Millis } from '../core/time.ts';

/** Now, on the monotonic clock of this process. */
export function monotonicNow(): Millis {
  // Not `performance`: the first use of it loads modules that a short command does without.
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** The wall-clock time of a monotonic instant, as the wall clock stands now. */
export function wallTimeOf(at: Millis): Date {
  return new Date(Date.now() + (at - monotonicNow()));
}

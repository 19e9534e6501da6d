// Instants and durations of the core. The core never reads a clock: `now` is always an argument.
// Instants are monotonic (they do not follow wall-clock steps); the shell turns them into dates for people.

/** A monotonic instant, or a duration, in milliseconds. Names end in `At` (instant) or `Ms` (duration). */
export type Millis = number;

export const DAY_MS: Millis = 86_400_000;

/** The earlier of two optional instants; undefined when neither is set. */
export function earliest(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return Math.min(a, b);
}

// Notices that the machine slept or that its clock was set, by comparing how far the two clocks went. On Linux the
// monotonic clock (CLOCK_MONOTONIC) stands still while the machine is suspended, so no timer knows that hours have
// passed, and the bindings may be gone. A clock that is slewed (adjtime(3)) stays below the threshold.

import type { Millis } from '../core/time.ts';
import { monotonicNow } from './clock.ts';
import { onPulse } from './pulse.ts';

export type ClockWatcher = {
  /** The wall clock went `byMs` further than the monotonic one: a suspend, or it was set forward. */
  readonly jumped: (byMs: Millis) => void;
  /** The wall clock was set back: `byMs` is negative. Nothing has to be done, but the times of the log overlap. */
  readonly stepped: (byMs: Millis) => void;
};

/** Where the time comes from, and when it is looked at. */
export type ClockSource = {
  readonly monotonic: () => Millis;
  /** Milliseconds since 1970. */
  readonly wall: () => Millis;
  /** Calls `beat` again and again until the returned function is called. */
  readonly onPulse: (beat: () => void) => () => void;
};

/** Less is a clock that is being corrected, or a reading that was interrupted. */
const NOTICED_MS: Millis = 2_000;

const SYSTEM: ClockSource = { monotonic: monotonicNow, wall: Date.now, onPulse };

/** Tells `watcher` of every jump until `stop`. */
export function watchClocks(
  watcher: ClockWatcher,
  source: ClockSource = SYSTEM,
): { readonly stop: () => void } {
  let monotonic = source.monotonic();
  let wall = source.wall();
  const compare = (): void => {
    const [monotonicThen, wallThen] = [monotonic, wall];
    monotonic = source.monotonic();
    wall = source.wall();
    const byMs = wall - wallThen - (monotonic - monotonicThen);
    if (byMs > NOTICED_MS) watcher.jumped(byMs);
    else if (byMs < -NOTICED_MS) watcher.stepped(byMs);
  };
  return { stop: source.onPulse(compare) };
}

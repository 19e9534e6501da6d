// Notices that the machine slept or that its wall clock was set, by comparing how far three clocks went. On Linux the
// monotonic clock (CLOCK_MONOTONIC) stands still while the machine is suspended, so no timer knows that hours have
// passed, and the bindings may be gone; the time since boot (CLOCK_BOOTTIME, proc(5): /proc/uptime) goes on, whatever the
// wall clock is set to. A clock that is slewed (adjtime(3)) stays below the threshold.

import { uptime } from 'node:os';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from './clock.ts';
import { onPulse } from './pulse.ts';

export type ClockWatcher = {
  /** The machine slept for so long. */
  readonly slept: (byMs: Millis) => void;
  /** The wall clock was set: forward, or back when `byMs` is negative. Forward it is also after a virtual machine was
   * stopped, which none of its own clocks can tell. */
  readonly stepped: (byMs: Millis) => void;
};

/** Where the time comes from, and when it is looked at. */
export type ClockSource = {
  readonly monotonic: () => Millis;
  /** Since boot, with the time asleep. */
  readonly sinceBoot: () => Millis;
  /** Milliseconds since 1970. */
  readonly wall: () => Millis;
  /** Calls `beat` again and again until the returned function is called. */
  readonly onPulse: (beat: () => void) => () => void;
};

/** Less is a clock that is being corrected, a reading that was interrupted, or a clock of whole seconds (macOS, since boot). */
const NOTICED_MS: Millis = 2_000;

const SYSTEM: ClockSource = {
  monotonic: monotonicNow,
  sinceBoot: () => uptime() * 1000,
  wall: Date.now,
  onPulse,
};

/** Tells `watcher` of every jump until `stop`. */
export function watchClocks(
  watcher: ClockWatcher,
  source: ClockSource = SYSTEM,
): { readonly stop: () => void } {
  const read = () => {
    const monotonic = source.monotonic();
    return { asleep: source.sinceBoot() - monotonic, ahead: source.wall() - monotonic };
  };
  let before = read();
  const compare = (): void => {
    const now = read();
    const sleptMs = noticed(Math.max(0, now.asleep - before.asleep));
    const steppedMs = noticed(now.ahead - before.ahead - sleptMs);
    before = now;
    if (sleptMs > 0) watcher.slept(sleptMs);
    if (steppedMs !== 0) watcher.stepped(steppedMs);
  };
  return { stop: source.onPulse(compare) };
}

function noticed(byMs: Millis): Millis {
  return Math.abs(byMs) > NOTICED_MS ? byMs : 0;
}

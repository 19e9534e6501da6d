// How the process itself does: how long its event loop was held up, and whether its clockwork still ticks.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Millis } from '../../core/time.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { onPulse } from '../../runtime/pulse.ts';

export type Vitals = {
  /** The longest time that nothing was done since the last call, seconds. */
  readonly takeLag: () => number;
  /** Since when the last tick is overdue; 0 when it is not. */
  readonly overdueMs: () => Millis;
  readonly stop: () => void;
};

/** How often the event loop is measured. */
const RESOLUTION_MS: Millis = 100;

export function watchVitals(): Vitals {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let tickedAt = monotonicNow();
  const stopPulse = onPulse(() => {
    tickedAt = monotonicNow();
  });
  return {
    takeLag: () => {
      const { max } = delay;
      delay.reset();
      // What is measured is the time between two looks.
      return Math.max(0, Math.round(max / 1e6 - RESOLUTION_MS) / 1000);
    },
    overdueMs: () => monotonicNow() - tickedAt,
    stop: () => {
      stopPulse();
      delay.disable();
    },
  };
}

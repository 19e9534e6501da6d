// Notices that nothing was done for more than a second: a beat that comes late. Refreshes and answers were late by as much,
// so it is told, with how much of that time this process computed: else it was stopped, or the host was too busy.

import { durationText } from '../core/health/words.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { onPulse, PULSE_MS } from '../runtime/pulse.ts';
import type { AgentEvent } from './events.ts';

export type EventLoopSource = {
  readonly monotonic: () => Millis;
  /** Processor time of this process so far. */
  readonly computed: () => Millis;
  readonly wall: () => Date;
  /** Calls `beat` every PULSE_MS until the returned function is called. */
  readonly onPulse: (beat: () => void) => () => void;
};

const NOTICED_MS: Millis = 1_000;

const SYSTEM: EventLoopSource = {
  monotonic: monotonicNow,
  computed: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  wall: () => new Date(),
  onPulse,
};

/** Tells of every beat that comes more than a second late, until `stop`. */
export function watchEventLoop(
  tell: (event: AgentEvent) => void,
  source: EventLoopSource = SYSTEM,
): { readonly stop: () => void } {
  let lastAt = source.monotonic();
  let computedBefore = source.computed();
  const beat = (): void => {
    const lateMs = source.monotonic() - lastAt - PULSE_MS;
    const computedMs = source.computed() - computedBefore;
    lastAt += lateMs + PULSE_MS;
    computedBefore += computedMs;
    if (lateMs <= NOTICED_MS) return;
    tell({
      time: source.wall().toISOString(),
      severity: 'warning',
      type: 'agent',
      code: 'agent.event-loop-blocked',
      text: `nothing was done for ${secondsText(lateMs)}, of which this process computed ${secondsText(Math.min(computedMs, lateMs))}; what was due in between is late by as much`,
    });
  };
  return { stop: source.onPulse(beat) };
}

/** A tenth of a second matters here, up to where it does not. */
function secondsText(ms: Millis): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : durationText(ms / 1000);
}

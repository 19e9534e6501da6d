// The alarm of a simulated process (src/runtime/alarm.ts) on virtual time: the monotonic clock stands still while the
// machine sleeps, so whoever is woken too early is woken again.

import type { Millis } from '../../src/core/time.ts';
import type { Alarm, Sleeper } from '../../src/runtime/alarm.ts';
import type { Timeline } from './timeline.ts';

type Surroundings = {
  readonly timeline: Timeline;
  readonly monotonic: () => Millis;
  readonly worldTime: (instant: Millis) => Millis;
  readonly inProcess: (run: () => void) => void;
};

/** Wakes each sleeper once its instant has come, while the process lives. */
export function createSimAlarm<S extends Sleeper>(
  { timeline, monotonic, worldTime, inProcess }: Surroundings,
  wake: (sleeper: S) => void,
): Alarm<S> {
  let isStopped = false;
  const arm = (sleeper: S, at: Millis): void =>
    timeline.at(worldTime(at), () => inProcess(() => ring(sleeper, at)));
  const ring = (sleeper: S, at: Millis): void => {
    if (isStopped || sleeper.alarmAt !== at) return;
    if (at > monotonic()) {
      arm(sleeper, at);
      return;
    }
    sleeper.alarmAt = undefined;
    wake(sleeper);
  };
  return {
    set: (sleeper, instant) => {
      // As the real one does. A fraction would be lost in the far larger numbers of the world's time, and never come.
      const at = instant === undefined ? undefined : Math.ceil(instant);
      if (sleeper.alarmAt === at) return;
      sleeper.alarmAt = at;
      if (at !== undefined) arm(sleeper, at);
    },
    stop: () => {
      isStopped = true;
    },
  };
}

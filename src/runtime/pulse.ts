// One timer for all who look at something once a second. It keeps no process alive, and runs only while somebody wants it.

import type { Millis } from '../core/time.ts';

/** How far two beats are apart. */
export const PULSE_MS: Millis = 1_000;

const listeners = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

/** Calls `beat` every PULSE_MS until the returned function is called. */
export function onPulse(beat: () => void): () => void {
  // The same function may be wanted twice: each caller has its own entry.
  const listener = (): void => beat();
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const one of listeners) one();
  }, PULSE_MS).unref();
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

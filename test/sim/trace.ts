// What happened in a world, one line an event. All lines go into a fingerprint, by which two runs are compared; the
// last ones are kept for the report of a failure.

import type { Millis } from '../../src/core/time.ts';

export type Trace = {
  readonly note: (text: string) => void;
  readonly fingerprint: () => string;
  readonly count: () => number;
  /** The last lines, oldest first. */
  readonly tail: () => readonly string[];
};

const KEPT_LINES = 60;

export function createTrace(now: () => Millis): Trace {
  const lines: string[] = [];
  let hash = 0x811c9dc5;
  let count = 0;
  return {
    note: (text) => {
      const line = `${now()} ${text}`;
      // FNV-1a.
      for (let at = 0; at < line.length; at++) hash = Math.imul(hash ^ line.charCodeAt(at), 0x01000193);
      lines[count % KEPT_LINES] = line;
      count += 1;
    },
    fingerprint: () => `${count} ${(hash >>> 0).toString(16)}`,
    count: () => count,
    tail: () => [...lines.slice(count % KEPT_LINES), ...lines.slice(0, count % KEPT_LINES)],
  };
}

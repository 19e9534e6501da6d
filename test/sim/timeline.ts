// Virtual time: a queue of what is to happen, worked off in order. Instants are whole milliseconds, and what falls on
// one instant happens in the order in which it was asked for, so that a world is the same each time it is run.

import type { Millis } from '../../src/core/time.ts';

export type Timeline = {
  readonly now: () => Millis;
  /** Lets `run` happen at `instant`, rounded up; one that is over means now. */
  readonly at: (instant: Millis, run: () => void) => void;
  readonly after: (ms: Millis, run: () => void) => void;
  /** Lets everything happen until `end`, and the clock stand there. */
  readonly runUntil: (end: Millis) => void;
};

type Happening = { readonly at: Millis; readonly order: number; readonly run: () => void };

export function createTimeline(): Timeline {
  const heap: Happening[] = [];
  let clock = 0;
  let order = 0;
  const at = (instant: Millis, run: () => void): void => {
    order += 1;
    insert(heap, { at: Math.max(clock, Math.ceil(instant)), order, run });
  };
  return {
    now: () => clock,
    at,
    after: (ms, run) => at(clock + ms, run),
    runUntil: (end) => {
      for (let next = heap[0]; next !== undefined && next.at <= end; next = heap[0]) {
        removeFirst(heap);
        clock = next.at;
        next.run();
      }
      clock = end;
    },
  };
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function insert(heap: Happening[], entry: Happening): void {
  let place = heap.push(entry) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || isBefore(above, entry)) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = entry;
}

function removeFirst(heap: Happening[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    const left = heap[2 * place + 1];
    const right = heap[2 * place + 2];
    if (left === undefined) break;
    const smaller = right !== undefined && isBefore(right, left) ? right : left;
    if (isBefore(last, smaller)) break;
    heap[place] = smaller;
    place = 2 * place + (smaller === left ? 1 : 2);
  }
  heap[place] = last;
}

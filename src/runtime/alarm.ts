// One timer for any number of sleepers. Each has at most one instant at which it wants to be woken; the next of all
// is what the timer waits for. setTimeout is only a hint: the clock is read again at each tick, so a late, early or
// suspended timer loses nothing, and waits beyond 2^31 ms are no special case.

import type { Millis } from '../core/time.ts';

/** Somebody who can be woken. `alarmAt` belongs to the alarm; undefined when nothing is due. */
export type Sleeper = { alarmAt: Millis | undefined };

export type Alarm<S extends Sleeper> = {
  /** Sets, moves or (undefined) drops the instant at which `sleeper` is woken. */
  readonly set: (sleeper: S, at: Millis | undefined) => void;
  /** Drops everything; nobody is woken any more. */
  readonly stop: () => void;
};

type Entry<S> = { readonly at: Millis; readonly sleeper: S };

/** The clock is looked at no less often than this, whatever is due. */
const LONGEST_SLEEP_MS: Millis = 15_000;
/** So many entries that their sleepers have left are kept without a look; beyond, no more than there are sleepers. */
const SPARE_ENTRIES = 64;

/** An alarm on the clock `now`, which calls `wake` for each sleeper whose instant has come. */
export function createAlarm<S extends Sleeper>(now: () => Millis, wake: (sleeper: S) => void): Alarm<S> {
  /** A binary heap by instant. An entry whose sleeper has moved on is skipped when it comes up. */
  let heap: Entry<S>[] = [];
  /** Sleepers that want to be woken. */
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let ringing: NodeJS.Immediate | undefined;

  const arm = (): void => {
    const next = heap[0];
    if (next === undefined || next.at >= timerAt) return;
    clearTimeout(timer);
    timerAt = next.at;
    timer = setTimeout(letOthersGoFirst, Math.min(Math.max(0, next.at - now()), LONGEST_SLEEP_MS));
  };
  /** Node runs timers before it reads sockets: what has arrived meanwhile is heard first, or a busy process would send
   * again what is answered already. */
  const letOthersGoFirst = (): void => {
    ringing = setImmediate(ring);
  };
  const ring = (): void => {
    timerAt = Number.POSITIVE_INFINITY;
    for (let next = heap[0]; next !== undefined && next.at <= now(); next = heap[0]) {
      removeFirst(heap);
      if (next.sleeper.alarmAt !== next.at) continue;
      next.sleeper.alarmAt = undefined;
      waiting -= 1;
      wake(next.sleeper);
    }
    arm();
  };
  return {
    set(sleeper, at) {
      if (sleeper.alarmAt === at) return;
      waiting += Number(at !== undefined) - Number(sleeper.alarmAt !== undefined);
      sleeper.alarmAt = at;
      if (at === undefined) return;
      insert(heap, { at, sleeper });
      if (heap.length > 2 * waiting + SPARE_ENTRIES) heap = withoutStale(heap);
      arm();
    },
    stop() {
      clearTimeout(timer);
      clearImmediate(ringing);
      timerAt = Number.NEGATIVE_INFINITY;
      heap = [];
    },
  };
}

/** The entries that still count, each once; sorted, and so a heap. */
function withoutStale<S extends Sleeper>(heap: readonly Entry<S>[]): Entry<S>[] {
  const current = heap.filter(({ at, sleeper }) => sleeper.alarmAt === at);
  const bySleeper = new Map(current.map((entry) => [entry.sleeper, entry]));
  return [...bySleeper.values()].sort((a, b) => a.at - b.at);
}

function insert<S>(heap: Entry<S>[], entry: Entry<S>): void {
  let place = heap.push(entry) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || above.at <= entry.at) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = entry;
}

function removeFirst<S>(heap: Entry<S>[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (;;) {
    const left = heap[2 * place + 1];
    const right = heap[2 * place + 2];
    if (left === undefined) break;
    const smaller = right !== undefined && right.at < left.at ? right : left;
    if (smaller.at >= last.at) break;
    heap[place] = smaller;
    place = 2 * place + (smaller === left ? 1 : 2);
  }
  heap[place] = last;
}

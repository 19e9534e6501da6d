// One timer for any number of sleepers. Each has at most one instant at which it wants to be woken; the next of all
// is what the timer waits for. setTimeout is only a hint: the clock is read again at each tick, so a late, early or
// suspended timer loses nothing, and waits beyond 2^31 ms are no special case.

import type { Millis } from '../core/time.ts';

/** Somebody who can be woken. `alarmAt` belongs to the alarm, in whole milliseconds; undefined when nothing is due. */
export type Sleeper = { alarmAt: Millis | undefined };

export type Alarm<S extends Sleeper> = {
  /** Sets, moves or (undefined) drops the instant at which `sleeper` is woken. */
  readonly set: (sleeper: S, at: Millis | undefined) => void;
  /** Drops everything; nobody is woken any more. */
  readonly stop: () => void;
};

/** A binary heap by instant, as two lists of the same length: fifty thousand entries are two objects. */
type Heap<S> = { times: Millis[]; sleepers: S[] };

/** The clock is looked at no less often than this, whatever is due. */
const LONGEST_SLEEP_MS: Millis = 15_000;
/** What falls due so soon after others were woken is woken with what follows it, a little late: among ten thousand accounts
 * each would wake the process for itself. */
const REST_MS: Millis = 20;
/** So many entries that their sleepers have left are kept without a look; beyond, no more than there are sleepers. */
const SPARE_ENTRIES = 64;
/** So many are woken in one turn of the event loop: where thousands are due, what arrives meanwhile is heard in between. */
const MOST_IN_ONE_TURN = 64;

/** An alarm on the clock `now`, which calls `wake` for each sleeper whose instant has come. */
export function createAlarm<S extends Sleeper>(now: () => Millis, wake: (sleeper: S) => void): Alarm<S> {
  /** An entry whose sleeper has moved on is skipped when it comes up. */
  const heap: Heap<S> = { times: [], sleepers: [] };
  /** Sleepers that want to be woken. */
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let restsUntil = Number.NEGATIVE_INFINITY;
  let ringing: NodeJS.Immediate | undefined;

  const arm = (): void => {
    const next = Math.max(heap.times[0] ?? Number.POSITIVE_INFINITY, restsUntil);
    if (next >= timerAt) return;
    clearTimeout(timer);
    timerAt = next;
    timer = setTimeout(letOthersGoFirst, Math.min(Math.max(0, next - now()), LONGEST_SLEEP_MS));
  };
  /** Node runs timers before it reads sockets: what has arrived meanwhile is heard first, or a busy process would send
   * again what is answered already. */
  const letOthersGoFirst = (): void => {
    timerAt = Number.NEGATIVE_INFINITY;
    ringing = setImmediate(ring);
  };
  const ring = (): void => {
    timerAt = Number.POSITIVE_INFINITY;
    if (now() < restsUntil) {
      arm();
      return;
    }
    let woken = 0;
    for (let at = heap.times[0]; at !== undefined && at <= now(); at = heap.times[0]) {
      if (woken === MOST_IN_ONE_TURN) {
        letOthersGoFirst();
        return;
      }
      const sleeper = removeFirst(heap);
      if (sleeper.alarmAt !== at) continue;
      sleeper.alarmAt = undefined;
      waiting -= 1;
      woken += 1;
      wake(sleeper);
    }
    if (woken > 0) restsUntil = now() + REST_MS;
    arm();
  };
  return {
    set(sleeper, instant) {
      // A whole number needs no memory of its own.
      const at = instant === undefined ? undefined : Math.ceil(instant);
      if (sleeper.alarmAt === at) return;
      waiting += Number(at !== undefined) - Number(sleeper.alarmAt !== undefined);
      sleeper.alarmAt = at;
      if (at === undefined) return;
      insert(heap, at, sleeper);
      if (heap.times.length > 2 * waiting + SPARE_ENTRIES) dropStale(heap);
      arm();
    },
    stop() {
      clearTimeout(timer);
      clearImmediate(ringing);
      timerAt = Number.NEGATIVE_INFINITY;
      heap.times = [];
      heap.sleepers = [];
    },
  };
}

/** Keeps the entries that still count, each once; sorted, and so a heap. */
function dropStale<S extends Sleeper>(heap: Heap<S>): void {
  const current = new Set(heap.sleepers.filter((sleeper, place) => sleeper.alarmAt === heap.times[place]));
  heap.sleepers = [...current].sort((a, b) => (a.alarmAt ?? 0) - (b.alarmAt ?? 0));
  heap.times = heap.sleepers.map(({ alarmAt }) => alarmAt ?? 0);
}

function insert<S>({ times, sleepers }: Heap<S>, at: Millis, sleeper: S): void {
  let place = times.push(at) - 1;
  sleepers.push(sleeper);
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = sleepers[parent];
    const aboveAt = times[parent];
    if (above === undefined || aboveAt === undefined || aboveAt <= at) break;
    times[place] = aboveAt;
    sleepers[place] = above;
    place = parent;
  }
  times[place] = at;
  sleepers[place] = sleeper;
}

/** Of a heap that is not empty. */
function removeFirst<S>({ times, sleepers }: Heap<S>): S {
  const first = sleepers[0];
  const at = times.pop();
  const last = sleepers.pop();
  if (first === undefined || last === undefined || at === undefined) throw new Error('the heap is empty');
  if (times.length === 0) return first;
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    const child = left + Number((times[left + 1] ?? Number.POSITIVE_INFINITY) < (times[left] ?? 0));
    const childAt = times[child];
    const below = sleepers[child];
    if (childAt === undefined || below === undefined || childAt >= at) break;
    times[place] = childAt;
    sleepers[place] = below;
    place = child;
  }
  times[place] = at;
  sleepers[place] = last;
  return first;
}

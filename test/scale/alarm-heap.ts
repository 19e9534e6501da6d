// When each of a million accounts wants to be woken: a binary heap over their numbers in typed arrays, so that the
// harness costs 16 bytes an account and what is left of the heap is the machine's own state.

import type { Millis } from '../../src/core/time.ts';

export type AlarmHeap = {
  /** Sets, moves or (undefined) takes back the alarm of an account. */
  readonly set: (account: number, at: Millis | undefined) => void;
  /** The instant of the earliest alarm; Infinity without any. */
  readonly nextAt: () => Millis;
  /** Takes the earliest alarm out; there is one. */
  readonly pop: () => number;
};

const NOWHERE = -1;

export function createAlarmHeap(accounts: number): AlarmHeap {
  const at = new Float64Array(accounts);
  const heap = new Int32Array(accounts);
  const place = new Int32Array(accounts).fill(NOWHERE);
  let size = 0;

  const accountAt = (index: number): number => heap[index] ?? 0;
  const timeAt = (index: number): Millis => at[accountAt(index)] ?? 0;
  const put = (index: number, account: number): void => {
    heap[index] = account;
    place[account] = index;
  };
  const swap = (one: number, other: number): void => {
    const account = accountAt(one);
    put(one, accountAt(other));
    put(other, account);
  };
  const rise = (from: number): void => {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (timeAt(parent) <= timeAt(index)) return;
      swap(parent, index);
      index = parent;
    }
  };
  const sink = (from: number): void => {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let least = index;
      if (left < size && timeAt(left) < timeAt(least)) least = left;
      if (right < size && timeAt(right) < timeAt(least)) least = right;
      if (least === index) return;
      swap(least, index);
      index = least;
    }
  };
  const remove = (index: number): void => {
    place[accountAt(index)] = NOWHERE;
    size -= 1;
    if (index === size) return;
    put(index, accountAt(size));
    rise(index);
    sink(index);
  };

  return {
    set(account, wanted) {
      const index = place[account] ?? NOWHERE;
      if (wanted === undefined) {
        if (index !== NOWHERE) remove(index);
        return;
      }
      at[account] = wanted;
      if (index === NOWHERE) {
        put(size, account);
        size += 1;
        rise(size - 1);
      } else {
        rise(index);
        sink(place[account] ?? 0);
      }
    },
    nextAt: () => (size === 0 ? Number.POSITIVE_INFINITY : timeAt(0)),
    pop() {
      const account = accountAt(0);
      remove(0);
      return account;
    },
  };
}

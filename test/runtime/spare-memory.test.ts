import { describe, expect, it } from 'vitest';
import { PULSE_MS } from '../../src/runtime/pulse.ts';
import { type MemorySource, watchSpareMemory } from '../../src/runtime/spare-memory.ts';

const MIB = 2 ** 20;
const GROWN = 100 * MIB;

type Host = {
  heap: number;
  share: number;
  collections: number;
  /** Whether what survived was moved, for each collection. */
  readonly moved: boolean[];
  readonly pulses: (count: number) => void;
};

function host(): Host {
  let beat = (): void => {};
  let now = 0;
  let computed = 0;
  const here: Host = {
    heap: 20 * MIB,
    share: 0,
    collections: 0,
    moved: [],
    pulses: (count) => {
      for (let at = 0; at < count; at++) {
        now += PULSE_MS;
        computed += here.share * PULSE_MS;
        beat();
      }
    },
  };
  const source: MemorySource = {
    monotonic: () => now,
    computed: () => computed,
    heapBytes: () => here.heap,
    collect: (moving) => {
      here.moved.push(moving);
      here.collections += 1;
      here.heap = 30 * MIB;
    },
    onPulse: (called) => {
      beat = called;
      return () => {};
    },
  };
  watchSpareMemory(source);
  return here;
}

describe('spare memory', () => {
  it('is given back when the process has become quiet, not while it works', () => {
    const here = host();
    here.heap = GROWN;
    here.share = 0.9;
    here.pulses(20);
    expect(here.collections).toBe(0);
    here.share = 0.05;
    here.pulses(2);
    expect(here.collections).toBe(0);
    here.pulses(1);
    expect(here.collections).toBe(1);
  });

  it('is collected once more, as V8 keeps the young generation the first time, and then no more', () => {
    const here = host();
    here.heap = GROWN;
    here.pulses(3);
    here.share = 0.9;
    here.pulses(20);
    expect(here.collections).toBe(1);
    here.share = 0;
    here.pulses(7);
    expect(here.collections).toBe(1);
    here.pulses(1);
    expect(here.collections).toBe(2);
    here.pulses(100);
    expect(here.collections).toBe(2);
    // Garbage is not moved: it is gone by the second time.
    expect(here.moved).toEqual([false, true]);
  });

  it('is left where it is when there is little of it', () => {
    const here = host();
    here.heap = 40 * MIB;
    here.pulses(100);
    expect(here.collections).toBe(0);
  });

  it('is given back again after an hour at the earliest', () => {
    const here = host();
    here.heap = GROWN;
    here.pulses(11);
    here.heap = GROWN;
    here.pulses(Math.ceil((59 * 60_000) / PULSE_MS));
    expect(here.collections).toBe(2);
    here.pulses(Math.ceil(60_000 / PULSE_MS) + 1);
    expect(here.collections).toBe(3);
  });
});

// Memory that the process has and does not need any more, given back to the system. V8 collects when it needs room; after
// a burst of work (ten thousand accounts that register) that is never, and what the burst has left would stay resident
// for the life of a quiet process.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from './clock.ts';
import { onPulse, PULSE_MS } from './pulse.ts';

export type MemorySource = {
  readonly monotonic: () => Millis;
  /** Processor time of this process so far. */
  readonly computed: () => Millis;
  /** What the heap takes of the system, garbage and room included. */
  readonly heapBytes: () => number;
  /** `moving`: what survives may be put together. */
  readonly collect: (moving: boolean) => void;
  /** Calls `beat` every PULSE_MS until the returned function is called. */
  readonly onPulse: (beat: () => void) => () => void;
};

/** A heap that has grown by less is left alone. */
const WORTH_BYTES = 24 * 2 ** 20;
/** Moving takes about 4 ms for each MB. */
const MOST_MOVED_BYTES = 160 * 2 ** 20;
/** Quiet: below this share of one processor, so many pulses in a row. */
const QUIET_SHARE = 0.25;
const QUIET_PULSES = 3;
/** V8 lets go of the young generation only where little was allocated in the 5 s before: that is the second time. */
const SETTLED_PULSES = 8;
/** A collection stops everything for 0.1 to 0.4 s for each 100 MB in use: that must stay rare. */
const LEAST_BETWEEN_MS: Millis = 60 * 60_000;

const SYSTEM: MemorySource = {
  monotonic: monotonicNow,
  computed: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  heapBytes: () => process.memoryUsage().heapTotal,
  collect: collectGarbage,
  onPulse,
};

/** Gives memory back whenever the process has become quiet after its heap has grown, until `stop`. */
export function watchSpareMemory(source: MemorySource = SYSTEM): { readonly stop: () => void } {
  let known = source.heapBytes();
  let computedBefore = source.computed();
  let quietPulses = 0;
  /** The second collection is to come. */
  let isHalfDone = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  const beat = (): void => {
    const computed = source.computed();
    const isQuiet = computed - computedBefore < QUIET_SHARE * PULSE_MS;
    computedBefore = computed;
    quietPulses = isQuiet ? quietPulses + 1 : 0;
    if (quietPulses < (isHalfDone ? SETTLED_PULSES : QUIET_PULSES)) return;
    if (!isHalfDone && source.monotonic() < notBefore) return;
    if (!isHalfDone && source.heapBytes() - known < WORTH_BYTES) return;
    isHalfDone = !isHalfDone;
    quietPulses = 0;
    // What is left then is in use, and how much that is tells what moving it would take.
    source.collect(!isHalfDone);
    known = source.heapBytes();
    notBefore = source.monotonic() + LEAST_BETWEEN_MS;
  };
  return { stop: source.onPulse(beat) };
}

/** The young generation stays as large as it is now. V8 would double it up to two times 16 MB, which then stay resident: that
 * is for programs whose garbage lives for long, and ours dies with its message. */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** V8 hands its collector only to contexts that are made while the flag is set. What survives has to move together, or
 * else the holes between stay; but of a large heap that would take longer than a REGISTER may wait. */
function collectGarbage(moving: boolean): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  const isMoved = moving && process.memoryUsage().heapUsed <= MOST_MOVED_BYTES;
  if (isMoved) setFlagsFromString('--compact-on-every-full-gc');
  collect();
  if (isMoved) setFlagsFromString('--no-compact-on-every-full-gc');
}

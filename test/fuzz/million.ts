// Very many messages through parser and framer in one process, half of them spoiled in one to three ways: nothing may throw,
// and when it is over the heap is as it was and no handle is open. Needs --expose-gc for the heap.

import { setImmediate as turn } from 'node:timers/promises';
import { emptyFramer, pushBytes } from '../../src/core/sip/framer.ts';
import { checkRequest } from '../../src/core/sip/mandatory.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { type Campaign, type Crash, runCases } from './campaign.ts';
import type { Target } from './target.ts';

export type MillionResult = {
  readonly crash: Crash | null;
  readonly milliseconds: number;
  /** Bytes in use after a collection, once all code has run and at the end; NaN without --expose-gc. */
  readonly heapBefore: number;
  readonly heapAfter: number;
  /** Handles and requests of the event loop that were not there before. */
  readonly handles: number;
  /** Messages that the parser took, and those that came whole off a stream. */
  readonly parsed: number;
  readonly framed: number;
};

type Million = { readonly seed: number; readonly corpus: readonly Uint8Array[]; readonly count: number };

const BATCH = 5_000;
/** Messages on one stream before the next begins, unless it breaks earlier. */
const ON_ONE_STREAM = 50;
/** Compiles the code and fills every cache before the heap is first looked at. */
const WARM_UP = 20_000;

/** Runs `count` messages after a warm-up. */
export async function runMillion({ seed, corpus, count }: Million): Promise<MillionResult> {
  const half = { corpus, targets: [], spoiled: 0.5, mostMutations: 3 };
  await runAll({ ...half, seed: seed + 1 }, WARM_UP);
  const handlesBefore = process.getActiveResourcesInfo().length;
  const heapBefore = await heapInUse();
  const begun = performance.now();
  const { crash, parsed, framed } = await runAll({ ...half, seed }, count);
  const milliseconds = performance.now() - begun;
  const heapAfter = await heapInUse();
  const handles = process.getActiveResourcesInfo().length - handlesBefore;
  return { crash, milliseconds, heapBefore, heapAfter, handles, parsed, framed };
}

async function runAll(
  campaign: Campaign,
  count: number,
): Promise<Pick<MillionResult, 'crash' | 'parsed' | 'framed'>> {
  const path = createPath();
  for (let first = 0; first < count; first += BATCH) {
    const crash = runCases({ ...campaign, targets: [path.target] }, first, Math.min(first + BATCH, count));
    if (crash !== null) return { crash, ...path.counts };
    await turn();
  }
  return { crash: null, ...path.counts };
}

/** A message as a datagram, and as the next one of a stream. */
function createPath() {
  let framer = emptyFramer();
  let onStream = 0;
  const counts = { parsed: 0, framed: 0 };
  const target: Target = {
    name: 'million',
    run: (bytes) => {
      const parsed = parseMessage(bytes);
      if (parsed.ok) counts.parsed += 1;
      if (parsed.ok && parsed.value.kind === 'request') checkRequest(parsed.value);
      if (framer.phase === 'broken' || onStream === ON_ONE_STREAM) {
        framer = emptyFramer();
        onStream = 0;
      }
      const step = pushBytes(framer, bytes);
      framer = step.framer;
      onStream += 1;
      for (const message of step.messages) {
        counts.framed += 1;
        parseMessage(message);
      }
    },
  };
  return { target, counts };
}

async function heapInUse(): Promise<number> {
  if (globalThis.gc === undefined) return Number.NaN;
  // Weak references and finalizers need a turn between two collections.
  for (let collection = 0; collection < 4; collection++) {
    globalThis.gc();
    await turn();
  }
  return process.memoryUsage().heapUsed;
}

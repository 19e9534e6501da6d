// A week in each of the worlds with even seeds; the others are in another file, for another core.

import { describe, it } from 'vitest';
import { runSeed, seedsOfHalf } from './replay.ts';

describe.each(seedsOfHalf(1).map((seeds) => ({ seeds })))('worlds $seeds', ({ seeds }) => {
  it.skipIf(seeds.length === 0)('every rule holds', { timeout: 120_000 }, () => {
    for (const seed of seeds) runSeed(seed);
  });
});

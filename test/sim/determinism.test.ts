// A failure can be looked at again only when the seed says it all.

import { expect, it } from 'vitest';
import { worldPlan } from './plan.ts';
import { createWorld } from './world.ts';

/** One world of each way to find the hosts. */
const SEEDS = [1, 4, 8, 9];

function fingerprint(seed: number): string {
  const world = createWorld(worldPlan(seed));
  world.run();
  return world.trace.fingerprint();
}

it('the same seed gives the same trace', () => {
  const first = SEEDS.map(fingerprint);
  expect(SEEDS.map(fingerprint)).toEqual(first);
  expect(new Set(first).size).toBe(SEEDS.length);
  expect(new Set(SEEDS.map((seed) => worldPlan(seed).signposts)).size).toBe(SEEDS.length);
});

// A run of spoiled messages against targets. Case number n of a seed is always the same bytes and the same chance, so that a
// crash is replayed by its seed and number alone. Some cases are left whole: what is valid must stay so.

import { seededRng } from '../../src/core/rng.ts';
import { framer, parser, stun, values } from './codec-targets.ts';
import { minimised } from './minimise.ts';
import { mutated } from './mutators.ts';
import { registration } from './registration-target.ts';
import type { Target } from './target.ts';
import { uas } from './uas-target.ts';

export const TARGETS: readonly Target[] = [parser, framer, values, stun, uas, registration];

export type Campaign = {
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  readonly targets: readonly Target[];
  /** Of all cases, how many are spoiled; the others are valid or as torn as they came. */
  readonly spoiled: number;
  readonly mostMutations: number;
};

export type Crash = {
  readonly target: string;
  readonly seed: number;
  /** The number of the case. */
  readonly number: number;
  /** As small as it could be made. */
  readonly bytes: Uint8Array;
  readonly error: string;
};

/** Runs the cases from `first` to below `end`; the first crash of each target ends them. */
export function runCases(campaign: Campaign, first: number, end: number): Crash | null {
  for (let number = first; number < end; number++) {
    const bytes = caseOf(campaign, number);
    for (const target of campaign.targets) {
      const error = errorOf(target, bytes, campaign.seed, number);
      if (error === null) continue;
      const fails = (less: Uint8Array): boolean => errorOf(target, less, campaign.seed, number) !== null;
      return { target: target.name, seed: campaign.seed, number, bytes: minimised(bytes, fails), error };
    }
  }
  return null;
}

/** The bytes of a case. */
export function caseOf({ seed, corpus, spoiled, mostMutations }: Campaign, number: number): Uint8Array {
  const rng = seededRng(mixed(seed, number));
  const bytes = corpus[Math.floor(rng.unit() * corpus.length)] ?? new Uint8Array(0);
  return rng.unit() < spoiled ? mutated(bytes, mostMutations, rng, corpus) : bytes;
}

/** What went wrong; null: nothing. The target's own chance depends on the case alone. */
export function errorOf(target: Target, bytes: Uint8Array, seed: number, number: number): string | null {
  try {
    target.run(bytes, seededRng(mixed(seed, number) ^ 0x5bd1e995));
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** The name of a crash's file says how to replay it. */
export function crashName({ target, seed, number }: Crash): string {
  return `${target}-seed-${seed}-case-${number}.dat`;
}

function mixed(seed: number, number: number): number {
  return (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
}

// Runs worlds by their seeds. A failure names its seed and shows the end of the trace, and SIPREG_SEED=… runs that
// world alone; SIPREG_WORLDS=… runs that many.

import { type Machinery, SOUND } from './machinery.ts';
import { type WorldPlan, worldPlan } from './plan.ts';
import { Violation } from './violation.ts';
import { createWorld } from './world.ts';

const DEFAULT_WORLDS = 140;
const WORLDS_A_TEST = 10;

/** The seeds of the half `half` of all worlds (0 or 1: one for each core), ten to a test. */
export function seedsOfHalf(half: 0 | 1): readonly (readonly number[])[] {
  const { SIPREG_SEED: chosen, SIPREG_WORLDS: count } = process.env;
  if (chosen !== undefined) {
    const seed = wholeNumber('SIPREG_SEED', chosen);
    return [seed % 2 === 1 - half ? [seed] : []];
  }
  const worlds = count === undefined ? DEFAULT_WORLDS : wholeNumber('SIPREG_WORLDS', count);
  const tests: number[][] = [];
  for (let seed = 1 + half; seed <= worlds; seed += 2) {
    const last = tests.at(-1);
    if (last === undefined || last.length === WORLDS_A_TEST) tests.push([seed]);
    else last.push(seed);
  }
  return tests;
}

/** Runs the world of `seed` to its end. */
export function runSeed(seed: number): void {
  const broken = violationOf(worldPlan(seed));
  if (broken !== null) throw broken;
}

/** The rule that breaks in the world, with the seed and the end of the trace; null when all hold. */
export function violationOf(plan: WorldPlan, machinery: Machinery = SOUND): Violation | null {
  const world = createWorld(plan, machinery);
  try {
    world.run();
    return null;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    error.message += `\nSIPREG_SEED=${plan.seed} runs this world again. What happened last:\n${world.trace.tail().join('\n')}`;
    return error;
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is a whole number from 1 on, not ${text}`);
  return value;
}

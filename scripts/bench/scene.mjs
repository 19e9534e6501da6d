// One contestant at a registrar of its own, in a folder that goes when it is done: so that no run inherits anything.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './contestant-process.mjs';
import { contestants } from './contestants.mjs';
import { startRegistrar } from './registrar.mjs';

/** Nobody needs longer for fifty thousand accounts; a program that has not come so far is noted as such. */
const MOST_SECONDS = 180;

/** Runs `measure` with the contestant's process while it registers `count` accounts. */
export async function withContestant(name, { count, expires = 3600 }, measure) {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-bench-'));
  const registrar = await startRegistrar(folder);
  try {
    const startedAt = performance.now();
    const process = await contestants[name].start({ folder, registrar, count, expires });
    try {
      return await measure({ process, registrar, startedAt });
    } finally {
      await process.stop();
    }
  } finally {
    await registrar.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Waits until all are registered. */
export async function allRegistered({ process, registrar }, name, count) {
  const done = async () => process.hasEnded() || (await registrar.registered()) >= count;
  await until(done, { seconds: MOST_SECONDS, what: `${name} registers ${count} accounts` });
  if (process.hasEnded()) throw new Error(`${name} ended before ${count} accounts were registered`);
}

/** Those who can take so many accounts. */
export function contestantsFor(count) {
  return Object.keys(contestants).filter((name) => contestants[name].most >= count);
}

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}

/** Rounded to three digits that count. */
export function rounded(value) {
  return Number(value.toPrecision(3));
}

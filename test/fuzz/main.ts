// `npm run fuzz`: spoils messages for some minutes, or a million of them, and says what broke. Usage:
//   --minutes N    every target, for N minutes (1)
//   --million      parser and framer, a million messages of which half are spoiled; checks heap and handles too
//   --seed S       the seed, to run the same again (by the clock); --case N: this case of it alone

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Campaign, type Crash, crashName, runCases, TARGETS } from './campaign.ts';
import { readCorpus } from './corpus.ts';
import { runMillion } from './million.ts';

const BATCH = 500;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    million: { type: 'boolean', default: false },
    seed: { type: 'string' },
    case: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0 || !(minutes > 0)) {
  console.error('usage: npm run fuzz -- [--minutes N] [--million] [--seed S [--case N]]');
  process.exit(64);
}
const testFolder = join(process.cwd(), 'test');
const corpus = readCorpus(testFolder).map(({ bytes }) => bytes);
console.log(`seed ${seed}, ${corpus.length} samples`);
if (values.million) report(await million());
else report(values.case === undefined ? await fuzzFor(minutes) : oneCase(Number(values.case)));

async function million(): Promise<Crash | null> {
  const count = 1_000_000;
  const result = await runMillion({ seed, corpus, count });
  const { crash, milliseconds, heapBefore, heapAfter, handles, framed, parsed } = result;
  const growth = ((heapAfter / heapBefore - 1) * 100).toFixed(1);
  console.log(
    `${count} messages in ${(milliseconds / 1000).toFixed(1)} s: ${parsed} were SIP, ${framed} on streams`,
  );
  console.log(`heap ${heapBefore} bytes before, ${heapAfter} after (${growth} %); handles left: ${handles}`);
  if (heapAfter > heapBefore * 1.1 || handles > 0) process.exitCode = 1;
  return crash;
}

async function fuzzFor(length: number): Promise<Crash | null> {
  const campaign: Campaign = { seed, corpus, targets: TARGETS, spoiled: 0.95, mostMutations: 4 };
  const end = performance.now() + length * 60_000;
  let number = 0;
  let crash: Crash | null = null;
  while (crash === null && performance.now() < end) {
    crash = runCases(campaign, number, number + BATCH);
    number += BATCH;
    // Ctrl-C is heard between two batches.
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(`${number} cases against ${TARGETS.map(({ name }) => name).join(', ')}`);
  return crash;
}

function oneCase(number: number): Crash | null {
  return runCases({ seed, corpus, targets: TARGETS, spoiled: 0.95, mostMutations: 4 }, number, number + 1);
}

function report(crash: Crash | null): void {
  if (crash === null) {
    console.log(process.exitCode === 1 ? 'memory or handles are left' : 'nothing broke');
    return;
  }
  const folder = join(testFolder, 'fuzz/crashes');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, crashName(crash));
  writeFileSync(file, crash.bytes);
  console.log(`${crash.target} broke in case ${crash.number} of seed ${crash.seed}: ${file}\n${crash.error}`);
  process.exitCode = 1;
}

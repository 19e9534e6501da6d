// From nothing to all accounts registered: processor time (the start of the process included), the time that it takes, and
// the memory that was resident at most, and is when it has settled. The contestants take turns, so that a busy machine slows all alike.

import { quiet } from './contestant-process.mjs';
import { allRegistered, contestantsFor, median, rounded, withContestant } from './scene.mjs';

/**
 * What sipreg may need at so many accounts: processor time as multiples of the bare loop's and of Kamailio's uac, MB
 * resident. Those of 1,000 are no goals, but half as much again as it was when they were written down (7.3 to 9.2, 84 MB): they
 * find what makes it worse.
 */
const LIMITS = {
  bareLoop: { 1000: 12, 10000: 1.5 },
  uac: { 10000: 0.5 },
  memoryMb: { 1000: 100, 10000: 95, 50000: 200 },
};
/** From Node 24 on V8 compiles with Maglev too, and what it works with stays resident, at 1,000 accounts as at 10,000. */
const COMPILER_MB = Number.parseInt(process.versions.node, 10) < 24 ? 0 : 25;
/** More is sent again, because answers came late or were lost. */
const MOST_REGISTERS_EACH = 4;
/** sipreg gives memory back after three quiet seconds, and eight later once more (src/runtime/spare-memory.ts). A collection may
 * be short enough to count as quiet. */
const QUIET_SECONDS = { sipreg: 13, others: 1 };

export async function measureCold({ sizes, rounds, tell }) {
  const table = {};
  const broken = [];
  for (const count of sizes) {
    const samples = await interleaved(count, rounds, tell);
    const middle = (name, figure) => median(samples[name].map((sample) => sample[figure]));
    for (const name of Object.keys(samples)) table[`${count} ${name}`] = rowOf(name, count, middle);
    broken.push(...brokenLimits(samples, count, middle));
  }
  return { table, broken };
}

async function interleaved(count, rounds, tell) {
  const samples = {};
  for (let round = 0; round < rounds; round++) {
    for (const name of contestantsFor(count)) {
      tell(`${count} accounts, round ${round + 1}: ${name}`);
      const sample = await registerOnce(name, count).catch((error) => ({ error }));
      if (sample.error === undefined) samples[name] = [...(samples[name] ?? []), sample];
      else tell(`left out: ${sample.error.message}`);
    }
  }
  return samples;
}

function registerOnce(name, count) {
  return withContestant(name, { count }, async (scene) => {
    await allRegistered(scene, name, count);
    const cpu = scene.process.cpuSeconds();
    const seconds = (performance.now() - scene.startedAt) / 1000;
    const requests = await scene.registrar.received();
    await quiet(scene.process, QUIET_SECONDS[name] ?? QUIET_SECONDS.others);
    const { process } = scene;
    return { cpu, seconds, requests, memory: process.memoryMb(), peak: process.peakMb() ?? Number.NaN };
  });
}

function rowOf(name, count, middle) {
  return {
    'CPU s': rounded(middle(name, 'cpu')),
    'CPU ms/account': rounded((middle(name, 'cpu') * 1000) / count),
    'times bare loop': rounded(middle(name, 'cpu') / middle('bare loop', 'cpu')),
    'all registered s': rounded(middle(name, 'seconds')),
    'REGISTERs/account': rounded(middle(name, 'requests') / count),
    'peak MB': Number.isNaN(middle(name, 'peak')) ? '' : rounded(middle(name, 'peak')),
    'settled MB': rounded(middle(name, 'memory')),
  };
}

function brokenLimits(samples, count, middle) {
  if (samples.sipreg === undefined) return [`sipreg did not register ${count} accounts`];
  const broken = [];
  const atMost = (value, limit, what) => {
    if (value > limit) broken.push(`${count} accounts: ${what}: ${rounded(value)}, at most ${limit}`);
  };
  const cpu = middle('sipreg', 'cpu');
  atMost(cpu / middle('bare loop', 'cpu'), LIMITS.bareLoop[count], 'CPU, times the bare loop');
  if (samples['kamailio uac'] !== undefined) {
    atMost(cpu / middle('kamailio uac', 'cpu'), LIMITS.uac[count], "CPU, times Kamailio's uac");
  }
  atMost(middle('sipreg', 'requests') / count, MOST_REGISTERS_EACH, 'REGISTERs for each account');
  atMost(middle('sipreg', 'memory'), LIMITS.memoryMb[count] + COMPILER_MB, 'MB resident');
  return broken;
}

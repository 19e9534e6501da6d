// Accounts that are registered and stay so, with expires 60: processor time for each refresh, and whether any binding
// lapsed at the registrar meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import { allRegistered, contestantsFor, rounded, withContestant } from './scene.mjs';

const EXPIRES = 60;
/** sipreg against the bare loop that does the same refreshes. */
const LIMIT = 1.5;

export async function measureSteady({ steadyCount, steadySeconds, tell }) {
  const figures = {};
  for (const name of contestantsFor(steadyCount)) {
    tell(`steady state of ${steadyCount} accounts for ${steadySeconds} s: ${name}`);
    try {
      figures[name] = await watch(name, steadyCount, steadySeconds);
    } catch (error) {
      tell(`left out: ${error.message}`);
    }
  }
  const base = figures['bare loop'].cpu / figures['bare loop'].refreshes;
  const table = {};
  for (const [name, { cpu, requests, refreshes, least }] of Object.entries(figures)) {
    table[`${steadyCount} ${name}`] = {
      'CPU % of a core': rounded((100 * cpu) / steadySeconds),
      refreshes,
      'CPU ms/refresh': rounded((1000 * cpu) / refreshes),
      'times bare loop': rounded(cpu / refreshes / base),
      'REGISTERs/refresh': rounded(requests / refreshes),
      'least registered': least,
    };
  }
  return { table, broken: brokenLimits(figures.sipreg, base, steadyCount) };
}

function watch(name, count, seconds) {
  return withContestant(name, { count, expires: EXPIRES }, async (scene) => {
    await allRegistered(scene, name, count);
    // The first refreshes show how they come; from then on it is as it will be.
    await sleep((EXPIRES / 2) * 1000);
    const before = await counts(scene);
    const until = performance.now() + seconds * 1000;
    let least = count;
    while (performance.now() < until) {
      least = Math.min(least, await scene.registrar.registered());
      await sleep(1000);
    }
    const after = await counts(scene);
    const grown = (figure) => after[figure] - before[figure];
    return { cpu: grown('cpu'), requests: grown('requests'), refreshes: grown('refreshes'), least };
  });
}

async function counts({ process, registrar }) {
  return {
    cpu: process.cpuSeconds(),
    requests: await registrar.received(),
    refreshes: await registrar.accepted(),
  };
}

function brokenLimits(sipreg, base, count) {
  if (sipreg === undefined) return ['sipreg has no steady state'];
  const broken = [];
  const times = sipreg.cpu / sipreg.refreshes / base;
  if (times > LIMIT) broken.push(`a refresh costs ${rounded(times)} times the bare loop's, at most ${LIMIT}`);
  if (sipreg.least < count) broken.push(`${count - sipreg.least} bindings lapsed`);
  return broken;
}

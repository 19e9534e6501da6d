// `npm run scale`: a million accounts for a day on the virtual clock, with an outage of half an hour; prints the facts
// and writes the plot. Usage:
//   --accounts N (1000000)   --hours N (24)   --pace N (1000; 0: none)   --expires S (3600)   --seed S (1)
//   --plot FILE              where the SVG goes; without it there is none

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runCrowd } from './crowd.ts';
import { factsOf, plotOf, type Run } from './report.ts';

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '1000000' },
    hours: { type: 'string', default: '24' },
    pace: { type: 'string', default: '1000' },
    expires: { type: 'string', default: '3600' },
    seed: { type: 'string', default: '1' },
    plot: { type: 'string' },
  },
});
const [accounts, hours, perSecond, expires, seed] = [
  values.accounts,
  values.hours,
  values.pace,
  values.expires,
  values.seed,
].map(Number) as [number, number, number, number, number];
const HALF_AN_HOUR = 1_800;
const outage = { from: (hours / 2) * 3_600, until: (hours / 2) * 3_600 + HALF_AN_HOUR };
/** By then all are registered, and the registrar is well. */
const WEIGHED_AT = Math.max(1, Math.floor(hours / 2) - 1);

const collect = globalThis.gc;
if (collect === undefined) throw new Error('run it with "npm run scale": it needs --expose-gc');
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

const before = heap();
let bytesEach = 0;
const tally = runCrowd({
  accounts,
  hours,
  perSecond,
  expires,
  seed,
  outage: { from: outage.from * 1_000, until: outage.until * 1_000 },
  passed: (hour) => {
    if (hour === WEIGHED_AT) bytesEach = (heap() - before) / accounts;
    console.error(`${hour} h, ${Math.round(process.cpuUsage().user / 1e6)} s of CPU`);
  },
});
const { user, system } = process.cpuUsage();
const cpuSeconds = (user + system) / 1e6;
const run: Run = { accounts, hours, perSecond, expires, outage, tally, bytesEach, cpuSeconds };
for (const [name, value] of factsOf(run)) console.log(`| ${name} | ${value} |`);
if (values.plot !== undefined) writeFileSync(values.plot, plotOf(run));

// `npm run bench`: measures what users feel, and what an agent costs beside its peers (docs/benchmarks.md). Each part is
// a module of scripts/bench/; `npm run bench -- cold --sizes 1000,10000` runs one of them, --quick a short form of all.
// With --check it fails when a limit is broken.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCold } from './bench/cold.mjs';
import { measureMemory, measureStatus } from './bench/idle.mjs';
import { measureStartUp } from './bench/start-up.mjs';
import { measureSteady } from './bench/steady.mjs';
import { prepareProject } from './setup.mjs';

const parts = {
  'start-up': measureStartUp,
  memory: measureMemory,
  cold: measureCold,
  steady: measureSteady,
  status: measureStatus,
};
const whole = { sizes: '200,1000,10000,50000', rounds: '3', runs: '21', seconds: '60', accounts: '10000' };
const quick = { sizes: '100,1000', rounds: '1', runs: '15', seconds: '30', accounts: '1000' };

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean' },
    quick: { type: 'boolean' },
    sizes: text,
    rounds: text,
    runs: text,
    seconds: text,
    accounts: text,
  },
});
const wanted = { ...(values.quick ? quick : whole), ...values };
const settings = {
  sizes: wanted.sizes.split(',').map(Number),
  rounds: Number(wanted.rounds),
  runs: Number(wanted.runs),
  steadySeconds: Number(wanted.seconds),
  steadyCount: Number(wanted.accounts),
  tell: (sentence) => process.stderr.write(`bench: ${sentence}\n`),
};
const numbers = [...settings.sizes, settings.rounds, settings.steadySeconds, settings.steadyCount];
const isUsable = numbers.every((number) => Number.isInteger(number) && number > 0) && settings.runs >= 15;
if (!isUsable || positionals.some((name) => !Object.hasOwn(parts, name))) {
  console.error(`usage: npm run bench -- [${Object.keys(parts).join('|')}] … [--quick] [--check]
  --sizes 1000,10000   accounts that are registered from nothing    --rounds 3    how often each contestant does it
  --accounts 10000     accounts of steady and status                --seconds 60  how long steady looks at each
  --runs 21            starts of each command (15 or more)`);
  process.exit(64);
}

prepareProject();
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${new Date().toISOString()}`);
const chosen = positionals.length > 0 ? positionals : Object.keys(parts);
let withinLimits = true;
for (const name of chosen) {
  const { table, broken } = await parts[name](settings);
  console.log(`\n${name}`);
  console.table(table);
  for (const sentence of broken) console.log(`over the limit: ${sentence}`);
  if (broken.length > 0) withinLimits = false;
}
if (values.check && !withinLimits) process.exitCode = 1;
process.exit();

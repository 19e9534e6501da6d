// `npm run bench`: measures what users feel, and with --check fails when a limit is broken. Each part is a module of
// scripts/bench/; `npm run bench -- start-up --runs 31` runs one of them.

import { parseArgs } from 'node:util';
import { measureStartUp } from './bench/start-up.mjs';
import { prepareProject } from './setup.mjs';

const parts = { 'start-up': measureStartUp };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' }, runs: { type: 'string', default: '21' } },
});
const runs = Number(values.runs);
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 15) {
  console.error(`usage: npm run bench -- [${Object.keys(parts).join('|')}] [--runs 15 or more] [--check]`);
  process.exit(64);
}

prepareProject();
const chosen = positionals.length > 0 ? positionals : Object.keys(parts);
let withinLimits = true;
for (const name of chosen) {
  console.log(`\n${name}`);
  const { table, broken } = await parts[name]({ runs });
  console.table(table);
  for (const sentence of broken) console.log(`over the limit: ${sentence}`);
  if (broken.length > 0) withinLimits = false;
}
if (values.check && !withinLimits) process.exitCode = 1;

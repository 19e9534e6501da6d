import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';

it.each(['program', 'control', 'one-shot', 'agent', 'tools'])('V8 takes the code cache of %s', (name) => {
  const dist = join(projectRoot, 'dist');
  const program = `
    const { cachedFiles } = require('./cached-files.cjs');
    console.log(cachedFiles(process.cwd(), require).load('${name}').script.cachedDataRejected);`;
  // Undefined would be: there is none.
  expect(execFileSync(process.execPath, ['-e', program], { cwd: dist, encoding: 'utf8' })).toBe('false\n');
});

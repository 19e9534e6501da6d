// `npm run fuzz -- --minutes N`: bundles test/fuzz/main.ts, because Node 20 runs no TypeScript, and runs it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { projectRoot } from './setup.mjs';

// Inside the project, so that the packages that stay outside of the bundle are found.
const folder = mkdtempSync(join(projectRoot, 'node_modules/.fuzz-'));
try {
  const outfile = join(folder, 'fuzz.mjs');
  buildSync({
    entryPoints: [join(projectRoot, 'test/fuzz/main.ts')],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    outfile,
  });
  const flags = ['--expose-gc', '--enable-source-maps'];
  const { status } = spawnSync(process.execPath, [...flags, outfile, ...process.argv.slice(2)], {
    cwd: projectRoot,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// `npm run scale`: bundles test/scale/main.ts, because Node 20 runs no TypeScript, and runs it with room for a million
// accounts. Its options are at the head of that file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { projectRoot } from './setup.mjs';

const folder = mkdtempSync(join(projectRoot, 'node_modules/.scale-'));
try {
  const outfile = join(folder, 'scale.mjs');
  buildSync({
    entryPoints: [join(projectRoot, 'test/scale/main.ts')],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outfile,
  });
  const flags = ['--expose-gc', '--max-old-space-size=16000'];
  const { status } = spawnSync(process.execPath, [...flags, outfile, ...process.argv.slice(2)], {
    cwd: projectRoot,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// Runs a TypeScript program of this project: bundled, because Node 20 reads none, into a folder that is gone afterwards.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from './setup.mjs';

/**
 * Bundles the file `entry` of the project and hands the bundle's path to `use`.
 * @template T
 * @param {string} entry
 * @param {(bundle: string) => T | Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withBundle(entry, use) {
  // Inside of node_modules: the packages that stay outside of the bundle are found from there.
  const folder = await mkdtemp(join(projectRoot, 'node_modules/.bundle-'));
  try {
    const bundle = join(folder, 'program.mjs');
    await build({
      absWorkingDir: projectRoot,
      entryPoints: [entry],
      outfile: bundle,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'warning',
    });
    return await use(bundle);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Runs `entry` with Node's `flags` and the arguments of this process; its exit code becomes ours.
 * @param {string} entry
 * @param {readonly string[]} flags
 */
export async function runTypeScript(entry, flags) {
  const { status } = await withBundle(entry, (bundle) =>
    spawnSync(process.execPath, ['--enable-source-maps', ...flags, bundle, ...process.argv.slice(2)], {
      cwd: projectRoot,
      stdio: 'inherit',
    }),
  );
  process.exitCode = status ?? 1;
}

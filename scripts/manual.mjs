// Writes what is generated for readers: the manual pages in man/ and docs/troubleshooting.md. They are made of the program itself
// (its commands, its schema, its tables of codes), bundled here because Node cannot read TypeScript. `node scripts/manual.mjs`;
// test/manual.test.ts fails when one of them is stale.

import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
// Beside node_modules: what is not bundled is found from there.
const folder = await mkdtemp(join(projectRoot, 'node_modules/.manual-'));
try {
  const outfile = join(folder, 'documents.mjs');
  await build({
    absWorkingDir: projectRoot,
    entryPoints: ['scripts/manual/documents.ts'],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
  const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  const { documents } = await import(pathToFileURL(outfile).href);
  for (const [path, text] of Object.entries(documents(version))) writeFileSync(join(projectRoot, path), text);
} finally {
  await rm(folder, { recursive: true, force: true });
}

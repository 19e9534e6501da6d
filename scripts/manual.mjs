// `npm run manual` writes what is generated for readers: the manual pages in man/ and docs/troubleshooting.md. They are made
// of the program itself (its commands, its schema, its tables of codes); test/manual.test.ts fails when one of them is stale.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './setup.mjs';
import { withBundle } from './typescript.mjs';

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
await withBundle('scripts/manual/documents.ts', async (bundle) => {
  const { documents } = await import(pathToFileURL(bundle).href);
  for (const [path, text] of Object.entries(documents(version))) writeFileSync(join(projectRoot, path), text);
});

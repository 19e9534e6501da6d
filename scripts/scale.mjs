// `npm run scale`: runs test/scale/main.ts with room for a million accounts. Its options are at the head of that file.

import { runTypeScript } from './typescript.mjs';

await runTypeScript('test/scale/main.ts', ['--expose-gc', '--max-old-space-size=16000']);

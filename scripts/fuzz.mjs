// `npm run fuzz -- --minutes N`: runs test/fuzz/main.ts. Its options are at the head of that file.

import { runTypeScript } from './typescript.mjs';

await runTypeScript('test/fuzz/main.ts', ['--expose-gc']);

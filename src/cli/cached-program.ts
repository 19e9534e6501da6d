// Loads dist/program.cjs with the code that V8 compiled for it when it was built (scripts/code-cache.cjs): that is more
// than a third of the time of a short command. Another Node, or no cache, and V8 compiles it as ever.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

type ProgramModule = typeof import('./program.ts');
/** What the build has made of the program: one function, as Node makes it of a CommonJS module. */
type ModuleFunction = (
  this: unknown,
  exports: object,
  require: NodeJS.Require,
  module: { readonly exports: object },
  filename: string,
  dirname: string,
) => void;

/** The program in `directory`, ready to run, and its script, so that a cache can be made of it. `require` is that of a
 * file there. */
export function loadProgram(
  directory: string,
  require: NodeJS.Require,
): { readonly program: ProgramModule; readonly script: Script } {
  const filename = join(directory, 'program.cjs');
  const cachedData = readCache(join(directory, 'program.cache'));
  // It is plain ASCII (scripts/build.mjs): so it is read at once, and held with one byte for each character.
  const source = readFileSync(filename, 'latin1');
  const script = new Script(source, { filename, ...(cachedData === null ? {} : { cachedData }) });
  const run = script.runInThisContext() as ModuleFunction;
  const module = { exports: {} };
  run.call(module.exports, module.exports, require, module, filename, directory);
  return { program: module.exports as ProgramModule, script };
}

function readCache(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

// Loads files of dist/ with the code that V8 compiled for them when they were built (scripts/code-cache.cjs): that is more
// than a third of the time of a short command. Another Node, or no cache, and V8 compiles them as ever.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';

/** What the build has made of a file: one function, as Node makes it of a CommonJS module. */
type ModuleFunction = (
  this: unknown,
  exports: object,
  require: (id: string) => unknown,
  module: { exports: object },
  filename: string,
  dirname: string,
) => void;

/** A file that runs, and its script, so that a cache can be made of it. */
export type LoadedFile = { readonly exports: object; readonly script: Script };

export type CachedFiles = {
  /** The file of this name, each once: they load one another through here. */
  readonly load: (name: string) => LoadedFile;
  /** By name, those that were loaded so far. */
  readonly loaded: ReadonlyMap<string, LoadedFile>;
};

/** The files in `directory`; `nodes` is the `require` of one of them, which leads to everything else. */
export function cachedFiles(directory: string, nodes: NodeJS.Require): CachedFiles {
  const loaded = new Map<string, LoadedFile>();
  const requireFrom = (id: string): unknown =>
    id.startsWith('./') ? load(basename(id, '.cjs')).exports : nodes(id);
  const load = (name: string): LoadedFile => {
    const known = loaded.get(name);
    if (known !== undefined) return known;
    const script = scriptOf(directory, name);
    const module = { exports: {} };
    const run = script.runInThisContext() as ModuleFunction;
    run.call(module.exports, module.exports, requireFrom, module, join(directory, `${name}.cjs`), directory);
    const file = { exports: module.exports, script };
    loaded.set(name, file);
    return file;
  };
  return { load, loaded };
}

function scriptOf(directory: string, name: string): Script {
  const filename = join(directory, `${name}.cjs`);
  const cachedData = readCache(join(directory, `${name}.cache`));
  // It is plain ASCII (scripts/build.mjs): so it is read at once, and held with one byte for each character.
  const source = readFileSync(filename, 'latin1');
  return new Script(source, { filename, ...(cachedData === null ? {} : { cachedData }) });
}

function readCache(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

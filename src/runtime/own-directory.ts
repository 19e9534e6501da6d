// Directories of our own, for state, socket and accounts: nobody else may read in them.

import { existsSync, lchownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes `path` and its missing parents, 0700. Run by root, what is new belongs to the owner of the directory that it
 * is in. Throws the system's error.
 */
export function ensureDirectory(path: string): void {
  // Not `recursive`: where a system makes no directories (/proc), Node tries for ever.
  const missing: string[] = [];
  let parent = path;
  for (; !existsSync(parent); parent = dirname(parent)) missing.unshift(parent);
  if (missing.length === 0) return;
  const owner = statSync(parent);
  for (const directory of missing) {
    makeDirectory(directory);
    if (process.geteuid?.() === 0) lchownSync(directory, owner.uid, owner.gid);
  }
}

/** Two that start together want the same one. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

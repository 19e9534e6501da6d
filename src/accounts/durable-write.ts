// Replaces a file so that a reader sees the old or the new content, whole, also after a crash: a temporary file
// made exclusively with its mode, fsync, rename, fsync of the directory.

import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Permission bits and, where the writer may set it, the owner of the new file. */
type FileRights = {
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
};

/** Writes `text` to `path`. Rejects with the system's error; then the old file still stands. */
export async function writeDurably(path: string, text: string, { mode, owner }: FileRights): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const handle = await open(temporary, 'wx', mode);
  try {
    await fill(handle, text, { mode, owner });
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function fill(handle: FileHandle, text: string, { mode, owner }: FileRights): Promise<void> {
  try {
    if (owner !== null) await handle.chown(owner.uid, owner.gid);
    // The umask has cut the mode that open() was given, and chown() drops some bits.
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

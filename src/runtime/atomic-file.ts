// Durable files: written beside, synced, renamed into place, so that a reader or a crash sees the old text or the new
// one and never half of it.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsync,
  openSync,
  realpathSync,
  rename,
  rmSync,
  type Stats,
  statSync,
  write,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** The ending of files that are being written; one that outlives its writer may be removed. */
export const UNFINISHED_SUFFIX = '.unfinished';

/** A text, or the pieces of a long one: the next is asked for when the last has been written. */
export type Content = string | Iterable<Uint8Array> | AsyncIterable<string | Uint8Array>;

/**
 * Replaces `path` by `content`, on disk when this resolves. Run by root, the file keeps its owner; a new file gets its
 * directory's. `mayReplace` is asked just before the rename; false leaves everything as it was, and is the result.
 * Rejects with the system's error; nothing is left behind then.
 */
export async function writeAtomically(
  path: string,
  content: Content,
  mode: number,
  mayReplace: () => boolean = () => true,
): Promise<boolean> {
  const unfinished = `${path}.${process.pid}${UNFINISHED_SUFFIX}`;
  // A file of this name is a left-over of a dead process with our number.
  rmSync(unfinished, { force: true });
  try {
    await writeNew(unfinished, content, mode, ownerOf(path));
    if (!mayReplace()) {
      rmSync(unfinished, { force: true });
      return false;
    }
    await renamed(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Whether a rename to `path` would put a file in the place of a pipe, of a device, or of a name such as /dev/stdout. */
export function isStream(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return true;
  try {
    // Where stdout leads to a file, /dev/stdout is a link to that.
    return STREAM_DIRECTORIES.test(realpathSync(dirname(path)));
  } catch {
    // Whoever writes there is told what is wrong.
    return false;
  }
}

const STREAM_DIRECTORIES = /^\/(?:dev|dev\/fd|proc(?:\/.*)?)$/;

async function writeNew(
  path: string,
  content: Content,
  mode: number,
  owner: Stats | undefined,
): Promise<void> {
  const descriptor = openSync(path, 'wx', mode);
  try {
    if (owner !== undefined && process.geteuid?.() === 0) fchownSync(descriptor, owner.uid, owner.gid);
    // The umask has cut the mode that open() was given, and chown() drops some bits.
    fchmodSync(descriptor, mode);
    for await (const piece of typeof content === 'string' ? [content] : content) {
      await writeWhole(descriptor, typeof piece === 'string' ? Buffer.from(piece) : piece);
    }
    await synced(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function writeWhole(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const { bytesWritten } = await written(descriptor, bytes, from);
    from += bytesWritten;
  }
}

function ownerOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false }) ?? statSync(dirname(path), { throwIfNoEntry: false });
}

/** The rename itself is durable only when the directory is. */
async function syncDirectory(path: string): Promise<void> {
  const descriptor = openSync(path, 'r');
  try {
    await synced(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

// Only what may take long leaves the event loop: each of these waits for a whole turn of it.
const written = promisify(write);
const synced = promisify(fsync);
/** The text that it replaces is freed by it: of megabytes that takes milliseconds. */
const renamed = promisify(rename);

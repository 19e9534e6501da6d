// Durable files: written beside, synced, renamed into place, so that a reader or a crash sees the old text or the new
// one and never half of it. Reading is bounded and refuses what is no regular file.

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  openSync,
  readSync,
  rename,
  rmSync,
  type Stats,
  statSync,
  write,
} from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
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

export type BoundedText =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'none' }
  /** No regular file, or too large. */
  | { readonly type: 'unfit'; readonly problem: string };

/** The text of a regular file of at most `limit` bytes. Throws the system's error when it cannot be read. */
export function readBounded(path: string, limit: number): BoundedText {
  const descriptor = openForReading(path);
  if (descriptor === null) return { type: 'none' };
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return { type: 'unfit', problem: 'it is no regular file' };
    if (found.size > limit) {
      return { type: 'unfit', problem: `it has ${found.size} bytes, more than the ${limit} it may have` };
    }
    return { type: 'text', text: readText(descriptor, found.size) };
  } finally {
    closeSync(descriptor);
  }
}

/** The first `count` bytes of a file as text; null: there is none. Throws the system's error. */
export function readBeginning(path: string, count: number): string | null {
  const descriptor = openForReading(path);
  if (descriptor === null) return null;
  try {
    return readText(descriptor, count);
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number | null {
  try {
    // O_NONBLOCK: a FIFO in the file's place must not hold us up.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function readText(descriptor: number, count: number): string {
  const piece = Buffer.alloc(Math.min(count, PIECE_BYTES));
  const decoder = new StringDecoder('utf8');
  const texts: string[] = [];
  for (let left = count; left > 0; ) {
    const got = readSync(descriptor, piece, 0, Math.min(left, piece.length), null);
    if (got === 0) break;
    texts.push(decoder.write(piece.subarray(0, got)));
    left -= got;
  }
  return texts.join('') + decoder.end();
}

/** malloc keeps what it was asked for in one large piece, in each of its arenas, once that is given back. */
const PIECE_BYTES = 64 * 1024;

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

// Reads files up to a limit: a wrong path (a disk, a log, /dev/zero) must not fill the memory. A file that people wrote may be
// any that can be read, a pipe too; one of our own is a regular file, or none. No open waits for a writer: it would hold one of
// the few threads that DNS and files have, for ever.

import { close, closeSync, constants, fstat, fstatSync, open, openSync, read, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

// Not node:fs/promises: loading that takes longer than reading the file.
const opened = promisify(open);
const statOf = promisify(fstat);
const readInto = promisify(read);
const closed = promisify(close);

export type BoundedContent = {
  /** In the order of the file; what a large one takes goes back to the system piece by piece. */
  readonly pieces: readonly Uint8Array[];
  /** Of all pieces together. */
  readonly length: number;
  readonly mode: number;
};

/** malloc keeps what was taken in large pieces, in each of its arenas, and takes the next large ones from there, for the life of
 * the process. */
const PIECE_BYTES = 64 * 1024;

/** As long as a command may take that gives a secret. */
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 20;

/**
 * The content of `path`; one byte more than `limit` means that there is more. Rejects with the system's error, and with
 * ETIMEDOUT when nothing comes through a pipe for `patienceMs`.
 */
export async function readAtMost(
  path: string,
  limit: number,
  patienceMs = PATIENCE_MS,
): Promise<BoundedContent> {
  const descriptor = await opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await statOf(descriptor);
    const pieces: Buffer[] = [];
    let total = 0;
    let waitedMs = 0;
    while (total <= limit) {
      const wanted = Math.min(Math.max(found.size, 4096) + 1, PIECE_BYTES, limit + 1 - total);
      const piece = await readPiece(descriptor, wanted);
      if (piece !== null && piece.length > 0) {
        pieces.push(piece);
        total += piece.length;
        waitedMs = 0;
        continue;
      }
      // The end of a pipe from which nothing came yet: its writer has not begun.
      const isYetToCome = piece === null || (found.isFIFO() && total === 0);
      if (!isYetToCome) break;
      if (waitedMs >= patienceMs) throw Object.assign(new Error('nothing to read'), { code: 'ETIMEDOUT' });
      await sleep(LOOK_AGAIN_MS);
      waitedMs += LOOK_AGAIN_MS;
    }
    return { pieces, length: total, mode: found.mode };
  } finally {
    await closed(descriptor);
  }
}

/** What can be read now, empty at the end; null: nothing yet. */
async function readPiece(descriptor: number, wanted: number): Promise<Buffer | null> {
  try {
    const { bytesRead, buffer } = await readInto(descriptor, Buffer.alloc(wanted), 0, wanted, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null;
    throw error;
  }
}

/** The text of what was read. Throws TypeError when it is not UTF-8. */
export function utf8Of({ pieces }: BoundedContent): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const texts = pieces.map((piece) => decoder.decode(piece, { stream: true }));
  return texts.join('') + decoder.decode();
}

export type BoundedText =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'none' }
  /** No regular file, or too large. */
  | { readonly type: 'unfit'; readonly problem: string };

type Encoding = 'utf8' | 'latin1';

/** The text of a regular file of at most `limit` bytes. Throws the system's error when it cannot be read. */
export function readBounded(path: string, limit: number, encoding: Encoding = 'utf8'): BoundedText {
  const descriptor = openForReading(path);
  if (descriptor === null) return { type: 'none' };
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return { type: 'unfit', problem: 'it is no regular file' };
    if (found.size > limit) {
      return { type: 'unfit', problem: `it has ${found.size} bytes, more than the ${limit} it may have` };
    }
    return { type: 'text', text: readText(descriptor, found.size, encoding) };
  } finally {
    closeSync(descriptor);
  }
}

/** The first `count` bytes of a file as text; null: there is none. Throws the system's error. */
export function readBeginning(path: string, count: number): string | null {
  const descriptor = openForReading(path);
  if (descriptor === null) return null;
  try {
    return readText(descriptor, count, 'utf8');
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

function readText(descriptor: number, count: number, encoding: Encoding): string {
  const piece = Buffer.alloc(Math.min(count, PIECE_BYTES));
  const decoder = new StringDecoder(encoding);
  const texts: string[] = [];
  for (let left = count; left > 0; ) {
    const got = readSync(descriptor, piece, 0, Math.min(left, piece.length), null);
    if (got === 0) break;
    texts.push(decoder.write(piece.subarray(0, got)));
    left -= got;
  }
  return texts.join('') + decoder.end();
}

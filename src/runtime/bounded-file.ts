// Reads files up to a limit: a wrong path (a disk, a log, /dev/zero) must not fill the memory. A file that people wrote may be
// any that can be read; one of our own is a regular file, or none.

import { close, closeSync, constants, fstat, fstatSync, open, openSync, read, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
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

/** The content of `path`; one byte more than `limit` means that there is more. Rejects with the system's error. */
export async function readAtMost(path: string, limit: number): Promise<BoundedContent> {
  const descriptor = await opened(path, 'r');
  try {
    const { mode, size } = await statOf(descriptor);
    const pieces: Buffer[] = [];
    let total = 0;
    while (total <= limit) {
      const wanted = Math.min(Math.max(size, 4096) + 1, PIECE_BYTES, limit + 1 - total);
      const { bytesRead, buffer } = await readInto(descriptor, Buffer.alloc(wanted), 0, wanted, null);
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return { pieces, length: total, mode };
  } finally {
    await closed(descriptor);
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

// Reads a file that people wrote, up to a limit: a wrong path (a disk, a log, /dev/zero) must not fill the memory.

import { close, fstat, open, read } from 'node:fs';
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

/** malloc keeps what was taken in large pieces, and takes the next large ones from there, for the life of the process. */
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

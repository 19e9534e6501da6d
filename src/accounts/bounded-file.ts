// Reads a file that people wrote, up to a limit: a wrong path (a disk, a log, /dev/zero) must not fill the memory.

import { close, fstat, open, read } from 'node:fs';
import { promisify } from 'node:util';

// Not node:fs/promises: loading that takes longer than reading the file.
const opened = promisify(open);
const statOf = promisify(fstat);
const readInto = promisify(read);
const closed = promisify(close);

type BoundedContent = { readonly bytes: Uint8Array; readonly mode: number };

/** The content of `path`; one byte more than `limit` means that there is more. Rejects with the system's error. */
export async function readAtMost(path: string, limit: number): Promise<BoundedContent> {
  const descriptor = await opened(path, 'r');
  try {
    const { mode, size } = await statOf(descriptor);
    const chunks: Buffer[] = [];
    let total = 0;
    while (total <= limit) {
      const wanted = Math.min(Math.max(size, 4096) + 1, limit + 1 - total);
      const { bytesRead, buffer } = await readInto(descriptor, Buffer.alloc(wanted), 0, wanted, null);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return { bytes: Buffer.concat(chunks), mode };
  } finally {
    await closed(descriptor);
  }
}

// Reads a file that people wrote, up to a limit: a wrong path (a disk, a log, /dev/zero) must not fill the memory.

import { open } from 'node:fs/promises';

type BoundedContent = { readonly bytes: Uint8Array; readonly mode: number };

/** The content of `path`; one byte more than `limit` means that there is more. Rejects with the system's error. */
export async function readAtMost(path: string, limit: number): Promise<BoundedContent> {
  const handle = await open(path, 'r');
  try {
    const { mode, size } = await handle.stat();
    const chunks: Buffer[] = [];
    let total = 0;
    while (total <= limit) {
      const wanted = Math.min(Math.max(size, 4096) + 1, limit + 1 - total);
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(wanted), 0, wanted, null);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return { bytes: Buffer.concat(chunks), mode };
  } finally {
    await handle.close();
  }
}

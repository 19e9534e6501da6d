// The system's cryptographic randomness as the core's Rng. Bytes are drawn from a pool: ten thousand accounts that
// register together ask for a tag, a branch and a cnonce each, and one system call for each is slow.

import { randomFillSync } from 'node:crypto';
import type { Rng } from '../core/rng.ts';

/** Bytes are handed out once and wiped from the pool. */
export const systemRng: Rng = {
  bytes: (count) => draw(count),
  unit: () => {
    // 48 bits are exact in a double, and finer than any jitter.
    let value = 0;
    for (const byte of draw(6)) value = value * 256 + byte;
    return value / 2 ** 48;
  },
};

function draw(count: number): Uint8Array {
  if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at++, used++) {
    bytes[at] = pool[used] ?? 0;
    pool[used] = 0;
  }
  return bytes;
}

const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

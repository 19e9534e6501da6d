// The system's cryptographic randomness as the core's Rng. Bytes are drawn from a pool: ten thousand accounts that
// register together ask for a tag, a branch and a cnonce each, and one system call for each is slow.

import { randomFillSync } from 'node:crypto';
import type { Rng } from '../core/rng.ts';

/** Bytes are handed out once and wiped from the pool. */
export const systemRng: Rng = {
  bytes: (count) => draw(count),
  unit: () => {
    // 48 bits are exact in a double, and finer than any jitter.
    const bytes = draw(6);
    return bytes.reduce((value, byte) => value * 256 + byte, 0) / 2 ** 48;
  },
};

function draw(count: number): Uint8Array {
  if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + count);
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}

const POOL_BYTES = 4096;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

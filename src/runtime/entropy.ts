// The system's cryptographic randomness as the core's Rng. Bytes are drawn from a pool: ten thousand accounts that
// register together ask for a tag, a branch and a cnonce each, and one system call for each is slow.

import { randomFillSync } from 'node:crypto';
import { hexOf, type Rng } from '../core/rng.ts';

/** Bytes are handed out once and wiped from the pool. */
export const systemRng: Rng = {
  bytes: (count) => {
    if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
    const from = take(count);
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at++) bytes[at] = pool[from + at] ?? 0;
    wipe(from);
    return bytes;
  },
  hex: (byteCount) => {
    if (byteCount > POOL_BYTES) return hexOf(systemRng.bytes(byteCount));
    const from = take(byteCount);
    const text = pool.toString('hex', from, used);
    wipe(from);
    return text;
  },
  unit: () => {
    // 48 bits are exact in a double, and finer than any jitter.
    const from = take(6);
    const value = pool.readUIntBE(from, 6) / 2 ** 48;
    wipe(from);
    return value;
  },
};

/** Where the next `count` bytes are, up to `used`. */
function take(count: number): number {
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return used - count;
}

/** What was taken from `from` on has been handed out. */
function wipe(from: number): void {
  for (let at = from; at < used; at++) pool[at] = 0;
}

const POOL_BYTES = 4096;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

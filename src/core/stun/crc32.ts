// CRC-32 as ITU V.42 and RFC 5389 §15.5 have it (reflected, polynomial 0x04c11db7). Bit by bit: what is summed here
// is a hundred bytes twice a minute.

/** The checksum of `bytes`, from 0 to 2^32 - 1. */
export function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
    }
  }
  return (remainder ^ 0xffffffff) >>> 0;
}

// Randomness as an argument. Production hands in the system's CSPRNG (runtime/entropy.ts); tests and the
// simulation hand in a seeded generator, so that a run can be replayed.

export type Rng = {
  /** `count` random bytes. */
  readonly bytes: (count: number) => Uint8Array;
  /** `byteCount` random bytes in lower-case hexadecimal. */
  readonly hex: (byteCount: number) => string;
  /** A number in [0, 1), for jitter only. */
  readonly unit: () => number;
};

/** The codes of the digits in lower-case hexadecimal. */
const DIGITS = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** `byteCount` random bytes in lower-case hexadecimal: tags, branches, Call-IDs, cnonces. */
export function randomHex(rng: Rng, byteCount: number): string {
  return rng.hex(byteCount);
}

/** `bytes` in lower-case hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  const codes = new Array<number>(2 * bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    codes[2 * at] = DIGITS[byte >>> 4] ?? 0;
    codes[2 * at + 1] = DIGITS[byte & 0xf] ?? 0;
  }
  // From all codes at once: put together piece by piece the text would hold on to each of its pieces.
  return String.fromCharCode(...codes);
}

/** A number in [low, high), from `rng`. */
export function randomBetween(rng: Rng, low: number, high: number): number {
  return low + rng.unit() * (high - low);
}

/** A random (version 4) UUID in lower-case (RFC 9562 §5.4), the form RFC 5626 §4.1 asks of an instance id. */
export function randomUuid(rng: Rng): string {
  const bytes = Uint8Array.from(rng.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = hexOf(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A small deterministic generator (mulberry32) for tests and simulation: the same seed, the same run. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (count: number): Uint8Array => {
    const drawn = new Uint8Array(count);
    for (let at = 0; at < count; at++) drawn[at] = Math.floor(next() * 256);
    return drawn;
  };
  return { unit: next, bytes, hex: (count) => hexOf(bytes(count)) };
}

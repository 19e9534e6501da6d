// The bytes of many messages in one buffer of a fixed size, each in a chain of blocks: keeping and dropping a message makes no
// object, whatever its length, and what was dropped leaves no hole. The system gives the buffer its memory as it is used.

export type MessageBytes = {
  /** How many blocks there are; each message is known by the number of its first. */
  readonly blocks: number;
  /** How many more can be taken. */
  readonly free: () => number;
  /** Keeps a copy, for which there has to be room; the number that it is known by until it is dropped. */
  readonly keep: (bytes: Uint8Array) => number;
  readonly read: (message: number) => Uint8Array;
  /** How many blocks the message takes. */
  readonly blocksOf: (message: number) => number;
  readonly drop: (message: number) => void;
};

/** Half of one is lost by each message: REGISTERs and their answers have 300 to 900 bytes. */
const BLOCK_BYTES = 256;

const NONE = -1;

/** How many blocks `length` bytes take; an empty message has one, so that it has a number. */
export function blocksFor(length: number): number {
  return Math.max(1, Math.ceil(length / BLOCK_BYTES));
}

/** Room for `size` bytes. */
export function createMessageBytes(size: number): MessageBytes {
  const blocks = Math.floor(size / BLOCK_BYTES);
  const content = Buffer.alloc(blocks * BLOCK_BYTES);
  /** The next block of the message, or of those that have become free again. */
  const next = new Int32Array(blocks);
  const lengths = new Int32Array(blocks);
  let free = blocks;
  let firstFree = NONE;
  /** Blocks from here on were never used: their memory is not there yet. */
  let untouched = 0;

  const take = (): number => {
    free -= 1;
    if (firstFree === NONE) return untouched++;
    const block = firstFree;
    firstFree = next[block] ?? NONE;
    return block;
  };
  return {
    blocks,
    free: () => free,
    keep: (bytes) => {
      const { length } = bytes;
      if (free < blocksFor(length)) throw new Error('room has to be made for a message before it is kept');
      const first = take();
      lengths[first] = length;
      let block = first;
      content.set(bytes.subarray(0, BLOCK_BYTES), block * BLOCK_BYTES);
      for (let from = BLOCK_BYTES; from < length; from += BLOCK_BYTES) {
        const following = take();
        content.set(bytes.subarray(from, from + BLOCK_BYTES), following * BLOCK_BYTES);
        next[block] = following;
        block = following;
      }
      next[block] = NONE;
      return first;
    },
    read: (message) => {
      const bytes = Buffer.allocUnsafe(lengths[message] ?? 0);
      let at = 0;
      for (let block = message; block !== NONE; block = next[block] ?? NONE) {
        at += content.copy(bytes, at, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      }
      return bytes;
    },
    blocksOf: (message) => blocksFor(lengths[message] ?? 0),
    drop: (message) => {
      let last = message;
      for (let block = message; block !== NONE; block = next[block] ?? NONE) last = block;
      next[last] = firstFree;
      firstFree = message;
      free += blocksFor(lengths[message] ?? 0);
    },
  };
}

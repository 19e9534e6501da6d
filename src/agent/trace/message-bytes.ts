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
  /** Whether the message begins with `start`, which is no longer than a block. */
  readonly startsWith: (message: number, start: Uint8Array) => boolean;
  /** How many blocks the message takes. */
  readonly blocksOf: (message: number) => number;
  readonly drop: (message: number) => void;
};

/** Half of one is lost by each message: REGISTERs and their answers have 300 to 900 bytes. */
const BLOCK_BYTES = 256;

/** A view of a part of a message would be an object for each: messages are laid on a desk, whose parts have their views once and
 * for all. Longer ones come there piece by piece. */
const DESK_BYTES = 16 * BLOCK_BYTES;

const NONE = -1;

/** How many blocks `length` bytes take; an empty message has one, so that it has a number. */
export function blocksFor(length: number): number {
  return Math.max(1, Math.ceil(length / BLOCK_BYTES));
}

/** Room for `size` bytes. */
export function createMessageBytes(size: number): MessageBytes {
  const blocks = Math.floor(size / BLOCK_BYTES);
  const content = Buffer.alloc(blocks * BLOCK_BYTES);
  const desk = new Uint8Array(DESK_BYTES);
  const partsOfDesk = Array.from({ length: DESK_BYTES / BLOCK_BYTES }, (_, part) =>
    desk.subarray(part * BLOCK_BYTES, (part + 1) * BLOCK_BYTES),
  );
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
  /** A chain of `count` blocks; its first. */
  const takeChain = (count: number): number => {
    const first = take();
    let last = first;
    for (let taken = 1; taken < count; taken++) {
      const following = take();
      next[last] = following;
      last = following;
    }
    next[last] = NONE;
    return first;
  };
  const fill = (first: number, bytes: Uint8Array, length: number): void => {
    let block = first;
    for (let from = 0; from < length; from += DESK_BYTES) {
      desk.set(length <= DESK_BYTES ? bytes : bytes.subarray(from, from + DESK_BYTES));
      for (const part of partsOfDesk) {
        if (block === NONE) return;
        content.set(part, block * BLOCK_BYTES);
        block = next[block] ?? NONE;
      }
    }
  };
  return {
    blocks,
    free: () => free,
    keep: (bytes) => {
      const { length } = bytes;
      if (free < blocksFor(length)) throw new Error('room has to be made for a message before it is kept');
      const message = takeChain(blocksFor(length));
      lengths[message] = length;
      fill(message, bytes, length);
      return message;
    },
    read: (message) => {
      const bytes = Buffer.allocUnsafe(lengths[message] ?? 0);
      let at = 0;
      for (let block = message; block !== NONE; block = next[block] ?? NONE) {
        at += content.copy(bytes, at, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      }
      return bytes;
    },
    startsWith: (message, start) => {
      const at = message * BLOCK_BYTES;
      for (let index = 0; index < start.length; index++) {
        if (content[at + index] !== start[index]) return false;
      }
      return start.length <= (lengths[message] ?? 0);
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

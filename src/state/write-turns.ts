// When the state is written: at once for whoever waits for it, unless many did just now. A write takes as long as there are
// accounts, and so does the rest before the next one: thousands that begin together share few writes.

import type { Millis } from '../core/time.ts';

export type WriteTurns = {
  /** There is something to write. `isAwaited`: somebody cannot go on before. */
  readonly ask: (isAwaited: boolean) => void;
};

/** `write` writes all that there is, and resolves with the number of accounts that were written. */
export function writeTurns(write: () => Promise<number>, now: () => Millis): WriteTurns {
  let asked: 'nothing' | 'noted' | 'awaited' = 'nothing';
  let isWriting = false;
  let timer: NodeJS.Timeout | undefined;
  let lastEnd = 0;
  let lastTookMs = 0;
  let accounts = 0;
  let inARow = 0;

  const restEnd = (): number => {
    if (asked === 'awaited' && inARow < FREE_WRITES) return lastEnd;
    const restMs = accounts * (asked === 'awaited' ? REST_OF_AWAITED_MS : REST_OF_NOTED_MS);
    return lastEnd + Math.max(restMs, lastTookMs > LONG_WRITE_MS ? REST_FACTOR * lastTookMs : 0);
  };
  const turn = async (): Promise<void> => {
    isWriting = true;
    // Whoever asks in the same turn of the event loop comes along.
    await Promise.resolve();
    asked = 'nothing';
    const began = now();
    inARow = began - lastEnd < QUIET_MS ? inARow + 1 : 1;
    accounts = await write();
    lastEnd = now();
    lastTookMs = lastEnd - began;
    isWriting = false;
    if (asked !== 'nothing') plan();
  };
  const plan = (): void => {
    clearTimeout(timer);
    const restMs = restEnd() - now();
    if (restMs < 1) void turn();
    else timer = setTimeout(turn, restMs);
  };
  return {
    ask(isAwaited) {
      if (asked === 'awaited' || (asked === 'noted' && !isAwaited)) return;
      asked = isAwaited ? 'awaited' : 'noted';
      if (!isWriting) plan();
    },
  };
}

/** For each account in the file: 0.2 s with ten thousand. */
const REST_OF_AWAITED_MS = 0.02;
const REST_OF_NOTED_MS = 0.1;
/** More than one account needs until it is registered or rejected: then a crash must find that on disk, on a slow one too. */
const FREE_WRITES = 4;
const QUIET_MS = 1000;
const LONG_WRITE_MS = 50;
/** On a slow disk writes take at most a fifth of the time. */
const REST_FACTOR = 4;

// Lines into a stream whose reader may be slow, gone or out of space: none of that may stop or fill the agent. What does
// not fit is counted, and told as soon as the reader goes on.

import type { Writable } from 'node:stream';

export type LineWriter = {
  /** Writes `text` and a line end, or counts it as lost. */
  readonly write: (text: string) => void;
  /** Lets go of the stream; what was written still goes out. */
  readonly close: () => void;
};

/** A reader that is further behind than this gets no more lines until it has caught up. */
const MAX_BEHIND = 4 * 1024 * 1024;

/** A writer for `stream`; `lostLine` words how many lines were lost. */
export function createLineWriter(stream: Writable, lostLine: (count: number) => string): LineWriter {
  let lost = 0;
  let isBehind = false;
  // The line is lost, the agent is not: there is nowhere to tell it.
  const failed = (): void => {
    lost += 1;
  };
  const tellLost = (): void => {
    if (lost === 0) return;
    const line = lostLine(lost);
    lost = 0;
    stream.write(`${line}\n`);
  };
  stream.on('error', failed);
  return {
    write: (text) => {
      if (stream.writableLength === 0) isBehind = false;
      if (!stream.writable || isBehind || stream.writableLength > MAX_BEHIND) {
        isBehind = true;
        lost += 1;
        return;
      }
      tellLost();
      stream.write(`${text}\n`);
    },
    close: () => {
      if (stream.writable && !isBehind) tellLost();
      stream.off('error', failed);
    },
  };
}

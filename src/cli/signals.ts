// SIGINT and SIGTERM as abort signals: the first asks to end, the second ends at once. SIGHUP too, for a command that has
// something to put away when its terminal is closed.

import { EXIT } from './exit.ts';

export type Signals = {
  /** Aborted by the first signal. */
  readonly end: AbortSignal;
  /** Aborted by the second one. */
  readonly endNow: AbortSignal;
  /** 130 or 143, after the signal that came; 0 before. */
  readonly exitCode: () => number;
  readonly release: () => void;
};

const NO_HANGUP = { endsOnHangup: false };

export function catchSignals({ endsOnHangup }: { readonly endsOnHangup: boolean } = NO_HANGUP): Signals {
  const end = new AbortController();
  const endNow = new AbortController();
  let exitCode = 0;
  const caught = (code: number) => (): void => {
    exitCode = code;
    if (end.signal.aborted) endNow.abort();
    else end.abort();
  };
  const interrupted = caught(EXIT.interrupted);
  const terminated = caught(EXIT.terminated);
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', terminated);
  if (endsOnHangup) process.on('SIGHUP', terminated);
  return {
    end: end.signal,
    endNow: endNow.signal,
    exitCode: () => exitCode,
    release: () => {
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', terminated);
      process.off('SIGHUP', terminated);
    },
  };
}

/** Aborted by the first signal, or as soon as nobody reads what we print (`| head -1`). */
export function untilUnread({ end }: Signals): AbortSignal {
  const unread = new AbortController();
  process.stdout.once('error', () => unread.abort());
  return AbortSignal.any([end, unread.signal]);
}

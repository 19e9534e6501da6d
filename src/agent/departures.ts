// How many accounts may wait for their registrar's first word at once. Thousands that become ready together (their CSeq
// numbers share one write) would overflow the sockets' buffers, here and there, and every lost datagram is sent again;
// so the next leaves when the round of one before is over, or has lasted as long as a first retransmission takes.

import type { Millis } from '../core/time.ts';

/** What libuv reads from a socket in one turn. More wait long where the processor is busy, and beyond some hundreds the buffers
 * of a Linux with its defaults overflow (212,992 bytes). */
const MOST_UNANSWERED = 32;
/** RFC 3261 §17.1.2.2: T1. Whoever is under way for longer does not hold up the others. */
const PATIENCE_MS: Millis = 500;

export type Departures<T, L> = {
  /** Lets the traveller leave, with what it takes along, as soon as there is room: at once, when there is. */
  readonly depart: (traveller: T, luggage: L) => void;
  /** Its round is over: its place is free. */
  readonly settled: (traveller: T) => void;
  readonly stop: () => void;
};

/** `leave` is called for each that leaves. */
export function createDepartures<T, L>(
  now: () => Millis,
  leave: (traveller: T, luggage: L) => void,
): Departures<T, L> {
  const waiting: { readonly traveller: T; readonly luggage: L }[] = [];
  let nextWaiting = 0;
  /** Until when each holds its place, in that order. */
  const away = new Map<T, Millis>();
  let timer: NodeJS.Timeout | undefined;

  const go = (): void => {
    dropOverdue();
    while (away.size < MOST_UNANSWERED && nextWaiting < waiting.length) {
      const next = waiting[nextWaiting++];
      if (next === undefined) break;
      away.set(next.traveller, now() + PATIENCE_MS);
      leave(next.traveller, next.luggage);
    }
    if (nextWaiting === waiting.length) {
      waiting.length = 0;
      nextWaiting = 0;
    } else timer ??= setTimeout(ring, PATIENCE_MS / 10);
  };
  const ring = (): void => {
    timer = undefined;
    go();
  };
  const dropOverdue = (): void => {
    const at = now();
    for (const [traveller, until] of away) {
      if (until > at) break;
      away.delete(traveller);
    }
  };
  return {
    depart(traveller, luggage) {
      waiting.push({ traveller, luggage });
      go();
    },
    settled(traveller) {
      if (away.delete(traveller) && nextWaiting < waiting.length) go();
    },
    stop() {
      clearTimeout(timer);
      waiting.length = 0;
      nextWaiting = 0;
    },
  };
}

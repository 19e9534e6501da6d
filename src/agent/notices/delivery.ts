// A queue in front of somebody who is told: one notice at a time, tried again with growing gaps, bounded. Nobody waits for
// it, least of all a registration.

import { failure, type Result } from '../../core/result.ts';
import { messageOf } from '../../core/thrown.ts';
import type { Millis } from '../../core/time.ts';
import { joined, type Notice } from './notice.ts';

/** Why a notice did not arrive; `isFinal`: it never will. */
export type DeliveryProblem = { readonly text: string; readonly isFinal: boolean };

/** Brings one notice to its place; ends at the latest when `end` is aborted. */
export type Deliver = (notice: Notice, end: AbortSignal) => Promise<Result<void, DeliveryProblem>>;

export type Delivery = {
  readonly push: (notice: Notice) => void;
  /** Gives up what has not arrived, and tells how much that is. */
  readonly close: () => void;
};

/** More than anybody reads. */
const MAX_WAITING = 50;

/** `pausesMs`: how long to wait before each further try. `warn` is told what did not arrive, and why. */
export function createDelivery(
  name: string,
  deliver: Deliver,
  pausesMs: readonly Millis[],
  warn: (text: string) => void,
): Delivery {
  const end = new AbortController();
  let waiting: readonly Notice[] = [];
  let isBusy = false;
  const work = async (): Promise<void> => {
    isBusy = true;
    for (let next = waiting[0]; next !== undefined && !end.signal.aborted; next = waiting[0]) {
      waiting = waiting.slice(1);
      const problem = await attempt(next);
      if (problem !== null && !end.signal.aborted) warn(`${name}: a notice was not delivered: ${problem}`);
    }
    isBusy = false;
  };
  /** null: it arrived. */
  const attempt = async (notice: Notice): Promise<string | null> => {
    for (const pause of [...pausesMs, null]) {
      const outcome = await deliver(notice, end.signal).catch(bugOf);
      if (outcome.ok) return null;
      const { text, isFinal } = outcome.error;
      if (isFinal || pause === null || end.signal.aborted) return text;
      await sleep(pause, end.signal);
    }
    return null;
  };
  return {
    push(notice) {
      if (end.signal.aborted) return;
      const last = waiting.at(-1);
      // While one is under way the next of its kind become one.
      if (last?.event === notice.event) waiting = [...waiting.slice(0, -1), joined(last, notice)];
      else waiting = [...waiting, notice];
      if (waiting.length > MAX_WAITING) {
        waiting = waiting.slice(1);
        warn(`${name}: too many notices wait for delivery: the oldest is left out`);
      }
      if (!isBusy) void work();
    },
    close() {
      if (waiting.length > 0) warn(`${name}: ${waiting.length} notices were not delivered: the agent ends`);
      end.abort();
    },
  };
}

/** After `ms`, or as soon as `end` is aborted. */
export function sleep(ms: Millis, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      end.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms).unref();
    end.addEventListener('abort', settle, { once: true });
    if (end.aborted) settle();
  });
}

function bugOf(error: unknown): Result<void, DeliveryProblem> {
  const text = messageOf(error);
  return failure({ text: `sipreg itself failed: ${text}`, isFinal: true });
}

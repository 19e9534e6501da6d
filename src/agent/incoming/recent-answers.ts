// Answers to requests other than INVITE, kept while copies of the request may come (RFC 3261 §17.2.2, Timer J). There
// may be thousands each second, so none has a timer or a place in a queue: there are two generations, and when the
// younger one is as old as Timer J, or full, it becomes the older one, whose answers all leave at once.

import type { Millis } from '../../core/time.ts';
import {
  finalGiven,
  requestRepeated,
  type ServerTransaction,
  serverTimePassed,
  startServer,
} from '../../core/transaction/server.ts';
import { TIMER_J } from '../../core/transaction/timers.ts';

export type AnswerLimits = {
  /** Answers of both generations. */
  readonly total: number;
  /** Answers to one source, of one generation. */
  readonly perSource: number;
};

export const ANSWER_LIMITS: AnswerLimits = { total: 32_768, perSource: 12_288 };

/** One request that was answered. */
export type Answered = {
  /** Names its transaction. */
  readonly key: string;
  /** Names all requests that were made of one; null: it is in a dialog. */
  readonly mergeKey: string | null;
  readonly sourceAddress: string;
  readonly reliable: boolean;
  readonly response: Uint8Array;
};

export type RecentAnswers = {
  /** Keeps the answer if copies of its request may come. One that finds no room is given anew to each copy. */
  readonly keep: (answered: Answered, now: Millis) => void;
  /** The answer that a copy of its request gets again. */
  readonly find: (key: string, now: Millis) => Uint8Array | null;
  /** Whether another transaction of the same request is remembered. */
  readonly isMerged: (mergeKey: string, key: string, now: Millis) => boolean;
  /** When `age` has something to do; undefined: nothing is kept. */
  readonly agesAt: () => Millis | undefined;
  readonly age: (now: Millis) => void;
  readonly size: () => number;
};

type Kept = { transaction: ServerTransaction; readonly response: Uint8Array };

type Generation = {
  readonly bornAt: Millis;
  readonly answers: Map<string, Kept>;
  /** The transaction that came first, by what names the request before it was forked. */
  readonly merged: Map<string, string>;
  readonly perSource: Map<string, number>;
};

export function createRecentAnswers(limits: AnswerLimits = ANSWER_LIMITS): RecentAnswers {
  let young = emptyGeneration(Number.NEGATIVE_INFINITY);
  let old = emptyGeneration(Number.NEGATIVE_INFINITY);

  const turn = (now: Millis): void => {
    old = young;
    young = emptyGeneration(now);
  };
  const age = (now: Millis): void => {
    if (now - young.bornAt >= TIMER_J) turn(now);
  };
  const kept = (key: string): Kept | undefined => young.answers.get(key) ?? old.answers.get(key);
  const isOngoing = (key: string, now: Millis): boolean => {
    const found = kept(key);
    return found !== undefined && serverTimePassed(found.transaction, now).transaction.name !== 'terminated';
  };
  return {
    keep: ({ key, mergeKey, sourceAddress, reliable, response }, now) => {
      const { transaction } = finalGiven(startServer(reliable, now), now);
      if (transaction.name === 'terminated') return;
      age(now);
      if (young.answers.size >= limits.total / 2) turn(now);
      const count = young.perSource.get(sourceAddress) ?? 0;
      if (count >= limits.perSource) return;
      young.perSource.set(sourceAddress, count + 1);
      young.answers.set(key, { transaction, response });
      if (mergeKey !== null) young.merged.set(mergeKey, key);
    },
    find: (key, now) => {
      const found = isOngoing(key, now) ? kept(key) : undefined;
      return found !== undefined && requestRepeated(found.transaction) === 'repeat' ? found.response : null;
    },
    isMerged: (mergeKey, key, now) => {
      const first = young.merged.get(mergeKey) ?? old.merged.get(mergeKey);
      return first !== undefined && first !== key && isOngoing(first, now);
    },
    agesAt: () => (young.answers.size + old.answers.size === 0 ? undefined : young.bornAt + TIMER_J),
    age,
    size: () => young.answers.size + old.answers.size,
  };
}

function emptyGeneration(bornAt: Millis): Generation {
  return { bornAt, answers: new Map(), merged: new Map(), perSource: new Map() };
}

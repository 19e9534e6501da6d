// The answers of one set of DNS servers, shared by all who ask them: ten thousand accounts of one registrar ask once,
// also while the question is under way. Answers live as long as their TTL allows, "no" briefly, silence not at all.

import type { Answer, Question } from '../../core/resolve/question.ts';
import type { Millis } from '../../core/time.ts';
import type { Asker } from './asker.ts';
import { createGate } from './gate.ts';

export type SharedAnswers = {
  /** The answer from memory; undefined: it has to be asked for. */
  readonly known: (question: Question) => Answer | undefined;
  /** The answer, from memory or by asking. Never rejects. */
  readonly answer: (question: Question) => Promise<Answer>;
  /** Records that come without a TTL live no longer than this one, of what they led to; null: not known either. */
  readonly limit: (question: Question, ttlSeconds: number | null) => void;
  /** Forgets every answer, also those still under way when they come, and asks anew from now on. */
  readonly forget: () => void;
  readonly stop: () => void;
};

/** How long answers live: never shorter (a TTL of 0 would ask for each account), never longer. */
const SHORTEST_SECONDS = 30;
const LONGEST_SECONDS = 300;
/** "No such name" or "no such type". */
const NEGATIVE_SECONDS = 10;
/** More answers are not kept; the oldest are forgotten first. */
const MAX_KEPT = 4096;
/** More questions are not under way at a time. */
const MAX_UNDER_WAY = 64;

type Kept = { readonly answer: Answer; untilAt: Millis };

/** The lifetime that a TTL means here; null: the resolver does not tell one. */
function lifetimeSeconds(ttlSeconds: number | null): number {
  return Math.min(Math.max(ttlSeconds ?? SHORTEST_SECONDS, SHORTEST_SECONDS), LONGEST_SECONDS);
}

export function createSharedAnswers(asker: Asker, now: () => Millis): SharedAnswers {
  const kept = new Map<string, Kept>();
  let underWay = new Map<string, Promise<Answer>>();
  const gate = createGate(MAX_UNDER_WAY);

  const keep = (question: Question, answer: Answer): void => {
    const key = keyOf(question);
    if (answer.type === 'unanswered') return;
    kept.delete(key);
    kept.set(key, { answer, untilAt: now() + 1000 * secondsOf(question, answer) });
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
  };
  const ask = async (key: string, question: Question): Promise<Answer> => {
    const epoch = underWay;
    const answer = await gate.pass(() => asker.ask(question));
    if (epoch === underWay) keep(question, answer);
    epoch.delete(key);
    return answer;
  };
  const knownBy = (key: string): Answer | undefined => {
    const known = kept.get(key);
    return known !== undefined && now() < known.untilAt ? known.answer : undefined;
  };
  return {
    known: (question) => knownBy(keyOf(question)),
    answer(question) {
      const key = keyOf(question);
      const known = knownBy(key);
      if (known !== undefined) return Promise.resolve(known);
      const asked = underWay.get(key) ?? ask(key, question);
      underWay.set(key, asked);
      return asked;
    },
    limit(question, ttlSeconds) {
      const known = kept.get(keyOf(question));
      if (known === undefined || !isWithoutTtl(question)) return;
      known.untilAt = Math.min(known.untilAt, now() + 1000 * lifetimeSeconds(ttlSeconds));
    },
    forget() {
      kept.clear();
      underWay = new Map();
      asker.renew();
    },
    stop: asker.stop,
  };
}

function secondsOf(question: Question, answer: Answer): number {
  if (answer.type !== 'records') return NEGATIVE_SECONDS;
  // `limit` follows when the addresses are known.
  return isWithoutTtl(question) ? LONGEST_SECONDS : lifetimeSeconds(answer.ttlSeconds);
}

/** Node does not tell the TTL of these. */
function isWithoutTtl({ type }: Question): boolean {
  return type === 'NAPTR' || type === 'SRV';
}

function keyOf({ type, name }: Question): string {
  return `${type} ${name}`;
}

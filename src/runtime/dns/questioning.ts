// Asks one question after the other until the core knows where a hop leads (core/resolve/location.ts), and keeps every
// answer for whoever wants to show them. Who answers, and from which memory, is the caller's business.

import type { Failure } from '../../core/health/verdict.ts';
import type { Hop } from '../../core/resolve/hop.ts';
import { type LocationEnv, type LocationStep, locate } from '../../core/resolve/location.ts';
import type { Answer, Answers, Question } from '../../core/resolve/question.ts';
import type { LocatedTarget } from '../../core/resolve/server.ts';
import { failure, type Result, success } from '../../core/result.ts';

export type Questioning = {
  /** The targets, best first, or why there are none. */
  readonly located: Result<readonly LocatedTarget[], Failure>;
  /** Everything that was asked on the way, in that order for each type. */
  readonly answers: Answers;
};

/** Where `hop` leads, by what is `known`; null: something has to be asked for. `isGiven`: nothing had to be known. */
export function locatedFromMemory(
  hop: Hop,
  known: (question: Question) => Answer | undefined,
  env: LocationEnv,
): { readonly located: Questioning['located']; readonly isGiven: boolean } | null {
  let step = locate(hop, NOTHING, env);
  if (step.type !== 'ask') return { located: outcomeOf(step), isGiven: true };
  const answers = noAnswers();
  for (; step.type === 'ask'; step = locate(hop, answers, env)) {
    for (const question of step.questions) {
      const answer = known(question);
      if (answer === undefined) return null;
      answers[question.type].set(question.name, answer);
    }
  }
  return { located: outcomeOf(step), isGiven: false };
}

/** Where `hop` leads, by what `answer` says. */
export async function askUntilLocated(
  hop: Hop,
  answer: (question: Question) => Promise<Answer>,
  env: LocationEnv,
): Promise<Questioning> {
  const answers = noAnswers();
  for (;;) {
    const step = locate(hop, answers, env);
    if (step.type !== 'ask') return { located: outcomeOf(step), answers };
    const given = await Promise.all(step.questions.map(answer));
    for (const [at, { type, name }] of step.questions.entries()) answers[type].set(name, given[at]);
  }
}

function outcomeOf(step: Exclude<LocationStep, { type: 'ask' }>): Questioning['located'] {
  return step.type === 'located' ? success(step.targets) : failure(step.failure);
}

function noAnswers() {
  return { NAPTR: new Map(), SRV: new Map(), A: new Map(), AAAA: new Map() };
}

const NOTHING: Answers = noAnswers();

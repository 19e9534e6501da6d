// Asks one question after the other until the core knows where a hop leads (core/resolve/location.ts), and keeps every
// answer for whoever wants to show them. Who answers, and from which memory, is the caller's business.

import type { Failure } from '../../core/health/verdict.ts';
import type { Hop } from '../../core/resolve/hop.ts';
import { type LocationEnv, locate } from '../../core/resolve/location.ts';
import type { Answer, Answers, Question } from '../../core/resolve/question.ts';
import type { LocatedTarget } from '../../core/resolve/server.ts';
import { failure, type Result, success } from '../../core/result.ts';

export type Questioning = {
  /** The targets, best first, or why there are none. */
  readonly located: Result<readonly LocatedTarget[], Failure>;
  /** Everything that was asked on the way, in that order for each type. */
  readonly answers: Answers;
};

/** Where `hop` leads, by what `answer` says. */
export async function askUntilLocated(
  hop: Hop,
  answer: (question: Question) => Promise<Answer>,
  env: LocationEnv,
): Promise<Questioning> {
  const answers = { NAPTR: new Map(), SRV: new Map(), A: new Map(), AAAA: new Map() };
  for (;;) {
    const step = locate(hop, answers, env);
    if (step.type !== 'ask') {
      const located = step.type === 'located' ? success(step.targets) : failure(step.failure);
      return { located, answers };
    }
    const given = await Promise.all(step.questions.map(answer));
    for (const [at, { type, name }] of step.questions.entries()) answers[type].set(name, given[at]);
  }
}

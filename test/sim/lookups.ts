// How a simulated process finds its targets, as src/runtime/dns/locator.ts does: it asks what the core wants to know, puts
// failed targets last, and comes back to the last good ones while DNS fails, and to those with TLS when it names none any
// more. No answer is cached: a world has time to ask.

import type { Failure } from '../../src/core/health/verdict.ts';
import type { Input } from '../../src/core/registration/input.ts';
import type { Hop } from '../../src/core/resolve/hop.ts';
import { locate } from '../../src/core/resolve/location.ts';
import { isTemporary } from '../../src/core/resolve/location-failure.ts';
import { offerAfter, type TlsOffer, withOffer } from '../../src/core/resolve/offered-tls.ts';
import type { Answer, Question, QuestionType } from '../../src/core/resolve/question.ts';
import type { LocatedTarget } from '../../src/core/resolve/server.ts';
import {
  healthiestFirst,
  NO_FAILED_TARGETS,
  targetFailed,
  targetServed,
} from '../../src/core/resolve/target-health.ts';
import { type Rng, randomBetween } from '../../src/core/rng.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Machinery } from './machinery.ts';
import type { Zone } from './zone.ts';

/** So long a resolver waits for a server that is silent. */
const PATIENCE_MS: Millis = 5_000;

type Surroundings = {
  readonly machinery: Machinery;
  readonly zone: Zone;
  readonly rng: Rng;
  readonly monotonic: () => Millis;
  readonly later: (ms: Millis, run: () => void) => void;
};

type Remembered = { readonly located: readonly LocatedTarget[]; readonly tls: TlsOffer | null };
type Known = Record<QuestionType, Map<string, Answer>>;

export function createLookups({ machinery, zone, rng, monotonic, later }: Surroundings) {
  const lastGood = new Map<string, Remembered>();
  let health = NO_FAILED_TARGETS;

  const inOrder = ({ located, tls }: Remembered, stale: Failure | null): Input => {
    const { ranked, tlsWithdrawn } = withOffer(located, machinery.remembersTls ? tls : null);
    const { ordered, deferredUntil } = healthiestFirst(health, ranked, monotonic());
    return {
      type: 'targetsResolved',
      targets: ordered.map(({ target }) => target),
      deferredUntil,
      stale,
      tlsWithdrawn,
    };
  };
  const ask = (questions: readonly Question[], known: Known, done: () => void): void => {
    const answers = questions.map((question) => ({ question, answer: zone.answer(question) }));
    const isSilent = answers.some(
      ({ answer }) => answer.type === 'unanswered' && answer.code === 'dns.timeout',
    );
    later(isSilent ? PATIENCE_MS : randomBetween(rng, 1, 80), () => {
      for (const { question, answer } of answers) known[question.type].set(question.name, answer);
      done();
    });
  };
  const goOn = (hop: Hop, known: Known, done: (input: Input) => void): void => {
    const step = locate(hop, known as never, { rng, families: [4], asked: 'the simulated resolver' });
    const key = `${hop.host} ${hop.port} ${hop.transport}`;
    if (step.type === 'ask') {
      ask(step.questions, known, () => goOn(hop, known, done));
    } else if (step.type === 'located') {
      const tls = offerAfter(lastGood.get(key)?.tls ?? null, step.targets, monotonic());
      const known = { located: step.targets, tls };
      lastGood.set(key, known);
      done(inOrder(known, null));
    } else {
      const remembered = isTemporary(step.failure) ? lastGood.get(key) : undefined;
      done(
        remembered === undefined
          ? { type: 'resolutionFailed', failure: step.failure }
          : inOrder(remembered, step.failure),
      );
    }
  };
  return {
    locate: (hop: Hop, done: (input: Input) => void): void =>
      goOn(hop, { NAPTR: new Map(), SRV: new Map(), A: new Map(), AAAA: new Map() }, (input) =>
        // Also an IP literal is found a moment later, as by a promise.
        later(0, () => done(input)),
      ),
    noteFailed: (target: Target, retryAfterSeconds: number | null): void => {
      health = targetFailed(health, target, monotonic(), (retryAfterSeconds ?? 0) * 1000);
    },
    noteServed: (target: Target): void => {
      health = targetServed(health, target);
    },
  };
}

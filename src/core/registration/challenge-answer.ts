// What a 401 or 407 means in the course of one round (behaviour.md §7–9; RFC 3261 §22): a challenge to answer, a nonce
// that merely aged, or a rejection of the credentials. The difference is what keeps a host from being banned.

import { type Challenge, isSameSpace, type ProtectionSpace, parseChallenges } from '../digest/challenge.ts';
import { selectAnswers, type Unanswered } from '../digest/selection.ts';
import { type DigestSession, startSession } from '../digest/session.ts';
import { answerInWords, printable } from '../health/evidence.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import type { SipResponse } from '../sip/message.ts';
import type { Registration } from './registration.ts';

/** What one round remembers of the challenges that it has met. */
export type ChallengeHistory = {
  /** Realms (with their kind) whose nonce was issued in this round. */
  readonly issued: readonly string[];
  readonly staleInARow: number;
};

export const NO_CHALLENGES: ChallengeHistory = { issued: [], staleInARow: 0 };

export type ChallengeReading =
  /** Send again, with these sessions. */
  | {
      readonly type: 'answer';
      readonly sessions: readonly DigestSession[];
      readonly history: ChallengeHistory;
    }
  /** The credentials were rejected, unless the secret has changed since they were read. */
  | { readonly type: 'rejected'; readonly failure: Failure }
  /** There are no credentials for it, unless the secret has changed. */
  | { readonly type: 'unanswerable'; readonly failure: Failure }
  | { readonly type: 'looping'; readonly failure: Failure };

/** RFC 3261 §22.4, behaviour.md §9: a registrar that calls every nonce stale is not followed for ever. */
const MAX_STALE_IN_A_ROW = 3;

/** Realms whose authentication is remembered; each one is a header of every later request. */
const MAX_SESSIONS = 16;

/** Whether the answer to a challenge is sent: it was asked for in this round, or such an answer was right before. Any other
 * is one that never got its answer: sent again it would be one more wrong password (behaviour.md §9). */
export function isShown(
  { terms }: DigestSession,
  { credentialsWorked }: Pick<Registration, 'credentialsWorked'>,
  history: ChallengeHistory,
): boolean {
  return credentialsWorked || history.issued.includes(spaceOf(terms));
}

/** Reads the challenges of `response`, to a request with the answers of those of the sessions that are shown. */
export function readChallenges(
  response: SipResponse,
  registration: Pick<Registration, 'sessions' | 'credentials' | 'credentialsWorked'>,
  history: ChallengeHistory,
): ChallengeReading {
  const { sessions, credentials } = registration;
  const { answers, unanswered } = selectAnswers(parseChallenges(response.headers).usable, credentials);
  if (answers.length === 0) return { type: 'unanswerable', failure: unanswerable(response, unanswered) };
  const challenges = answers.map((answer) => answer.challenge);
  const shown = sessions.filter((session) => isShown(session, registration, history));
  const judged = challenges.map((challenge) => judge(challenge, shown, history));
  if (judged.includes('rejected')) return { type: 'rejected', failure: rejected(response, challenges) };
  const stale = judged.includes('stale');
  if (stale && history.staleInARow >= MAX_STALE_IN_A_ROW) {
    return { type: 'looping', failure: looping(response) };
  }
  return answering(challenges, sessions, history);
}

/** What is remembered when another server is asked: the nonces so far are none of its own (behaviour.md §9). */
export function elsewhere(history: ChallengeHistory): ChallengeHistory {
  return { ...history, issued: [] };
}

/** Answers `response` once more, after the secret turned out to have changed. */
export function answerAfresh(
  response: SipResponse,
  { sessions, credentials }: Pick<Registration, 'sessions' | 'credentials'>,
  history: ChallengeHistory,
): ChallengeReading {
  const { answers, unanswered } = selectAnswers(parseChallenges(response.headers).usable, credentials);
  if (answers.length === 0) return { type: 'unanswerable', failure: unanswerable(response, unanswered) };
  const challenges = answers.map((answer) => answer.challenge);
  return answering(challenges, sessions, history);
}

type Judgement = 'new' | 'stale' | 'aged' | 'rejected';

function judge(
  challenge: Challenge,
  sessions: readonly DigestSession[],
  history: ChallengeHistory,
): Judgement {
  const session = sessions.find(({ terms }) => isSameSpace(terms, challenge));
  if (session === undefined) return 'new';
  if (challenge.stale) return 'stale';
  // behaviour.md §9: Kamailio and FRITZ!Box let a kept nonce expire without saying stale. One free retry.
  const kept = !history.issued.includes(spaceOf(challenge));
  return kept && challenge.nonce !== session.nonce ? 'aged' : 'rejected';
}

function answering(
  challenges: readonly Challenge[],
  sessions: readonly DigestSession[],
  history: ChallengeHistory,
): Extract<ChallengeReading, { type: 'answer' }> {
  const untouched = sessions.filter(({ terms }) => !challenges.some((one) => isSameSpace(one, terms)));
  const answered = challenges.map((challenge) => sessionFor(challenge, sessions));
  const anyStale = challenges.some((challenge) => challenge.stale);
  const issued = challenges.map(spaceOf).filter((space) => !history.issued.includes(space));
  return {
    type: 'answer',
    sessions: untouched.concat(answered).slice(-MAX_SESSIONS),
    history: {
      issued: history.issued.concat(issued),
      staleInARow: anyStale ? history.staleInARow + 1 : 0,
    },
  };
}

/** RFC 7616 §3.4: with one nonce no count is used twice, also when the server offers the same nonce again. */
function sessionFor(challenge: Challenge, sessions: readonly DigestSession[]): DigestSession {
  const fresh = startSession(challenge);
  const used = sessions.find(
    ({ nonce, terms }) => nonce === challenge.nonce && isSameSpace(terms, challenge),
  );
  return used === undefined ? fresh : { ...fresh, nonceCount: used.nonceCount };
}

function spaceOf({ kind, realm }: ProtectionSpace): string {
  return `${kind} ${realm}`;
}

function rejected(response: SipResponse, challenges: readonly Challenge[]): Failure {
  const realms = printable(challenges.map((challenge) => `"${challenge.realm}"`).join(', '));
  return failureOf(
    'auth.rejected',
    `the registrar answered ${answerInWords(response)} to our credentials for the realm ${realms}`,
    { status: response.status, reason: printable(response.reason) },
  );
}

function looping(response: SipResponse): Failure {
  return failureOf(
    'auth.looping',
    `the registrar called the nonce stale ${MAX_STALE_IN_A_ROW + 1} times in a row (${answerInWords(response)})`,
    { status: response.status, reason: printable(response.reason) },
  );
}

function unanswerable(response: SipResponse, unanswered: readonly Unanswered[]): Failure {
  const evidence = { status: response.status, reason: printable(response.reason) };
  const without = unanswered.find((one) => one.why === 'no-credentials');
  if (without !== undefined) {
    const cause = `the registrar asks for credentials for the realm "${printable(without.realm)}", and the account has none for it`;
    return failureOf('auth.no-credentials', cause, evidence);
  }
  const { usable, unknownAlgorithms, realms } = parseChallenges(response.headers);
  // Of those that could be answered the secret is none.
  const others = usable.map(
    ({ algorithm, qop, realm }) => `${algorithm}${qop === null ? ' without qop' : ''} (realm "${realm}")`,
  );
  const offered = printable([...others, ...unknownAlgorithms].join(', '));
  const where = printable(realms.map((realm) => `for the realm "${realm}"`).join(', '));
  const what = offered === '' ? `no Digest challenge that can be used ${where}` : `only ${offered}`;
  const cause = `the registrar answered ${answerInWords(response)} and offers ${what}`.trimEnd();
  if (unanswered.some(({ why }) => why === 'forbidden')) {
    const forbidden = `${cause}, which the account's "digest" does not allow`;
    return failureOf('auth.no-algorithm', forbidden, { ...evidence, advice: POLICY_ADVICE });
  }
  // With an ha1 that fits none of them it is the secret's turn; else that of whoever runs the registrar.
  const advice =
    usable.length === 0 ? 'ask the provider for Digest with MD5, SHA-256 or SHA-512-256' : HA1_ADVICE;
  return failureOf('auth.no-algorithm', cause, { ...evidence, advice });
}

const HA1_ADVICE = 'set the password in place of the ha1, or add an ha1 for one of these algorithms';
const POLICY_ADVICE =
  'ask the provider why; allow it in "digest" only if the way to the registrar is safe (TLS)';

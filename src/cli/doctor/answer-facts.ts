// What the answers to the REGISTER without Contact say: whether the registrar answers, which digest algorithms it offers and
// which of them is taken, and whether it accepts the credentials (RFC 3261 §22, RFC 8760).

import type { Credential } from '../../core/digest/algorithm.ts';
import { type Challenge, type ParsedChallenges, parseChallenges } from '../../core/digest/challenge.ts';
import { selectAnswers } from '../../core/digest/selection.ts';
import { answerInWords, printable } from '../../core/health/evidence.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import type { Result } from '../../core/result.ts';
import { type Fact, fail, ok, skipped, warn } from './fact.ts';
import { changedVia } from './network-facts.ts';
import type { RegisterQuery } from './register-query.ts';

/** Why the credentials are not sent. */
export type Withheld =
  /** They cannot be read: that was told already. */
  | { readonly type: 'unreadable' }
  /** They were rejected before, with this verdict. */
  | { readonly type: 'rejected'; readonly failure: Failure }
  /** Those of other accounts were rejected just now. */
  | { readonly type: 'cautious' };

export type Readable = Result<readonly Credential[], Failure>;

/** The facts of an answer; `withheld` is null when the credentials were sent if they were asked for. `isRegistered`: the
 * agent's own REGISTERs are accepted. */
export function answerFacts(
  query: RegisterQuery,
  credentials: Readable,
  withheld: Withheld | null,
  isRegistered: boolean,
): readonly Fact[] {
  const digest = digestFacts(query, credentials);
  return [
    registerFact(query, isRegistered),
    ...digest,
    digest.some(({ mark }) => mark === 'fail')
      ? skipped('auth.credentials', 'needs a challenge that the account can answer')
      : credentialsFact(query, withheld, isRegistered),
    ...warningFacts(query),
  ];
}

function registerFact({ outcome, snapshot, responses }: RegisterQuery, isRegistered: boolean): Fact {
  const last = responses.at(-1)?.response;
  const details = { target: snapshot.target, seconds: snapshot.rtt };
  // Rejected credentials are an answer all the same; the fact about them follows.
  const isAnswered = outcome.type !== 'failed' || outcome.failure.stage === 'auth';
  if (isAnswered && last !== undefined) {
    const count = `${snapshot.requests} ${snapshot.requests === 1 ? 'request' : 'requests'}`;
    return ok('register.answer', `${answerInWords(last)} after ${count}`, details);
  }
  if (outcome.type !== 'failed') throw new Error('a REGISTER succeeds by an answer');
  const isChanged = outcome.failure.code === 'register.timeout' && changedVia(responses) !== null;
  const fact = fail('register.answer', isChanged ? ANSWERED_IN_VAIN : outcome.failure, {
    target: snapshot.target,
  });
  const { code } = outcome.failure;
  // Not every registrar knows RFC 3261 §10.2.3.
  if (code !== 'register.rejected' && code !== 'register.forbidden') return fact;
  const text = 'some registrars refuse a REGISTER without Contact';
  if (!isRegistered) return { ...fact, text };
  return { ...fact, mark: 'warn', text: `${text}; those of the agent are accepted` };
}

/** RFC 3261 §18.1.2: a response whose Via is not ours is discarded. */
const ANSWERED_IN_VAIN = failureOf(
  'register.timeout',
  'answers came, but something on the way had changed them',
  {
    advice: 'switch the SIP ALG of the router off, or use TLS, which it cannot change; see nat.via',
  },
);

function digestFacts({ outcome, responses }: RegisterQuery, credentials: Readable): readonly Fact[] {
  const challenge = responses.find(({ response: { status } }) => status === 401 || status === 407)?.response;
  if (challenge === undefined) {
    if (outcome.type === 'failed') return [skipped('digest.offered', 'needs a challenge')];
    return [ok('digest.offered', 'none: the registrar answered without asking for credentials')];
  }
  const parsed = parseChallenges(challenge.headers);
  const offered = ok('digest.offered', offerText(parsed));
  const { answers } = selectAnswers(parsed.usable, credentials.ok ? credentials.value : []);
  if (answers.length > 0) {
    return [offered, ...answers.map((answer) => ok('digest.choice', choiceText(answer.challenge)))];
  }
  const failure = outcome.type === 'failed' && credentials.ok ? outcome.failure : null;
  if (failure?.stage === 'auth') return [offered, fail('digest.choice', failure)];
  return [offered, skipped('digest.choice', 'needs credentials')];
}

function offerText({ usable, unknownAlgorithms }: ParsedChallenges): string {
  const known = usable.map(
    (challenge) => `${algorithmText(challenge)} for realm "${printable(challenge.realm)}"`,
  );
  const unknown = unknownAlgorithms.map((text) => `${printable(text)}, which sipreg does not know`);
  return [...known, ...unknown].join('; ') || 'nothing that can be answered';
}

function choiceText(challenge: Challenge): string {
  return `${algorithmText(challenge)} for realm "${printable(challenge.realm)}": the topmost that the account can answer`;
}

function algorithmText({ algorithm, session, qop, kind }: Challenge): string {
  const name = session ? `${algorithm}-sess` : algorithm;
  const protection = qop === null ? 'no qop' : `qop ${qop.join(', ')}`;
  return `${name} (${protection}${kind === 'proxy' ? ', of a proxy' : ''})`;
}

function credentialsFact(
  { outcome, isAuthorized, snapshot }: RegisterQuery,
  withheld: Withheld | null,
  isRegistered: boolean,
): Fact {
  if (outcome.type !== 'failed') {
    if (!isAuthorized) return skipped('auth.credentials', 'the registrar did not ask for any');
    const realm = snapshot.auth === null ? '' : ` for realm "${snapshot.auth.realm}"`;
    return ok('auth.credentials', `accepted${realm}`);
  }
  if (withheld?.type === 'unreadable') return skipped('auth.credentials', 'needs a secret that can be read');
  if (withheld?.type === 'cautious') return skipped('auth.credentials', ENOUGH_REJECTED);
  if (withheld?.type === 'rejected') return heldBackFact(withheld.failure);
  if (outcome.failure.stage !== 'auth') return skipped('auth.credentials', 'needs an answer to them');
  const fact = fail('auth.credentials', outcome.failure);
  // behaviour.md §10: a 403 says nothing against credentials that have worked.
  if (outcome.failure.status !== 403 || !isRegistered) return fact;
  return { ...fact, mark: 'warn', text: 'the agent is registered with the same credentials' };
}

const ENOUGH_REJECTED =
  'not sent: the registrar has just rejected those of other accounts, and more could get this host banned';

/** behaviour.md §10: what was rejected is not sent again only because somebody looks. */
function heldBackFact(failure: Failure): Fact {
  const text = 'not tried again here, so that nobody bans this host';
  return fail('auth.credentials', failure, { text });
}

/** What the agent would log: a proof of the registrar's that is wrong, say. A Via that was changed has its own fact. */
function warningFacts({ warnings, responses }: RegisterQuery): readonly Fact[] {
  const others = warnings.filter((text) => text !== changedVia(responses));
  return others.map((text) => warn('register.answer', text, null));
}

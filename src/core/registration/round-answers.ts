// What a final answer means for the round (RFC 3261 §8.1.3, §10.2.8, §22; behaviour.md §2–10): send again with
// something changed, another target, or the end with a verdict. Nothing is ever sent again unchanged. The 2xx is in
// round-acceptance.ts, the 3xx in redirection.ts.

import type { Env } from '../env.ts';
import { answerInWords, printable } from '../health/evidence.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import { headerValue, optionTags } from '../sip/headers.ts';
import { isUnicast, sameHost, sameSocketAddress } from '../sip/ip.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseDeltaSeconds } from '../sip/numbers.ts';
import { answeredVia } from '../sip/via.ts';
import { answerAfresh, type ChallengeReading, readChallenges } from './challenge-answer.ts';
import { addressSeen } from './contact.ts';
import type { Input } from './input.ts';
import { redirected } from './redirection.ts';
import { namesCSeq, refusalOf } from './refusal.ts';
import { type PublicAddress, type Registration, registrationDraft } from './registration.ts';
import { supportedOptions } from './request.ts';
import { accepted } from './round-acceptance.ts';
import { reserve, sendRegister } from './round-sending.ts';
import {
  type Exchange,
  finish,
  type LastResort,
  type Round,
  type RoundStep,
  roundDraft,
  type SentRequest,
  unchanged,
} from './round-state.ts';
import { failOver } from './round-targets.ts';

/** A registrar that finds ever new reasons to ask again is not followed for ever. */
const MAX_REQUESTS = 16;
/** How often one round raises its interval (checklist R138). */
const MAX_RAISES = 3;
/** What a Contact's `expires` or Min-Expires may raise the interval to: one year. */
const MAX_INTERVAL = 31_536_000;

/** The final answer to a request of ours came in. */
export function answerReceived(
  registration: Registration,
  round: Round,
  exchange: Exchange,
  env: Env,
): RoundStep {
  const seen = learnPublicAddress(registration, exchange);
  const { response } = exchange;
  const { status } = response;
  if (status < 300) return accepted(seen, round, exchange, env);
  if (status < 400) return redirected(seen, round, response);
  switch (status) {
    case 401:
    case 407:
      return challenged(seen, round, exchange, env);
    case 420:
      return extensionRefused(seen, round, exchange, env);
    case 423:
      return intervalRefused(seen, round, exchange, env);
    default:
      return refused(seen, round, exchange, env);
  }
}

/** The account's secrets were read again, because the registrar rejected what we had. */
export function secretReadAgain(
  registration: Registration,
  round: Round,
  input: Extract<Input, { type: 'secretRead' | 'secretFailed' }>,
  env: Env,
): RoundStep {
  if (round.phase.name !== 'rereading') return unchanged(registration, round);
  const { sent, rejection } = round.phase;
  if (input.type === 'secretFailed') {
    // It stays a rejection: as a mere read error it would be tried again soon, with what was just rejected.
    const cause = `${rejection.failure.cause}; and the secret could not be read again: ${input.failure.cause}`;
    return rejectionStands(registration, round, { ...rejection.failure, cause });
  }
  const same = JSON.stringify(input.credentials) === JSON.stringify(rejection.credentials);
  if (same) return rejectionStands(registration, round, rejection.failure);
  const renewed = { ...registration, credentials: input.credentials, credentialsWorked: false };
  // A 403 brings no challenge: the new secret starts from the beginning.
  if (rejection.response.status === 403)
    return sendRegister({ ...renewed, sessions: [] }, { ...round, rereadSecret: true }, sent, env);
  const { response } = rejection;
  const reading = answerAfresh(response, renewed, round.challenges);
  return afterReading(renewed, { ...round, rereadSecret: true }, { sent, response }, reading, env);
}

function challenged(registration: Registration, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { response } = exchange;
  // Everything else that is answered by another REGISTER has a bound of its own; challenges of ever new realms do not.
  if (round.requests >= MAX_REQUESTS) return endless(registration, round, response);
  const reading = readChallenges(response, registration, round.challenges);
  return afterReading(registration, round, exchange, reading, env);
}

function afterReading(
  registration: Registration,
  round: Round,
  exchange: Exchange,
  reading: ChallengeReading,
  env: Env,
): RoundStep {
  switch (reading.type) {
    case 'answer': {
      const answering = registrationDraft(registration);
      answering.sessions = reading.sessions;
      const challenged = roundDraft(round);
      challenged.challenges = reading.history;
      return sendRegister(answering, challenged, exchange.sent, env);
    }
    case 'looping':
      return finish(registration, round, { type: 'failed', failure: reading.failure });
    case 'unanswerable':
    case 'rejected':
      return rejectedCredentials(registration, round, exchange, reading.failure);
  }
}

/** behaviour.md §10: every secret source is read again before a rejection counts, once in a round. */
function rejectedCredentials(
  registration: Registration,
  round: Round,
  { sent, response }: Exchange,
  failure: Failure,
): RoundStep {
  const doubtful = { ...registration, credentialsWorked: false };
  if (round.rereadSecret) return rejectionStands(doubtful, round, failure);
  const rejection = { response, failure, credentials: registration.credentials };
  return {
    registration: doubtful,
    round: { ...round, phase: { name: 'rereading', sent, rejection } },
    effects: [{ type: 'readSecret' }],
  };
}

/** Ends the round. The sessions carry an answer that was refused: the next round has to be challenged anew. */
export function rejectionStands(registration: Registration, round: Round, failure: Failure): RoundStep {
  return finish({ ...registration, sessions: [] }, round, { type: 'failed', failure });
}

function endless(registration: Registration, round: Round, response: SipResponse): RoundStep {
  const failure = failureOf(
    'auth.looping',
    `the registrar answered ${answerInWords(response)} to the ${round.requests}th REGISTER of one attempt`,
    { status: response.status, reason: printable(response.reason) },
  );
  return finish({ ...registration, sessions: [] }, round, { type: 'failed', failure });
}

function intervalRefused(registration: Registration, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { sent, response } = exchange;
  const minimum = parseDeltaSeconds(headerValue(response.headers, 'Min-Expires') ?? '');
  const raises = round.raises + 1;
  const usable = minimum !== null && minimum > sent.requested && minimum <= MAX_INTERVAL;
  if (round.goal === 'register' && usable && raises <= MAX_RAISES) {
    // RFC 3261 §10.2.8: every contact's interval has to be at least Min-Expires.
    return sendRegister({ ...registration, interval: minimum }, { ...round, raises }, sent, env);
  }
  // behaviour.md §6: no usable Min-Expires is worth one try with twice the time.
  if (round.goal === 'register' && !usable && !round.doubledInterval && raises <= MAX_RAISES) {
    const interval = Math.min(2 * sent.requested, MAX_INTERVAL);
    return sendRegister(
      { ...registration, interval },
      { ...round, raises, doubledInterval: true },
      sent,
      env,
    );
  }
  const failure = refusalOf(response, 'register.forbidden');
  const cause = `${failure.cause} to ${sent.requested} s, ${minimum === null ? 'without a Min-Expires' : `with Min-Expires ${minimum}`}`;
  // What did not help is not kept: or else each round would ask for twice as much.
  const interval = round.raises === 0 ? registration.interval : registration.plan.profile.expires;
  return finish({ ...registration, interval }, round, { type: 'failed', failure: { ...failure, cause } });
}

function extensionRefused(registration: Registration, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { sent, response } = exchange;
  const offered = supportedOptions(registration);
  const refusedTags = optionTags(response.headers, 'Unsupported').filter((tag) => offered.includes(tag));
  if (refusedTags.length === 0) {
    return finish(registration, round, {
      type: 'failed',
      failure: refusalOf(response, 'register.forbidden'),
    });
  }
  // RFC 3261 §8.1.3.5: again, without the extensions that the registrar does not know.
  const refusedOptions = [...registration.refusedOptions, ...refusedTags];
  const outbound =
    sent.offersOutbound && refusedTags.includes('outbound') ? 'declined' : registration.outbound;
  return sendRegister({ ...registration, refusedOptions, outbound }, round, sent, env);
}

function refused(registration: Registration, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { sent, response } = exchange;
  if (namesCSeq(response) && !round.renewedCallId) {
    // behaviour.md §2: the registrar remembers a higher CSeq (a restored snapshot): a new Call-ID, once.
    return reserve(registration, { ...round, renewedCallId: true }, sent, true);
  }
  const twoContacts = sent.contactCount > 1 && !round.contactAlone;
  if (twoContacts && isComplaint(response)) {
    // Its Retry-After holds, whatever becomes of the next request.
    const passedOver = refusalOf(response, 'register.forbidden');
    return sendRegister(registration, { ...round, contactAlone: true, passedOver }, sent, env);
  }
  if (response.status === 439 && sent.offersOutbound) {
    // RFC 5626 §4.2.1: the first hop does not do outbound; it is registered without.
    return sendRegister({ ...registration, outbound: 'declined' }, round, sent, env);
  }
  const rejects = sent.authorized && !registration.credentialsWorked;
  const failure = refusalOf(response, rejects ? 'auth.rejected' : 'register.forbidden');
  if (response.status === 403 && rejects) {
    return rejectedCredentials(registration, round, exchange, failure);
  }
  // RFC 3263 §4.3, RFC 3261 §21.5.4: only a 503 sends us to the next target.
  if (response.status === 503) {
    const overloaded = [...round.overloaded, sent.target];
    const lastResort = round.lastResort ?? boundPlace(registration, round, sent, env);
    return failOver(registration, { ...round, overloaded, lastResort }, sent.target, failure, env);
  }
  return finish(registration, round, { type: 'failed', failure });
}

/** RFC 5626 §4.2.2: the flow of a binding that lasts is not torn down for a 503; null: it is another flow, or there is none. */
function boundPlace(
  { binding, way }: Registration,
  { onKeptFlow, datagramFlow }: Round,
  { flow, target }: SentRequest,
  { now }: Env,
): LastResort | null {
  if (!onKeptFlow || datagramFlow !== null || binding === null || now >= binding.endsAt) return null;
  return { place: { flow, target }, isOutdated: way.outdatedFlow };
}

/** The request may be what was wrong. RFC 5626 §11.5: 430 is for proxies; to who registers it says as much as 400. */
function isComplaint({ status }: SipResponse): boolean {
  return status === 400 || status === 430 || status === 500;
}

/** RFC 3581 §4, behaviour.md §15: how the registrar sees us, when that is not how we see ourselves. */
function learnPublicAddress(registration: Registration, { sent, response }: Exchange): Registration {
  const via = answeredVia(response);
  if (registration.plan.profile.nat === 'off' || via === null) return registration;
  const { seen } = via;
  if (seen.address !== null && !isUnicast(seen.address)) return registration;
  const { local } = sent.flow;
  const known = addressSeen(registration.publicAddress, local);
  const address = seen.address ?? known.address;
  const port = seen.port ?? known.port;
  const isOwn = port === local.port && sameHost(address, local.address);
  const publicAddress = isOwn ? null : { from: local, seen: { address, port } };
  return samePublicAddress(publicAddress, registration.publicAddress)
    ? registration
    : { ...registration, publicAddress };
}

function samePublicAddress(one: PublicAddress | null, other: PublicAddress | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    sameSocketAddress(one.seen, other.seen) &&
    one.from.address === other.from.address &&
    one.from.port === other.from.port
  );
}

// One round of REGISTER: from the wish ("register", "remove", "query") to its outcome, through name lookup, flow,
// request, challenges and second targets (RFC 3261 §10.2, §8.1.3; RFC 3263 §4.3). At most one request is under way at
// any time, by construction. What each final answer means for the round is in round-answers.ts; when the next round
// is due is none of its business (lifecycle.ts).

import type { Env } from '../env.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import { oncePerObject } from '../made-once.ts';
import { headerValue } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseCSeq } from '../sip/numbers.ts';
import { isReliable, sameTarget, type Target } from '../sip/transport.ts';
import type { SipUri } from '../sip/uri.ts';
import { answeredVia, viaCount } from '../sip/via.ts';
import { earliest, type Millis } from '../time.ts';
import { responseReceived, timePassed, transactionWakeAt } from '../transaction/client.ts';
import type { Effect } from './effect.ts';
import type { Goal, Input } from './input.ts';
import {
  changedWay,
  type Learned,
  NOTHING_LEARNED,
  type Registration,
  registrationDraft,
} from './registration.ts';
import { answerReceived, rejectionStands, secretReadAgain } from './round-answers.ts';
import { hopOf } from './round-opening.ts';
import { sendRegister } from './round-sending.ts';
import {
  finish,
  inPhase,
  newRound,
  type Phase,
  type Place,
  type Round,
  type RoundStep,
  roundDraft,
  type SentRequest,
  unchanged,
} from './round-state.ts';
import { failOver, resolutionFailed, resolveTargets, targetsResolved, withDetour } from './round-targets.ts';
import { foreignVia } from './tampering.ts';
import { withUnanswered } from './unanswered-contacts.ts';

/** A round that waits for something that never comes ends after this time; its own timers are far shorter. */
const LONGEST_ROUND_MS: Millis = 10 * 60_000;

type Awaiting = Extract<Phase, { name: 'awaiting' }>;

/** Begins a round. `deadlineAt` ends it, whatever it is doing then; `learned` is what the last 2xx said. */
export function startRound(
  registration: Registration,
  goal: Goal,
  env: Env,
  deadlineAt: Millis = env.now + LONGEST_ROUND_MS,
  learned: Learned = NOTHING_LEARNED,
): RoundStep {
  const round = newRound(goal, registrarUri(registration.plan.profile.registrar), deadlineAt, learned);
  const { flow, target, way } = registration;
  if (flow === null || target === null || way.redirected) return resolveTargets(registration, round);
  const place = { flow, target };
  // behaviour.md §12, §19: a better place is tried first, and this one is kept until it has been found.
  if (goal === 'register' && hasBetterPlace(registration, env)) {
    round.lastResort = { place, isOutdated: way.outdatedFlow };
    return resolveTargets(registration, round);
  }
  // RFC 3261 §10.2.4: a refresh goes to the address that took the registration, as long as its flow lives.
  round.onKeptFlow = true;
  return sendRegister(registration, round, place, env);
}

function hasBetterPlace({ way: { outdatedFlow, detour } }: Registration, env: Env): boolean {
  return outdatedFlow || (detour !== null && env.now >= detour.returnAt);
}

/** The only place in which a round moves. Inputs that belong to an earlier request change nothing. */
export function stepRound(registration: Registration, round: Round, input: Input, env: Env): RoundStep {
  const step = takeInput(registration, round, input, env);
  return step.round.phase.name === 'finished' ? withDetour(step, env) : step;
}

function takeInput(registration: Registration, round: Round, input: Input, env: Env): RoundStep {
  switch (input.type) {
    case 'targetsResolved':
      if (round.phase.name !== 'resolving') return unchanged(registration, round);
      return targetsResolved(registration, round, input, env);
    case 'resolutionFailed':
      if (round.phase.name !== 'resolving') return unchanged(registration, round);
      return resolutionFailed(registration, round, input.failure, env);
    case 'flowOpened':
      return flowOpened(registration, round, input, env);
    case 'flowFailed':
      return flowFailed(registration, round, input, env);
    case 'flowClosed':
      return flowClosed(registration, round, input.flowId, input.failure, env);
    case 'responseReceived':
      return responseArrived(registration, round, input, env);
    case 'cseqReserved':
      return cseqReserved(registration, round, input, env);
    case 'secretRead':
    case 'secretFailed':
      return secretReadAgain(registration, round, input, env);
    case 'timePassed':
      return roundTimePassed(registration, round, input.noise ?? null, env);
  }
}

/** The instant at which the round has something to do by itself. */
export function roundWakeAt(round: Round): Millis | undefined {
  if (round.phase.name === 'finished') return undefined;
  const transactionAt =
    round.phase.name === 'awaiting' ? transactionWakeAt(round.phase.transaction) : undefined;
  return earliest(round.deadlineAt, transactionAt);
}

/** RFC 3261 §10.2: the Request-URI of a REGISTER names the domain, without user and without parameters. */
const registrarUri = oncePerObject(({ scheme, host, port }: SipUri): SipUri => {
  return { scheme, user: null, password: null, host, port, params: [], headers: [] };
});

function flowOpened(
  registration: Registration,
  round: Round,
  { flow, target }: Extract<Input, { type: 'flowOpened' }>,
  env: Env,
): RoundStep {
  if (!isOpening(round, target)) return unchanged(registration, round);
  if (round.lastResort?.place.flow.id !== flow.id)
    return sendRegister(registration, round, { flow, target }, env);
  // The lookup led back to the flow that the binding is on: there is no better place, and nothing to come back to.
  return sendRegister(registration, { ...round, lastResort: null }, { flow, target }, env);
}

function isOpening({ phase }: Round, target: Target): boolean {
  return phase.name === 'opening' && sameTarget(phase.target, target);
}

function cseqReserved(
  registration: Registration,
  round: Round,
  { callId, firstCseq, lastCseq }: Extract<Input, { type: 'cseqReserved' }>,
  env: Env,
): RoundStep {
  // Numbers that come after the round was given up belong to the next one, which reserves its own.
  if (round.phase.name !== 'reserving') return unchanged(registration, round);
  const { fromTag, callId: before } = registration.identity;
  const ready = registrationDraft(registration);
  ready.identity = { callId, fromTag, cseq: firstCseq - 1, reservedThrough: lastCseq };
  // RFC 3261 §22.3: what was said to a proxy holds for one Call-ID.
  if (callId !== before) ready.sessions = registration.sessions.filter(({ terms }) => terms.kind === 'www');
  return sendRegister(ready, round, round.phase.place, env);
}

function flowFailed(
  registration: Registration,
  round: Round,
  { target, failure }: Extract<Input, { type: 'flowFailed' }>,
  env: Env,
): RoundStep {
  if (!isOpening(round, target)) return unchanged(registration, round);
  return targetFailed(registration, round, target, failure, env);
}

function flowClosed(
  registration: Registration,
  round: Round,
  flowId: number,
  failure: Failure,
  env: Env,
): RoundStep {
  const place = placeOf(round.phase);
  if (place?.flow.id === flowId)
    return targetFailed(withDoubt(registration, round), round, place.target, failure, env);
  // Nothing is under way on it, but nothing may be sent on it later.
  const isOurs = registration.flow?.id === flowId;
  const lastResort = round.lastResort?.place.flow.id === flowId ? null : round.lastResort;
  const flowless = isOurs ? { ...registration, flow: null, target: null } : registration;
  return unchanged(flowless, { ...round, lastResort });
}

/** Where the request of this phase goes or has gone; null in a phase without one. */
function placeOf(phase: Phase): Place | null {
  if (phase.name === 'reserving') return phase.place;
  return phase.name === 'awaiting' ? phase.sent : null;
}

function targetFailed(
  registration: Registration,
  round: Round,
  target: Target,
  failure: Failure,
  env: Env,
): RoundStep {
  const flow = round.datagramFlow;
  if (flow === null) return failOver(registration, round, target, failure, env);
  // RFC 3261 §18.1.1: the stream was only for the size, and is not to be had; so it goes by UDP after all. Later requests
  // over the same flow do not ask again: a firewall would cost each of them seconds.
  const place = { flow, target: { ...target, transport: flow.transport } };
  const way = changedWay(registration.way, { streamlessFlow: flow.id });
  return sendRegister({ ...registration, way }, { ...round, datagramFlow: null }, place, env);
}

function responseArrived(
  registration: Registration,
  round: Round,
  input: Extract<Input, { type: 'responseReceived' }>,
  env: Env,
): RoundStep {
  const { phase } = round;
  if (phase.name !== 'awaiting') return unchanged(registration, round);
  const strange = foreignVia(input.response, phase.sent);
  if (strange !== null) return foreignViaCame(registration, round, strange);
  if (!answers(input.response, phase.sent)) return unchanged(registration, round);
  const step = responseReceived(phase.transaction, input.response.status, env.now);
  if (step.event !== 'final') {
    const { sent } = phase;
    return unchanged(registration, inPhase(round, { name: 'awaiting', sent, transaction: step.transaction }));
  }
  // The transaction ends here. Copies of the response that come later match no branch and are dropped as strays, so
  // Timer K needs no alarm of its own.
  const timed = roundDraft(round);
  timed.roundTripMs = input.roundTripMs;
  return answerReceived(registration, timed, { sent: phase.sent, response: input.response }, env);
}

/** RFC 3261 §18.1.2: an answer that names another sender is not for us, and dropped; why it does should be known. */
function foreignViaCame(registration: Registration, round: Round, text: string): RoundStep {
  const { way } = registration;
  const effects: readonly Effect[] = way.toldTampering ? [] : [{ type: 'warn', text }];
  return {
    registration: { ...registration, way: changedWay(way, { toldTampering: true }) },
    round: { ...round, sawForeignVia: true },
    effects,
  };
}

/** RFC 3261 §17.1.3: branch and CSeq method tell whose response it is; §8.1.3.3: several Vias are not for us. */
function answers(response: SipResponse, { branch }: SentRequest): boolean {
  if (answeredVia(response)?.branch !== branch || viaCount(response) !== 1) return false;
  const cseq = parseCSeq(headerValue(response.headers, 'CSeq') ?? '');
  return cseq.ok && cseq.value.method === 'REGISTER';
}

function roundTimePassed(
  registration: Registration,
  round: Round,
  noise: string | null,
  env: Env,
): RoundStep {
  const { phase } = round;
  if (env.now >= round.deadlineAt) return outOfTime(registration, round, noise);
  if (phase.name !== 'awaiting') return unchanged(registration, round);
  const { transaction, event } = timePassed(phase.transaction, env.now);
  const { sent } = phase;
  const next = inPhase(round, { name: 'awaiting', sent, transaction });
  if (event === 'retransmit') {
    const { flow, branch, bytes } = sent;
    return {
      registration,
      round: next,
      effects: [{ type: 'send', flowId: flow.id, branch, bytes, repeated: true }],
    };
  }
  if (event === 'timedOut') return timedOut(registration, next, phase, noise, env);
  return unchanged(registration, next);
}

function timedOut(
  registration: Registration,
  round: Round,
  phase: Awaiting,
  noise: string | null,
  env: Env,
): RoundStep {
  const failure = noAnswer(phase, round, noise, 'within 32 s');
  const { flow, target, sentAt } = phase.sent;
  const doubted = withDoubt(registration, round);
  // A stream on which nothing comes back is dead, even if it does not know: the next request needs a new one.
  const closing: readonly Effect[] = isReliable(flow.transport)
    ? [{ type: 'closeFlow', flowId: flow.id, silentSince: sentAt }]
    : [];
  // RFC 3263 §4.3 with RFC 3261 §17.1.2.2: after a provisional response the server is there, and the next would not
  // know more (checklist R234).
  const step =
    phase.transaction.name === 'proceeding'
      ? finish(doubted, { ...round, remaining: [] }, { type: 'failed', failure })
      : failOver(doubted, round, target, failure, env);
  return { ...step, effects: [...closing, ...step.effects] };
}

/** No answer came, or will come, to the request of this phase: the Contact that it was to bind may be bound or not. */
function withDoubt(registration: Registration, { goal, phase }: Round): Registration {
  const contact = phase.name === 'awaiting' && goal === 'register' ? phase.sent.contact : null;
  const { boundContact, way } = registration;
  if (contact === null || contact.text === boundContact) return registration;
  const unanswered = withUnanswered(way.unanswered, contact.text);
  return { ...registration, way: changedWay(way, { unanswered }) };
}

/** What silence means, and what came in its place: `noise` is no SIP. */
function noAnswer(
  { sent: { target }, transaction }: Awaiting,
  { sawForeignVia }: Round,
  noise: string | null,
  late: string,
): Failure {
  const where = `${target.address} port ${target.port} over ${target.transport.toUpperCase()}`;
  if (transaction.name === 'proceeding') {
    const cause = `the registrar at ${where} began to work on the request and then sent no final answer ${late}`;
    return failureOf('register.timeout', cause);
  }
  if (sawForeignVia) {
    const cause = `no answer that can be taken from ${where} ${late}: what came had a Via that is not ours`;
    return failureOf('register.timeout', cause);
  }
  return noise === null
    ? failureOf('register.timeout', `no answer from ${where} ${late}`)
    : failureOf('register.not-sip', `no SIP answer from ${where} ${late}; what came was ${noise}`);
}

function outOfTime(registration: Registration, round: Round, noise: string | null): RoundStep {
  if (round.phase.name === 'rereading')
    return rejectionStands(registration, round, round.phase.rejection.failure);
  const failure = lateness(registration, round, noise);
  return finish(withDoubt(registration, round), round, { type: 'failed', failure });
}

/** What the round was waiting for when its time was over. */
function lateness(registration: Registration, round: Round, noise: string | null): Failure {
  const { phase } = round;
  const late = 'within the time that there was';
  switch (phase.name) {
    case 'opening':
      return failureOf('connect.timeout', `${phase.target.address} did not take the connection ${late}`);
    case 'awaiting':
      return noAnswer(phase, round, noise, late);
    case 'reserving':
      return failureOf('internal.bug', `the state directory did not take the CSeq numbers ${late}`);
    default:
      return failureOf('dns.timeout', `no DNS answer for ${hopOf(registration, round).host} ${late}`);
  }
}

// The state of one round of REGISTER (round.ts moves it): what it is for, what it waits for, and what it has already
// tried, so that nothing is tried twice.

import type { Credential } from '../digest/algorithm.ts';
import type { Draft } from '../draft.ts';
import { printable } from '../health/evidence.ts';
import type { Failure } from '../health/verdict.ts';
import type { SipResponse } from '../sip/message.ts';
import type { Target } from '../sip/transport.ts';
import { formatUri, type SipUri } from '../sip/uri.ts';
import type { Millis } from '../time.ts';
import type { ClientTransaction } from '../transaction/client.ts';
import { type ChallengeHistory, NO_CHALLENGES } from './challenge-answer.ts';
import type { OwnUri } from './contact.ts';
import type { Effect, Outcome } from './effect.ts';
import type { Goal } from './input.ts';
import type { FlowRef, Learned, Registration } from './registration.ts';

/** A request that is on its way. */
export type SentRequest = {
  readonly flow: FlowRef;
  readonly target: Target;
  readonly branch: string;
  readonly bytes: Uint8Array;
  readonly sentAt: Millis;
  /** Our own Contact in it; null when it had none of ours. */
  readonly contact: OwnUri | null;
  /** RFC 5626: its Contact has a reg-id. */
  readonly offersOutbound: boolean;
  readonly contactCount: number;
  /** Seconds asked for. */
  readonly requested: number;
  readonly authorized: boolean;
};

/** A request and what answered it. */
export type Exchange = { readonly sent: SentRequest; readonly response: SipResponse };

/** Where to send: a flow and its target. */
export type Place = { readonly flow: FlowRef; readonly target: Target };

/** The flow that the binding is on, while a round tries another; `isOutdated`: whatever comes, it should be replaced some
 * time. */
export type LastResort = { readonly place: Place; readonly isOutdated: boolean };

/** What the round waits for. */
export type Phase =
  | { readonly name: 'resolving' }
  | { readonly name: 'opening'; readonly target: Target }
  /** CSeq numbers are made durable before the request may leave at `place`. */
  | { readonly name: 'reserving'; readonly place: Place }
  | {
      readonly name: 'awaiting';
      readonly sent: SentRequest;
      readonly transaction: ClientTransaction;
    }
  /** Credentials were rejected, or missing; every secret is read again before that counts. */
  | { readonly name: 'rereading'; readonly sent: SentRequest; readonly rejection: Rejection }
  | { readonly name: 'finished' };

/** The answer that refused our credentials or asked for others, and what it means if they have not changed. */
export type Rejection = {
  readonly response: SipResponse;
  readonly failure: Failure;
  /** What was refused; the account's own may be others by the time that the secrets are read. */
  readonly credentials: readonly Credential[];
};

export type Round = {
  readonly goal: Goal;
  readonly phase: Phase;
  /** When the round is given up, whatever it waits for. */
  readonly deadlineAt: Millis;
  readonly requestUri: SipUri;
  /** Targets that were not tried yet, best first. */
  readonly remaining: readonly Target[];
  /** The UDP flow to come back to while a stream is used only for the size of the request (RFC 3261 §18.1.1). */
  readonly datagramFlow: FlowRef | null;
  readonly requests: number;
  /** Round trip of the last answer, in milliseconds. */
  readonly roundTripMs: Millis | null;
  readonly challenges: ChallengeHistory;
  readonly rereadSecret: boolean;
  /** How often a 423 raised the interval. */
  readonly raises: number;
  /** A 423 without a usable Min-Expires was answered by doubling, once. */
  readonly doubledInterval: boolean;
  readonly renewedCallId: boolean;
  /** Two Contacts were refused: the new one goes alone. */
  readonly contactAlone: boolean;
  /** The flow on which a changed public address was followed: once on each, so that no NAT keeps a round going. */
  readonly followedOn: FlowRef['id'] | null;
  /** Request-URIs of this round, against redirect loops (RFC 3261 §8.1.3.4). */
  readonly visited: readonly SipUri[];
  /** Targets that answered 503: they are not asked again in this round. */
  readonly overloaded: readonly Target[];
  /** The latest failure over which the round went on, to another target or with its Contact alone. */
  readonly passedOver: Failure | null;
  /** The flow of an earlier round was tried first; when it fails, the targets are looked up afresh. */
  readonly onKeptFlow: boolean;
  /** Where the binding is, while a better place is tried, or another because this one answered 503: make before break. */
  readonly lastResort: LastResort | null;
  /** Until when a better target than the present one stands back, because it failed; null: there is no better one. */
  readonly deferredUntil: Millis | null;
  /** An answer came whose Via somebody between us and the registrar had changed. */
  readonly sawForeignVia: boolean;
  /** What the 2xx before said besides the bindings: the next mostly says the same. */
  readonly learned: Learned;
};

export type RoundStep = {
  readonly registration: Registration;
  readonly round: Round;
  readonly effects: readonly Effect[];
};

/** A round that has not done anything yet. */
export function newRound(goal: Goal, requestUri: SipUri, deadlineAt: Millis, learned: Learned): Draft<Round> {
  return {
    goal,
    phase: RESOLVING,
    deadlineAt,
    requestUri,
    remaining: NO_TARGETS,
    datagramFlow: null,
    requests: 0,
    roundTripMs: null,
    challenges: NO_CHALLENGES,
    rereadSecret: false,
    raises: 0,
    doubledInterval: false,
    renewedCallId: false,
    contactAlone: false,
    followedOn: null,
    visited: [requestUri],
    overloaded: NO_TARGETS,
    passedOver: null,
    onKeptFlow: false,
    lastResort: null,
    deferredUntil: null,
    sawForeignVia: false,
    learned,
  };
}

/** A copy that its maker may still change (draft.ts). */
export function roundDraft(round: Round): Draft<Round> {
  return {
    goal: round.goal,
    phase: round.phase,
    deadlineAt: round.deadlineAt,
    requestUri: round.requestUri,
    remaining: round.remaining,
    datagramFlow: round.datagramFlow,
    requests: round.requests,
    roundTripMs: round.roundTripMs,
    challenges: round.challenges,
    rereadSecret: round.rereadSecret,
    raises: round.raises,
    doubledInterval: round.doubledInterval,
    renewedCallId: round.renewedCallId,
    contactAlone: round.contactAlone,
    followedOn: round.followedOn,
    visited: round.visited,
    overloaded: round.overloaded,
    passedOver: round.passedOver,
    onKeptFlow: round.onKeptFlow,
    lastResort: round.lastResort,
    deferredUntil: round.deferredUntil,
    sawForeignVia: round.sawForeignVia,
    learned: round.learned,
  };
}

/** The round in its next phase. */
export function inPhase(round: Round, phase: Phase): Draft<Round> {
  const next = roundDraft(round);
  next.phase = phase;
  return next;
}

/** Ends the round. */
export function finish(registration: Registration, round: Round, outcome: Outcome): RoundStep {
  const told = outcome.type === 'failed' ? { ...outcome, failure: inFull(outcome.failure, round) } : outcome;
  return {
    registration,
    round: inPhase(round, FINISHED),
    effects: [{ type: 'finished', outcome: told }],
  };
}

export const RESOLVING: Phase = { name: 'resolving' };
const FINISHED: Phase = { name: 'finished' };
const NO_TARGETS: readonly Target[] = [];

/** The round's failure, with the redirections that led there, and the Retry-After of a target that was passed over, which
 * holds whatever the last one said (RFC 3261 §20.33). */
function inFull(failure: Failure, { visited, passedOver }: Round): Failure {
  const floor = passedOver?.retryAfterSeconds ?? 0;
  const retryAfterSeconds = floor > (failure.retryAfterSeconds ?? 0) ? floor : failure.retryAfterSeconds;
  const way = visited.map(placeText).join(' to ');
  const cause = visited.length === 1 ? failure.cause : `${failure.cause}; a redirection led from ${way}`;
  return { ...failure, cause, retryAfterSeconds };
}

/** Without parameters: what they are is the registrar's business. */
function placeText(uri: SipUri): string {
  return printable(formatUri({ ...uri, params: [] }));
}

/** The same state again: the input changes nothing. */
export function unchanged(registration: Registration, round: Round): RoundStep {
  return { registration, round, effects: NO_EFFECTS };
}

const NO_EFFECTS: readonly Effect[] = [];

// What keeps one flow open and finds out that it is dead (RFC 5626 §4.4), as a pure machine: CRLF pings, CRLF
// datagrams, STUN Binding requests or OPTIONS, one at a time. Silence is a loss only where an answer was promised, or
// has come before: many a registrar answers no keep-alive at all, and its flows are sound (behaviour.md 16).

import { assert } from '../assert.ts';
import { type Failure, failureOf, type VerdictCode } from '../health/verdict.ts';
import type { Rng } from '../rng.ts';
import { addressText, sameSocketAddress } from '../sip/ip.ts';
import { isReliable, type SocketAddress, type Transport } from '../sip/transport.ts';
import { bindingRequest } from '../stun/binding.ts';
import type { StunMessage } from '../stun/message.ts';
import type { Millis } from '../time.ts';
import {
  type ClientTransaction,
  responseReceived,
  startTransaction,
  timePassed,
  transactionWakeAt,
} from '../transaction/client.ts';
import { TIMER_F } from '../transaction/timers.ts';
import { PING } from './crlf.ts';
import {
  intervalOf,
  isPromised,
  type KeepaliveMethod,
  type KeepaliveTerms,
  methodOf,
  randomInterval,
} from './terms.ts';

/** A keep-alive that waits for its answer. */
type Outstanding =
  | { readonly type: 'ping'; readonly sentAt: Millis; readonly failsAt: Millis }
  | {
      readonly type: 'stun';
      readonly sentAt: Millis;
      readonly transactionId: string;
      readonly bytes: Uint8Array;
      readonly sends: number;
      /** The next copy, or after the last one the end. */
      readonly nextAt: Millis;
    }
  | {
      readonly type: 'options';
      readonly sentAt: Millis;
      readonly branch: string;
      readonly bytes: Uint8Array;
      readonly transaction: ClientTransaction;
    };

/** The keep-alive of one flow. */
export type Keepalive = {
  readonly transport: Transport;
  readonly remote: SocketAddress;
  readonly terms: KeepaliveTerms;
  /** One was answered on this flow: from now on silence is a loss. */
  readonly hasAnswered: boolean;
  /** Where the flow comes from, as the first STUN answer said. */
  readonly mapped: SocketAddress | null;
  readonly outstanding: Outstanding | null;
  /** When the next one is due; it waits for the outstanding one. Undefined: none, or the flow has failed. */
  readonly nextAt: Millis | undefined;
};

export type KeepaliveInput =
  | { readonly type: 'termsChanged'; readonly terms: KeepaliveTerms }
  /** What `makeOptions` asked for; null: there is nobody in whose name it could be sent. */
  | { readonly type: 'optionsMade'; readonly request: OptionsRequest | null }
  /** A CRLF came on a stream. */
  | { readonly type: 'pong' }
  /** Came from the flow's remote address. */
  | { readonly type: 'stunReceived'; readonly message: StunMessage }
  | { readonly type: 'responseReceived'; readonly branch: string; readonly status: number }
  /** A whole SIP message came. */
  | { readonly type: 'messageReceived' }
  | { readonly type: 'timePassed' }
  /** The machine slept, or a request got no answer: nobody knows what has become of the flow. */
  | { readonly type: 'doubted' };

export type OptionsRequest = { readonly branch: string; readonly bytes: Uint8Array };

export type KeepaliveEffect =
  | {
      readonly type: 'send';
      readonly method: KeepaliveMethod;
      readonly bytes: Uint8Array;
      readonly repeated: boolean;
    }
  | { readonly type: 'makeOptions' }
  /** `first`: on this flow (RFC 5626 §4.5 counts the flow as successful from then on). */
  | {
      readonly type: 'answered';
      readonly method: KeepaliveMethod;
      readonly first: boolean;
      readonly roundTripMs: Millis;
    }
  /** The flow's public address is known now. */
  | { readonly type: 'mapped'; readonly address: SocketAddress }
  /** No answer came, and none was promised. */
  | { readonly type: 'unanswered'; readonly cause: string }
  | { readonly type: 'failed'; readonly failure: Failure };

export type KeepaliveStep = { readonly keepalive: Keepalive; readonly effects: readonly KeepaliveEffect[] };

/** What a step may not make itself. */
export type KeepaliveEnv = { readonly now: Millis; readonly rng: Rng };

/** A keep-alive for a flow that has just opened; the first one goes out one interval later. */
export function startKeepalive(
  flow: { readonly transport: Transport; readonly remote: SocketAddress },
  terms: KeepaliveTerms,
  env: KeepaliveEnv,
): Keepalive {
  const { transport, remote } = flow;
  const keepalive = { transport, remote, terms, hasAnswered: false, mapped: null, outstanding: null };
  return { ...keepalive, nextAt: nextKeepaliveAt(transport, terms, env) };
}

/** When `timePassed` has something to do; undefined: never. */
export function keepaliveWakeAt({ outstanding, nextAt }: Keepalive): Millis | undefined {
  switch (outstanding?.type) {
    case undefined:
      return nextAt;
    case 'ping':
      return outstanding.failsAt;
    case 'stun':
      return outstanding.nextAt;
    case 'options':
      return transactionWakeAt(outstanding.transaction);
  }
}

/** Takes one input. */
export function stepKeepalive(keepalive: Keepalive, input: KeepaliveInput, env: KeepaliveEnv): KeepaliveStep {
  switch (input.type) {
    case 'termsChanged':
      return unchanged(withTerms(keepalive, input.terms, env));
    case 'optionsMade':
      return input.request === null
        ? begin(keepalive, plainMethod(keepalive), env)
        : ask(keepalive, input.request, env);
    case 'pong':
      return keepalive.outstanding?.type === 'ping' ? answered(keepalive, env) : unchanged(keepalive);
    case 'stunReceived':
      return takeStun(keepalive, input.message, env);
    case 'responseReceived':
      return takeResponse(keepalive, input, env);
    case 'messageReceived':
      return unchanged(withPatience(keepalive, env.now));
    case 'timePassed':
      return passTime(keepalive, env);
    case 'doubted':
      // What was under way then says nothing any more: the next one asks at once.
      return unchanged(
        keepalive.nextAt === undefined ? keepalive : { ...keepalive, outstanding: null, nextAt: env.now },
      );
  }
}

function nextKeepaliveAt(
  transport: Transport,
  terms: KeepaliveTerms,
  { now, rng }: KeepaliveEnv,
): Millis | undefined {
  const method = methodOf(transport, terms);
  return method === null ? undefined : now + randomInterval(intervalOf(transport, method, terms), rng);
}

/** A refresh that says the same as the one before moves nothing: else it might put the next one off for ever. */
function withTerms(keepalive: Keepalive, terms: KeepaliveTerms, env: KeepaliveEnv): Keepalive {
  if (terms === keepalive.terms) return keepalive;
  const { transport } = keepalive;
  const before = methodOf(transport, keepalive.terms);
  const method = methodOf(transport, terms);
  if (method === null) return { ...keepalive, terms, outstanding: null, nextAt: undefined };
  const { lowMs, highMs } = intervalOf(transport, method, terms);
  const was = before === null ? null : intervalOf(transport, before, keepalive.terms);
  if (before === method && was?.lowMs === lowMs && was.highMs === highMs) return { ...keepalive, terms };
  const outstanding = before === method ? keepalive.outstanding : null;
  const nextAt = Math.min(
    keepalive.nextAt ?? Number.POSITIVE_INFINITY,
    env.now + randomInterval({ lowMs, highMs }, env.rng),
  );
  return { ...keepalive, terms, outstanding, nextAt };
}

function passTime(keepalive: Keepalive, env: KeepaliveEnv): KeepaliveStep {
  const { outstanding, nextAt } = keepalive;
  const wakeAt = keepaliveWakeAt(keepalive);
  if (wakeAt === undefined || env.now < wakeAt) return unchanged(keepalive);
  switch (outstanding?.type) {
    case undefined: {
      const method = methodOf(keepalive.transport, keepalive.terms);
      assert(method !== null && nextAt !== undefined, 'who is not kept open is never due');
      return begin(keepalive, method, env);
    }
    case 'ping':
      return silent(keepalive, `no CRLF answered the ping within ${PONG_LIMIT_MS / 1000} s`);
    case 'stun':
      return repeatStun(keepalive, outstanding, env);
    case 'options':
      return passTransaction(keepalive, outstanding, env);
  }
}

/** Sends the next keep-alive. */
function begin(keepalive: Keepalive, method: KeepaliveMethod, env: KeepaliveEnv): KeepaliveStep {
  const { now, rng } = env;
  const waiting = { ...keepalive, nextAt: nextKeepaliveAt(keepalive.transport, keepalive.terms, env) };
  switch (method) {
    case 'options':
      return { keepalive: waiting, effects: [{ type: 'makeOptions' }] };
    case 'datagram':
      return { keepalive: waiting, effects: [sending(method, PING)] };
    case 'ping': {
      const outstanding: Outstanding = { type: 'ping', sentAt: now, failsAt: now + PONG_LIMIT_MS };
      return { keepalive: { ...waiting, outstanding }, effects: [sending(method, PING)] };
    }
    case 'stun': {
      const request = bindingRequest(rng);
      const outstanding: Outstanding = {
        type: 'stun',
        sentAt: now,
        sends: 1,
        nextAt: now + STUN_RTO_MS,
        ...request,
      };
      return { keepalive: { ...waiting, outstanding }, effects: [sending(method, request.bytes)] };
    }
  }
}

/** The method that needs no account: for OPTIONS that nobody could send. */
function plainMethod({ transport }: Keepalive): KeepaliveMethod {
  return isReliable(transport) ? 'ping' : 'datagram';
}

function ask(keepalive: Keepalive, request: OptionsRequest, { now }: KeepaliveEnv): KeepaliveStep {
  const transaction = startTransaction(isReliable(keepalive.transport), now);
  const outstanding: Outstanding = { type: 'options', sentAt: now, transaction, ...request };
  return { keepalive: { ...keepalive, outstanding }, effects: [sending('options', request.bytes)] };
}

/** RFC 5389 §7.2.1: RTO doubles from copy to copy; after the seventh an answer has 16 RTO to come. */
function repeatStun(
  keepalive: Keepalive,
  outstanding: Extract<Outstanding, { type: 'stun' }>,
  env: KeepaliveEnv,
): KeepaliveStep {
  if (outstanding.sends === STUN_SENDS) {
    return silent(keepalive, `none of ${STUN_SENDS} STUN requests was answered`);
  }
  const sends = outstanding.sends + 1;
  const waitMs = STUN_RTO_MS * (sends === STUN_SENDS ? STUN_LAST_WAIT : 2 ** (sends - 1));
  return {
    keepalive: { ...keepalive, outstanding: { ...outstanding, sends, nextAt: env.now + waitMs } },
    effects: [sending('stun', outstanding.bytes, true)],
  };
}

function passTransaction(
  keepalive: Keepalive,
  outstanding: Extract<Outstanding, { type: 'options' }>,
  env: KeepaliveEnv,
): KeepaliveStep {
  const { transaction, event } = timePassed(outstanding.transaction, env.now);
  if (event === 'timedOut') {
    return silent(keepalive, `nothing answered OPTIONS within ${TIMER_F / 1000} s`);
  }
  const effects = event === 'retransmit' ? [sending('options', outstanding.bytes, true)] : [];
  return { keepalive: { ...keepalive, outstanding: { ...outstanding, transaction } }, effects };
}

/** RFC 5389 §7.3: only an answer to our own request counts. */
function takeStun(keepalive: Keepalive, message: StunMessage, env: KeepaliveEnv): KeepaliveStep {
  const { outstanding, mapped } = keepalive;
  const isAnswer = message.type === 'success' || message.type === 'error';
  if (!isAnswer || outstanding?.type !== 'stun' || message.transactionId !== outstanding.transactionId) {
    return unchanged(keepalive);
  }
  if (message.type === 'error') {
    return silent(keepalive, `the STUN request was refused with ${message.code ?? 'no code'}`);
  }
  if (message.unknown.length > 0) {
    return silent(keepalive, 'the STUN answer has attributes that cannot be understood');
  }
  if (mapped === null || message.mapped === null) return answered(keepalive, env, message.mapped);
  if (sameSocketAddress(mapped, message.mapped)) return answered(keepalive, env);
  const cause = `the public address changed from ${addressText(mapped)} to ${addressText(message.mapped)}`;
  return failed(keepalive, 'connect.mapping-changed', cause);
}

/** Any final response is a sign of life, also 401, 404 and 405. */
function takeResponse(
  keepalive: Keepalive,
  { branch, status }: { readonly branch: string; readonly status: number },
  env: KeepaliveEnv,
): KeepaliveStep {
  const { outstanding } = keepalive;
  if (outstanding?.type !== 'options' || outstanding.branch !== branch) return unchanged(keepalive);
  const { transaction, event } = responseReceived(outstanding.transaction, status, env.now);
  if (event === 'final') return answered(keepalive, env);
  return unchanged({ ...keepalive, outstanding: { ...outstanding, transaction } });
}

/** RFC 5626 §4.4.1: a message that is being received may stand before the pong. Not for ever: it may also be that
 * the other side only talks. */
function withPatience(keepalive: Keepalive, now: Millis): Keepalive {
  const { outstanding } = keepalive;
  if (outstanding?.type !== 'ping') return keepalive;
  const failsAt = Math.min(now + PONG_LIMIT_MS, outstanding.sentAt + LONGEST_PATIENCE_MS);
  return { ...keepalive, outstanding: { ...outstanding, failsAt } };
}

function answered(
  keepalive: Keepalive,
  { now }: KeepaliveEnv,
  mapped: SocketAddress | null = null,
): KeepaliveStep {
  const { outstanding, hasAnswered } = keepalive;
  assert(outstanding !== null, 'only what was asked is answered');
  const roundTripMs = now - outstanding.sentAt;
  const { type: method } = outstanding;
  return {
    keepalive: { ...keepalive, hasAnswered: true, outstanding: null, mapped: mapped ?? keepalive.mapped },
    effects: [
      { type: 'answered', method, first: !hasAnswered, roundTripMs },
      ...(mapped === null ? [] : [{ type: 'mapped', address: mapped } as const]),
    ],
  };
}

/** Whether a keep-alive that stays unanswered says that the flow is dead. */
export function isTelling(keepalive: Keepalive): boolean {
  return keepalive.nextAt !== undefined && isSilenceLoss(keepalive);
}

function isSilenceLoss({ hasAnswered, terms }: Keepalive): boolean {
  return hasAnswered || isPromised(terms.promise);
}

/** The answer did not come, or is none: the end of the flow if there should have been one. */
function silent(keepalive: Keepalive, cause: string): KeepaliveStep {
  if (isSilenceLoss(keepalive)) {
    return failed(keepalive, 'connect.no-pong', cause);
  }
  return { keepalive: { ...keepalive, outstanding: null }, effects: [{ type: 'unanswered', cause }] };
}

function failed(keepalive: Keepalive, code: VerdictCode, cause: string): KeepaliveStep {
  const failure = failureOf(code, `on the connection to ${addressText(keepalive.remote)} ${cause}`);
  return {
    keepalive: { ...keepalive, outstanding: null, nextAt: undefined },
    effects: [{ type: 'failed', failure }],
  };
}

function unchanged(keepalive: Keepalive): KeepaliveStep {
  return { keepalive, effects: [] };
}

function sending(method: KeepaliveMethod, bytes: Uint8Array, repeated = false): KeepaliveEffect {
  return { type: 'send', method, bytes, repeated };
}

/** RFC 5626 §4.4.1. */
const PONG_LIMIT_MS: Millis = 10_000;
/** As long as one message may take on a stream. */
const LONGEST_PATIENCE_MS: Millis = 30_000;
/** RFC 5389 §7.2.1: RTO, Rc and Rm. */
const STUN_RTO_MS: Millis = 500;
const STUN_SENDS = 7;
const STUN_LAST_WAIT = 16;

// Where a round sends to: the next hop, its targets in order, and the next one when a target does not serve us
// (RFC 3261 §8.1.2, RFC 3263 §4.3).

import { type Failure, failureOf } from '../health/verdict.ts';
import { type Hop, nextHop } from '../resolve/hop.ts';
import type { Target } from '../sip/transport.ts';
import type { SipUri } from '../sip/uri.ts';
import type { Millis } from '../time.ts';
import { elsewhere } from './challenge-answer.ts';
import type { FlowRef, Registration } from './registration.ts';
import { finish, type Round, type RoundStep } from './round-state.ts';

/** How long a connection may take to come about; 4 s when it is only for the size of the request. */
const CONNECT_TIMEOUT_MS: Millis = 10_000;
const SIZE_FORCED_CONNECT_TIMEOUT_MS: Millis = 4_000;

/** Looks up where `round.requestUri` (or the first Route) leads. */
export function resolveTargets(registration: Registration, round: Round): RoundStep {
  const hop = hopOf(registration, round);
  return {
    registration,
    round: { ...round, phase: { name: 'resolving' }, onKeptFlow: false },
    effects: [{ type: 'resolve', hop }],
  };
}

/** The lookup came back: the first target is opened, but none that has just answered 503 (RFC 3263 §4.3). */
export function targetsResolved(
  registration: Registration,
  round: Round,
  targets: readonly Target[],
): RoundStep {
  const remaining = targets.filter((target) => !round.overloaded.some((one) => sameTarget(one, target)));
  return openNext(registration, { ...round, remaining }, round.passedOver ?? noTarget(registration, round));
}

/** Whether both are the same place. */
export function sameTarget(a: Target, b: Target): boolean {
  return a.transport === b.transport && a.address === b.address && a.port === b.port;
}

function noTarget(registration: Registration, round: Round): Failure {
  const { host } = hopOf(registration, round);
  return failureOf('dns.no-address', `${host} has no address that this host can use`);
}

/** Opens a flow to the next target; without one, the round ends with `failure`. */
export function openNext(registration: Registration, round: Round, failure: Failure): RoundStep {
  const [target, ...remaining] = round.remaining;
  if (target === undefined) return finish(registration, round, { type: 'failed', failure });
  const fresh = { ...round, remaining, datagramFlow: null, streamRefused: false };
  return open(registration, fresh, target, CONNECT_TIMEOUT_MS);
}

/** RFC 3261 §18.1.1: opens a stream to `target`, because the request is too large for the datagrams of `flow`. */
export function openStreamForSize(
  registration: Registration,
  round: Round,
  target: Target,
  flow: FlowRef,
): RoundStep {
  const larger = { ...round, datagramFlow: flow };
  return open(registration, larger, { ...target, transport: 'tcp' }, SIZE_FORCED_CONNECT_TIMEOUT_MS);
}

function open(registration: Registration, round: Round, target: Target, connectTimeoutMs: Millis): RoundStep {
  return {
    registration,
    round: { ...round, phase: { name: 'opening', target } },
    effects: [{ type: 'openFlow', target, domain: hopOf(registration, round).domain, connectTimeoutMs }],
  };
}

/** The target did not serve us: the next one, after a kept flow a fresh lookup, else the end (RFC 3263 §4.3). */
export function failOver(registration: Registration, round: Round, failure: Failure): RoundStep {
  const flowless = { ...registration, flow: null, target: null };
  // Another server may not know the nonces of the first: its challenge is no rejection yet.
  const passedOver = withLongerWait(failure, round.passedOver);
  const next = { ...round, challenges: elsewhere(round.challenges), passedOver };
  return round.onKeptFlow ? resolveTargets(flowless, next) : openNext(flowless, next, failure);
}

/** `failure`, with the Retry-After of the one before it where that is longer. */
function withLongerWait(failure: Failure, before: Failure | null): Failure {
  const seconds = Math.max(failure.retryAfterSeconds ?? 0, before?.retryAfterSeconds ?? 0);
  return { ...failure, retryAfterSeconds: seconds > 0 ? seconds : null };
}

/** The next hop of the round's request, before DNS. */
export function hopOf(registration: Registration, round: Round): Hop {
  const { plan } = registration;
  // RFC 3261 §8.1.2: the top Route decides, but a sips Request-URI makes it TLS.
  const uri = plan.proxies[0] ?? hopUri(registration, round);
  return nextHop(uri, plan.transport, round.requestUri.scheme === 'sips');
}

/** The registrar's own parameters (transport, maddr) choose the target, though the Request-URI leaves them out. */
function hopUri(registration: Registration, round: Round): SipUri {
  return round.visited.length === 1 ? registration.plan.registrar : round.requestUri;
}

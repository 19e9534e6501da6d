// A registration as the outside sees it: the one place where state becomes a snapshot (interface.md, "One account as
// JSON"). Instants become dates by a function of the shell, because the core knows no calendar.

import type { Standpoint } from '../health/condition.ts';
import { printable } from '../health/evidence.ts';
import type {
  AccountGlance,
  AccountSnapshot,
  AccountState,
  ExpiresSnapshot,
  FailureSnapshot,
  FlowSnapshot,
  TargetSnapshot,
} from '../health/snapshot.ts';
import { formatUri } from '../sip/uri.ts';
import { earliest, type Millis } from '../time.ts';
import type { Lifecycle } from './lifecycle-state.ts';
import { asReported, type Registration } from './registration.ts';

/** An instant as RFC 3339 UTC. */
export type DateOf = (instant: Millis) => string;

/**
 * The snapshot of an account: one lifecycle for each of its flows, in the order of their reg-ids. It holds no secret:
 * neither credentials nor sessions are read but for their names.
 */
export function describe(flows: readonly [Lifecycle, ...Lifecycle[]], dateOf: DateOf): AccountSnapshot {
  const lifecycle = leading(flows);
  const { registration, report, state } = lifecycle;
  const { plan, identity, flow, publicAddress } = registration;
  const described = flows.map((one) => describeFlow(one, dateOf));
  // What the account has in common with the flow that speaks for it is made once.
  const own = described[flows.indexOf(lifecycle)] ?? describeFlow(lifecycle, dateOf);
  return {
    account: plan.account,
    aor: plan.aor,
    registrar: formatUri(plan.profile.registrar),
    state,
    since: dateOf(lifecycle.since),
    expires: own.expires,
    nextAttempt: flows.length === 1 ? own.nextAttempt : nextAttemptOf(flows, dateOf),
    target: own.target,
    local: flow?.local ?? null,
    public: publicAddress?.seen ?? null,
    bindings: bindingsOfAccount(flows),
    flows: described,
    callId: identity.callId,
    cseq: identity.cseq,
    requests: report.requests,
    rtt: roundTripOf(lifecycle),
    auth: describeAuth(lifecycle),
    outbound: registration.outbound === 'active',
    serviceRoute: report.learned.serviceRoute,
    path: report.learned.path,
    associatedUris: report.learned.associatedUris,
    gruu: report.learned.gruu,
    tls: flow?.tls ?? null,
    failure: flows.length === 1 ? own.failure : failureOfAccount(flows, dateOf),
  };
}

function nextAttemptOf(flows: readonly Lifecycle[], dateOf: DateOf): string | null {
  const nextAt = flows.map((one) => one.nextAt).reduce(earliest);
  return nextAt === undefined ? null : dateOf(nextAt);
}

/** The same in passing, after every change: nothing is formatted. `registrar` is as in the snapshot. */
export function glanceAt(flows: readonly [Lifecycle, ...Lifecycle[]], registrar: string): AccountGlance {
  const lifecycle = leading(flows);
  const { target, publicAddress, binding } = lifecycle.registration;
  return {
    registrar,
    target,
    public: publicAddress === null ? null : publicAddress.seen,
    expires:
      binding === null
        ? null
        : { granted: binding.grantedSeconds, source: binding.source, matchedBy: binding.matchedBy },
    rtt: roundTripOf(lifecycle),
    failure: failing(flows)?.failure?.failure ?? null,
  };
}

/** What the account's condition is judged by, without the rest. */
export function standpointOf(flows: readonly [Lifecycle, ...Lifecycle[]]): Standpoint {
  return { state: leading(flows).state, failure: failing(flows)?.failure ?? null };
}

/** Seconds, to the microsecond. */
function roundTripOf({ report: { roundTripMicros } }: Lifecycle): number | null {
  return roundTripMicros === null ? null : roundTripMicros / 1_000_000;
}

/** The best state of an account's flows is the account's: with one flow up it can be reached (interface.md). */
const BEST_FIRST: readonly AccountState[] = [
  'registered',
  'refreshing',
  'registering',
  'unregistering',
  'waiting',
  'blocked',
  'paused',
  'unregistered',
];

/** The state of an account whose flows are in `states`. */
export function stateOfAccount(states: readonly AccountState[]): AccountState {
  const [only] = states;
  if (states.length === 1 && only !== undefined) return only;
  return BEST_FIRST.find((state) => states.includes(state)) ?? 'unregistered';
}

/** The flow that speaks for the account. */
function leading(flows: readonly [Lifecycle, ...Lifecycle[]]): Lifecycle {
  if (flows.length === 1) return flows[0];
  const state = stateOfAccount(flows.map((one) => one.state));
  return flows.find((one) => one.state === state) ?? flows[0];
}

function describeFlow(lifecycle: Lifecycle, dateOf: DateOf): FlowSnapshot {
  const { registration, state } = lifecycle;
  const { plan, regId, identity } = registration;
  const proxy = plan.profile.proxies[0];
  return {
    regId,
    proxy: proxy === undefined ? null : formatUri(proxy),
    state,
    nextAttempt: lifecycle.nextAt === undefined ? null : dateOf(lifecycle.nextAt),
    target: describeTarget(registration),
    callId: identity.callId,
    cseq: identity.cseq,
    expires: describeExpires(lifecycle, dateOf),
    failure: describeFailure(lifecycle, dateOf),
  };
}

function describeTarget({ target }: Registration): TargetSnapshot | null {
  if (target === null) return null;
  const { transport, host, address, port } = target;
  return { transport, host, address, port };
}

/** With several flows the list is that of the latest answer, and the contacts of all of them are our own. */
function bindingsOfAccount(flows: readonly [Lifecycle, ...Lifecycle[]]): AccountSnapshot['bindings'] {
  const [first, ...others] = flows;
  if (others.length === 0) return bindingsOf(first);
  const latest = others.reduce((one, next) => (next.report.at > one.report.at ? next : one), first);
  const own = new Set(flows.map(({ registration }) => registration.boundContact));
  return bindingsOf(latest).map((binding) => ({ ...binding, own: binding.own || own.has(binding.uri) }));
}

function bindingsOf({ report, registration: { binding } }: Lifecycle): AccountSnapshot['bindings'] {
  if (report.bindings !== 'ours') return report.bindings;
  return binding === null ? [] : [asReported(binding)];
}

/** interface.md: with one of several flows down the account is registered, and its `failure` says which. */
function failureOfAccount(flows: readonly Lifecycle[], dateOf: DateOf): FailureSnapshot | null {
  const found = failing(flows);
  return found === undefined ? null : failureOfFlow(flows, found, dateOf);
}

function failing(flows: readonly Lifecycle[]): Lifecycle | undefined {
  return flows.find((one) => one.failure !== null);
}

/** Why `one` of the account's `flows` failed; which one it is stands in the cause when there are several. */
export function failureOfFlow(
  flows: readonly Lifecycle[],
  one: Lifecycle,
  dateOf: DateOf,
): FailureSnapshot | null {
  const failure = describeFailure(one, dateOf);
  if (failure === null || flows.length === 1) return failure;
  const { regId, proxy } = describeFlow(one, dateOf);
  return { ...failure, cause: `flow ${regId}${proxy === null ? '' : ` by ${proxy}`}: ${failure.cause}` };
}

function describeExpires(lifecycle: Lifecycle, dateOf: DateOf): ExpiresSnapshot | null {
  const { binding } = lifecycle.registration;
  if (binding === null) return null;
  return {
    requested: binding.requestedSeconds,
    granted: binding.grantedSeconds,
    source: binding.source,
    matchedBy: binding.matchedBy,
    at: dateOf(binding.endsAt),
  };
}

function describeFailure(lifecycle: Lifecycle, dateOf: DateOf): FailureSnapshot | null {
  if (lifecycle.failure === null) return null;
  const { failure, at } = lifecycle.failure;
  return {
    stage: failure.stage,
    code: failure.code,
    status: failure.status,
    reason: failure.reason,
    cause: failure.cause,
    advice: failure.advice,
    retryAfter: failure.retryAfterSeconds,
    at: dateOf(at),
  };
}

function describeAuth(lifecycle: Lifecycle): AccountSnapshot['auth'] {
  const session = lifecycle.registration.sessions[0];
  if (session === undefined) return null;
  const { realm, algorithm, session: isKeyed, qop } = session.terms;
  return { realm: printable(realm), algorithm: isKeyed ? `${algorithm}-sess` : algorithm, qop };
}

// A registration as the outside sees it: the one place where state becomes a snapshot (interface.md, "One account as
// JSON"). Instants become dates by a function of the shell, because the core knows no calendar.

import { printable } from '../health/evidence.ts';
import type { AccountSnapshot, ExpiresSnapshot, FailureSnapshot } from '../health/snapshot.ts';
import { formatUri } from '../sip/uri.ts';
import type { Millis } from '../time.ts';
import type { Lifecycle } from './lifecycle.ts';

/** An instant as RFC 3339 UTC. */
export type DateOf = (instant: Millis) => string;

/** The snapshot of `lifecycle`. It holds no secret: neither credentials nor sessions are read but for their names. */
export function describe(lifecycle: Lifecycle, dateOf: DateOf): AccountSnapshot {
  const { registration, report, state } = lifecycle;
  const { plan, identity, flow, target, publicAddress } = registration;
  const failure = describeFailure(lifecycle, dateOf);
  const expires = describeExpires(lifecycle, dateOf);
  const targetSnapshot =
    target === null
      ? null
      : {
          transport: target.transport,
          host: target.host,
          address: target.address,
          port: target.port,
        };
  return {
    account: plan.account,
    aor: formatUri(plan.aor),
    registrar: formatUri(plan.registrar),
    state,
    since: dateOf(lifecycle.since),
    expires,
    nextAttempt: lifecycle.nextAt === undefined ? null : dateOf(lifecycle.nextAt),
    target: targetSnapshot,
    local: flow?.local ?? null,
    public: publicAddress?.seen ?? null,
    bindings: report.bindings,
    flows: [
      {
        regId: 1,
        proxy: plan.proxies[0] === undefined ? null : formatUri(plan.proxies[0]),
        state,
        target: targetSnapshot,
        callId: identity.callId,
        cseq: identity.cseq,
        expires,
        failure,
      },
    ],
    callId: identity.callId,
    cseq: identity.cseq,
    requests: report.requests,
    rtt: report.roundTripMs === null ? null : Math.round(report.roundTripMs * 1000) / 1_000_000,
    auth: describeAuth(lifecycle),
    serviceRoute: report.serviceRoute,
    path: report.path,
    gruu: { public: null, temporary: null },
    tls: flow?.tls ?? null,
    failure,
  };
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
  const algorithm = session.session ? `${session.algorithm}-sess` : session.algorithm;
  return { realm: printable(session.realm), algorithm, qop: session.qop };
}

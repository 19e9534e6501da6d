// Events as the supervisor makes them, for the tests of the log.

import type { AgentEvent } from '../../../src/agent/events.ts';
import type { AccountSnapshot, AccountState, FailureSnapshot } from '../../../src/core/health/snapshot.ts';
import { failureOf, type VerdictCode } from '../../../src/core/health/verdict.ts';

/** The wall clock of these tests stood so at the monotonic instant 0. */
const BEGAN = Date.parse('2026-11-21T13:00:00.000Z');

export function isoAt(now: number): string {
  return new Date(BEGAN + now).toISOString();
}

export function failureSnapshot(
  code: VerdictCode,
  now: number,
  cause = '192.0.2.7:5061 refused the connection',
): FailureSnapshot {
  const { retryAfterSeconds, ...failure } = failureOf(code, cause);
  return { ...failure, retryAfter: retryAfterSeconds, at: isoAt(now) };
}

export function snapshotOf(
  account: string,
  state: AccountState,
  facts: Partial<AccountSnapshot> = {},
): AccountSnapshot {
  return {
    account,
    aor: `sip:${account}@pbx.example.com`,
    registrar: 'sip:pbx.example.com',
    state,
    since: isoAt(0),
    expires: null,
    nextAttempt: null,
    target: null,
    local: null,
    public: null,
    bindings: [],
    flows: [],
    callId: 'c0ffee',
    cseq: 7,
    requests: 2,
    rtt: null,
    auth: null,
    outbound: false,
    serviceRoute: [],
    path: [],
    associatedUris: [],
    gruu: { public: null, temporary: null },
    tls: null,
    failure: null,
    ...facts,
  };
}

/** What a registration brings: 300 s over TLS, refreshed after 260 s. */
export function registeredFacts(now: number, granted = 300): Partial<AccountSnapshot> {
  return {
    expires: {
      requested: 3600,
      granted,
      source: 'contact',
      matchedBy: 'uri',
      at: isoAt(now + granted * 1000),
    },
    nextAttempt: isoAt(now + 260_000),
    target: { transport: 'tls', host: 'pbx.example.com', address: '192.0.2.7', port: 5061 },
    rtt: 0.034,
  };
}

export function stateEvent(
  account: string,
  state: AccountState,
  now: number,
  facts: Partial<AccountSnapshot> = {},
  previous: AccountState = 'registering',
): AgentEvent {
  const snapshot = snapshotOf(account, state, facts);
  return { time: isoAt(now), severity: 'info', type: 'state', account, state, previous, snapshot };
}

export function registeredEvent(account: string, now: number): AgentEvent {
  return stateEvent(account, 'registered', now, registeredFacts(now));
}

export function failureEvent(
  account: string,
  code: VerdictCode,
  now: number,
  facts: Partial<Omit<Extract<AgentEvent, { type: 'failure' }>, 'type' | 'account'>> = {},
): AgentEvent {
  return {
    time: isoAt(now),
    severity: 'warning',
    type: 'failure',
    account,
    registrar: 'sip:pbx.example.com',
    state: 'waiting',
    failure: failureSnapshot(code, now),
    nextAttempt: isoAt(now + 45_000),
    count: 1,
    ...facts,
  };
}

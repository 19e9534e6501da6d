// What is seen of an account of the agent: what happened to it, how it stands. A disabled one has no machine, and is known as it
// stands in the file.

import { planOf } from '../accounts/plan.ts';
import { assert } from '../core/assert.ts';
import type { Standpoint } from '../core/health/condition.ts';
import type { AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import { standpointOf } from '../core/registration/describe.ts';
import { formatUri } from '../core/sip/uri.ts';
import type { Millis } from '../core/time.ts';
import type { Member } from './managed-registration.ts';
import { describeAccount, lifecyclesOf } from './one-shot.ts';
import type { HistoryEntry } from './operations.ts';
import { type Happening, historyOf, recollect } from './recollection.ts';

/** It can be reached: a refresh does not change that. */
export function isUp(state: AccountState): boolean {
  return state === 'registered' || state === 'refreshing';
}

/** Something happened to it at `at`, milliseconds since 1970. */
export function remember(member: Member, at: Millis, what: Happening): void {
  member.latest = recollect(member.latest, at, what);
}

/** What happened to it last, oldest first. */
export function eventsOf({ latest }: Member): readonly HistoryEntry[] {
  return historyOf(latest);
}

/** What its condition is judged by. */
export function standpointOfMember({ first, others }: Member): Standpoint {
  return first === null ? { state: 'disabled', failure: null } : standpointOf(lifecyclesOf(first, others));
}

/** The member's snapshot; a disabled account is described from the file. */
export function snapshotOf({ name, entry, flows }: Member, since: string): AccountSnapshot {
  if (flows !== null) return describeAccount(flows);
  assert(entry !== null, 'who has no registrations is known as it stands in the file');
  const plan = planOf(name, entry, '');
  return {
    account: name,
    aor: plan.aor,
    registrar: formatUri(plan.profile.registrar),
    state: 'disabled',
    since,
    expires: null,
    nextAttempt: null,
    target: null,
    local: null,
    public: null,
    bindings: [],
    flows: [],
    callId: '',
    cseq: 0,
    requests: 0,
    rtt: null,
    auth: null,
    outbound: false,
    serviceRoute: [],
    path: [],
    associatedUris: [],
    gruu: { public: null, temporary: null },
    tls: null,
    failure: null,
  };
}

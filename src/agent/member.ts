// An account of the agent, with its machine and its short history. A disabled one has no machine, and is known as it stands
// in the file.

import { planOf } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { assert } from '../core/assert.ts';
import type { AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import { formatUri } from '../core/sip/uri.ts';
import type { Registrations } from './managed-registration.ts';
import { describeAccount } from './one-shot.ts';
import type { HistoryEntry } from './operations.ts';

export type Member = {
  readonly name: string;
  /** As it stands in the file; null: it has registrations, and they what they need of it. */
  entry: AccountEntry | null;
  /** One for each flow; null: it is disabled. */
  flows: Registrations | null;
  /** The state that was told last. */
  state: AccountState;
  /** That its credentials were rejected is on disk. */
  isNotedBlocked: boolean;
  /** The last events, oldest first. */
  history: readonly HistoryEntry[];
};

/** interface.md: `status ACCOUNT` shows the last ten. */
const HISTORY_LENGTH = 10;

/** It can be reached: a refresh does not change that. */
export function isUp(state: AccountState): boolean {
  return state === 'registered' || state === 'refreshing';
}

export function remember(member: Member, entry: HistoryEntry): void {
  member.history = member.history.slice(1 - HISTORY_LENGTH).concat(entry);
}

/** The member's snapshot; a disabled account is described from the file. */
export function snapshotOf({ name, entry, flows }: Member, since: string): AccountSnapshot {
  if (flows !== null) return describeAccount(flows);
  assert(entry !== null, 'who has no registrations is known as it stands in the file');
  const plan = planOf(name, entry, '');
  return {
    account: name,
    aor: formatUri(plan.aor),
    registrar: formatUri(plan.registrar),
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

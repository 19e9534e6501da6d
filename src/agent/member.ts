// An account of the agent: as it stands in the file, with its machine and its short history. A disabled one has no
// machine.

import { planOf } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import { describe } from '../core/registration/describe.ts';
import type { Outcome } from '../core/registration/effect.ts';
import { formatUri } from '../core/sip/uri.ts';
import type { ManagedAccount } from './managed-account.ts';
import { dateOf } from './one-shot.ts';
import type { HistoryEntry } from './operations.ts';

export type Member = {
  readonly name: string;
  entry: AccountEntry;
  account: ManagedAccount | null;
  /** The last events, oldest first. */
  history: readonly HistoryEntry[];
  /** Called, once each, when a round ends or the account comes to rest. */
  waiting: readonly ((outcome: Outcome | null) => void)[];
};

/** interface.md: `status ACCOUNT` shows the last ten. */
const HISTORY_LENGTH = 10;

export function remember(member: Member, entry: HistoryEntry): void {
  member.history = [...member.history.slice(1 - HISTORY_LENGTH), entry];
}

/** The member's snapshot; a disabled account is described from the file. */
export function snapshotOf({ name, entry, account }: Member, since: string): AccountSnapshot {
  if (account !== null) return describe(account.lifecycle, dateOf);
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
    serviceRoute: [],
    path: [],
    gruu: { public: null, temporary: null },
    tls: null,
    failure: null,
  };
}

// An account of the agent, with its machine and its short history. A disabled one has no machine, and is known as it stands
// in the file.

import { planOf } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { assert } from '../core/assert.ts';
import type { Standpoint } from '../core/health/condition.ts';
import type { AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import { standpointOf } from '../core/registration/describe.ts';
import { formatUri } from '../core/sip/uri.ts';
import type { Millis } from '../core/time.ts';
import type { ManagedRegistration, Registrations } from './managed-registration.ts';
import { describeAccount, lifecyclesOf } from './one-shot.ts';
import type { HistoryEntry } from './operations.ts';
import { type Happening, historyOf, type Recollection, recollect } from './recollection.ts';

export class Member {
  readonly name: string;
  /** As it stands in the file; null: it has registrations, and they what they need of it. */
  entry: AccountEntry | null;
  /** The state that was told last. */
  state: AccountState = 'disabled';
  /** That its credentials were rejected is on disk. */
  isNotedBlocked = false;
  /** The last of what happened to it. */
  latest: Recollection | null = null;
  /** null: it is disabled. */
  #first: ManagedRegistration | null = null;
  #others: readonly ManagedRegistration[] = NO_OTHERS;

  constructor(name: string, entry: AccountEntry) {
    this.name = name;
    this.entry = entry;
  }

  /** Its registrations, one for each flow; null: it is disabled. */
  get flows(): Registrations | null {
    if (this.#first === null) return null;
    return this.#others === NO_OTHERS ? [this.#first] : [this.#first, ...this.#others];
  }

  get isEnabled(): boolean {
    return this.#first !== null;
  }

  /** Without a list of them: all of fifty thousand are looked at every few seconds. */
  forEach(look: (flow: ManagedRegistration) => void): void {
    if (this.#first !== null) look(this.#first);
    for (const other of this.#others) look(other);
  }

  has(flow: ManagedRegistration): boolean {
    return this.#first === flow || this.#others.includes(flow);
  }

  /** It has these registrations now. */
  employ([first, ...others]: Registrations): void {
    this.entry = null;
    this.state = first.lifecycle.state;
    this.#first = first;
    this.#others = others.length === 0 ? NO_OTHERS : others;
  }

  /** It has none any more, and is known as it stands in the file. */
  disable(entry: AccountEntry): void {
    this.entry = entry;
    this.state = 'disabled';
    this.#first = null;
    this.#others = NO_OTHERS;
  }
}

/** Most accounts have one flow only. */
const NO_OTHERS: readonly ManagedRegistration[] = [];

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
export function standpointOfMember({ flows }: Member): Standpoint {
  return flows === null ? { state: 'disabled', failure: null } : standpointOf(lifecyclesOf(flows));
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

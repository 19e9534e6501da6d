// An account of the agent and its registrations, one on each of its flows (RFC 5626), and for most the only one: what each was
// set up with, its machine's state, and what it holds of the outside. There may be fifty thousand. How they begin is in
// account-start.ts.

import type { CredentialSource, IncomingSettings } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { Credential } from '../core/digest/algorithm.ts';
import type { AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import type { KeepaliveSettings } from '../core/keepalive/terms.ts';
import { oncePerObject } from '../core/made-once.ts';
import { ownText } from '../core/own-text.ts';
import type { Lifecycle } from '../core/registration/lifecycle-state.ts';
import type { Plan } from '../core/registration/plan.ts';
import type { Result } from '../core/result.ts';
import { formatUri, type SipUri } from '../core/sip/uri.ts';
import type { Millis } from '../core/time.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { IdentityKey, IdentityStore, Memory, Reservation } from '../state/identity-store.ts';
import type { Recollection } from './recollection.ts';
import type { CommonTerms } from './shared-terms.ts';
import type { Share, Traced } from './trace/share-queue.ts';

/** An account ready to be taken in. */
export type PreparedAccount = {
  readonly plan: Plan;
  readonly setup: AccountSetup;
  /** What is remembered of it, for reading only. */
  readonly memory: Memory;
  /** Where each of its secrets is. */
  readonly sources: readonly CredentialSource[];
  readonly credentials: Result<readonly Credential[], Failure>;
  readonly warnings: readonly string[];
};

/** What an account needs of the outside, and how: one record for all whose settings are the same. */
export type AccountSetup = {
  readonly tls: TlsSettings;
  /** "address:port" of the DNS servers to ask; empty: the system's. */
  readonly dnsServers: readonly string[];
  /** Where its secrets are; empty when all stand in the accounts file itself: reading them again tells nothing new. */
  readonly secrets: readonly CredentialSource[];
  readonly keepalive: KeepaliveSettings;
  readonly incoming: IncomingSettings;
  /** Where its identity is kept; null: it has one of its own that nobody else sees. */
  readonly store: IdentityStore | null;
  /** It stays registered for as long as the process runs, so what it learns is noted as it goes. */
  readonly keepsAlive: boolean;
};

/** Those of one account, in the order of their reg-ids. */
export type Registrations = readonly [ManagedRegistration, ...ManagedRegistration[]];

export type ManagedRegistration = {
  /** Whose it is, or was until it was on its way out; null: no agent keeps it. */
  member: Member | null;
  setup: AccountSetup;
  /** RFC 5626 §4.2; 1 where there is only one flow. */
  readonly regId: number;
  lifecycle: Lifecycle;
  alarmAt: Millis | undefined;
  /** The Via branch of its transaction. */
  branch: string | null;
  held: readonly Flow[];
  /** On what terms each of these is kept open. */
  keptOn: readonly CommonTerms[];
  reservation: Reservation | null;
  /** The local port of the last flow, of this run or an earlier one, tried first so that NAT bindings and Contacts stay. */
  preferredPort: number | null;
  /** Where its registrar, proxies and redirects are, as far as that is known: whose requests it may hear. */
  addresses: ReadonlySet<string>;
  /** When its next round may begin, once that was asked for (admission.ts). */
  admittedAt: Millis | undefined;
  /** The Contact that is on disk. */
  notedContact: string | null;
  isConcluded: boolean;
};

/** An account of the agent: what there is of it once, however many flows it has. */
export class Member implements Traced {
  readonly name: string;
  /** As it stands in the file; null: it has registrations, and they what they need of it. */
  entry: AccountEntry | null;
  /** The state that was told last. */
  state: AccountState = 'disabled';
  /** That its credentials were rejected is on disk. */
  isNotedRejected = false;
  /** The last of what happened to it. */
  latest: Recollection | null = null;
  /** Its last messages. */
  share: Share | null = null;
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

  /** The first of these, and the others: with every change of fifty thousand no list is made. */
  get first(): ManagedRegistration | null {
    return this.#first;
  }

  get others(): readonly ManagedRegistration[] {
    return this.#others;
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
    this.forEach((flow) => {
      flow.member = this;
    });
  }

  /** It has none any more, and is known as it stands in the file. */
  disable(entry: AccountEntry): void {
    this.entry = entry;
    this.state = 'disabled';
    this.letGo();
  }

  /** Its registrations are on their way out. */
  letGo(): void {
    this.#first = null;
    this.#others = NO_OTHERS;
  }
}

/** Most accounts have one flow only. */
const NO_OTHERS: readonly ManagedRegistration[] = [];

/** Who holds none shares this. */
export const NO_FLOWS: readonly Flow[] = [];

/** What it registers: the plan of the account, or of one flow of it. */
export function currentPlan({ lifecycle }: ManagedRegistration): Plan {
  return lifecycle.registration.plan;
}

/** The account's name. */
export function nameOf(account: ManagedRegistration): string {
  return currentPlan(account).account;
}

/** Whose identity it is: another AOR or registrar under the same name starts anew. */
export function identityKey({ account, aor, profile: { registrar } }: Plan): IdentityKey {
  return { account, aor, registrar: registrarText(registrar) };
}

/** The registrar as snapshots have it. */
export const registrarText = oncePerObject((registrar: SipUri) => ownText(formatUri(registrar)));

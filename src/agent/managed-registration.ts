// One registration in the engine: an account on one of its flows (RFC 5626), and for most accounts the only one. What it
// was set up with, its machine's state, and what it holds of the outside: a plain record, for there may be fifty thousand.
// And the account of an agent that it is one of.

import type { CredentialSource, IncomingSettings } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { Credential } from '../core/digest/algorithm.ts';
import type { AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import type { KeepaliveSettings } from '../core/keepalive/terms.ts';
import { oncePerObject } from '../core/made-once.ts';
import { ownText } from '../core/own-text.ts';
import { beginLifecycle } from '../core/registration/lifecycle.ts';
import type { Lifecycle } from '../core/registration/lifecycle-state.ts';
import { flowPlans, type Plan } from '../core/registration/plan.ts';
import {
  beginRegistration,
  type PublicAddress,
  type Registration,
} from '../core/registration/registration.ts';
import type { Result } from '../core/result.ts';
import { type Rng, randomHex } from '../core/rng.ts';
import { parseHostPort } from '../core/sip/host-port.ts';
import { withoutBrackets } from '../core/sip/ip.ts';
import { formatUri, type SipUri } from '../core/sip/uri.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { IdentityKey, IdentityStore, Memory, Reservation } from '../state/identity-store.ts';
import type { FlowRecord } from '../state/state-document.ts';
import { writtenAddresses } from './incoming/answerable.ts';
import type { Recollection } from './recollection.ts';
import { type CommonTerms, ON_NO_TERMS } from './shared-terms.ts';
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
  isNotedBlocked = false;
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

/** An identity outside the store may use these numbers: more than one command ever needs. */
const PRIVATE_CSEQS = 1_000;

/** How an account begins in an agent: as it was left, and when it is to register by itself. */
export type Start = {
  readonly state: 'unregistered' | 'paused' | 'blocked';
  readonly firstAt?: Millis;
  /** Since when it has been as it is, and why, when an earlier run left it so. */
  readonly since?: Millis;
  readonly failure?: Failure;
};

/** One that waits to be told what to do. */
const AT_REST: Start = { state: 'unregistered' };

/** The registrations of an account as they start: with the identity and the binding that are remembered of each flow. */
export function manageAccount(prepared: PreparedAccount, rng: Rng, start: Start = AT_REST): Registrations {
  const [first, ...others] = flowPlans(prepared.plan);
  const manage = (plan: Plan, index: number): ManagedRegistration =>
    manageRegistration(prepared, plan, index + 1, rng, start);
  return [manage(first, 0), ...others.map((plan, index) => manage(plan, index + 1))];
}

function manageRegistration(
  { setup, credentials, memory }: PreparedAccount,
  plan: Plan,
  regId: number,
  rng: Rng,
  start: Start,
): ManagedRegistration {
  const { store } = setup;
  const remembered = memory.load(identityKey(plan)).flows.get(regId) ?? null;
  const registration = beginRegistration(plan, {
    regId,
    instanceId: plan.profile.instanceId ?? memory.instanceId(),
    identity: {
      callId: store === null ? randomHex(rng, 16) : (remembered?.callId ?? ''),
      fromTag: ownText(randomHex(rng, 8)),
      cseq: store === null ? 0 : (remembered?.cseq ?? 0),
      reservedThrough: store === null ? PRIVATE_CSEQS : (remembered?.cseq ?? 0),
    },
    credentials: credentials.ok ? credentials.value : [],
    credentialsWorked: false,
    publicAddress: rememberedAddress(remembered),
    boundContact: rememberedContact(remembered),
  });
  return {
    member: null,
    setup,
    regId,
    lifecycle: lifecycleFrom(registration, start),
    alarmAt: undefined,
    branch: null,
    held: NO_FLOWS,
    keptOn: ON_NO_TERMS,
    reservation: null,
    preferredPort: remembered?.localPort ?? null,
    addresses: writtenAddresses(plan.profile),
    admittedAt: start.firstAt,
    notedContact: remembered?.contact ?? null,
    isConcluded: false,
  };
}

function lifecycleFrom(registration: Registration, start: Start): Lifecycle {
  const begun = beginLifecycle(registration, monotonicNow(), start.state, start.firstAt);
  const { since = begun.since, failure } = start;
  return { ...begun, since, failure: failure === undefined ? null : { failure, at: since } };
}

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

/** The Contact that the registrar may still hold. After a clean end it is known when the binding lapsed. */
function rememberedContact(remembered: FlowRecord | null): string | null {
  if (remembered?.contact == null) return null;
  const { contact, grantedUntil, reservation } = remembered;
  const isOver = reservation === null && grantedUntil !== null && Date.parse(grantedUntil) < Date.now();
  return isOver ? null : contact;
}

/** How the registrar saw us from the port that is tried first again: its NAT binding may still be there. */
function rememberedAddress(remembered: FlowRecord | null): PublicAddress | null {
  if (remembered?.publicAddress == null || remembered.localPort === null) return null;
  const seen = parseHostPort(remembered.publicAddress);
  if (seen === null || seen.port === null) return null;
  const address = withoutBrackets(seen.host);
  return { from: { address: null, port: remembered.localPort }, seen: { address, port: seen.port } };
}

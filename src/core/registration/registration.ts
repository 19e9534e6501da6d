// What one registration keeps between two REGISTERs: identity, credentials, digest sessions, what the registrar has
// bound, and what the network taught. One registration is one AOR on one flow; it lives as long as its account.

import type { Credential } from '../digest/algorithm.ts';
import type { DigestSession } from '../digest/session.ts';
import type { Draft } from '../draft.ts';
import type { GrantSource, MatchedBy, TlsSnapshot } from '../health/snapshot.ts';
import type { SocketAddress, Target, Transport } from '../sip/transport.ts';
import type { Millis } from '../time.ts';
import { type ClosedTarget, NONE_CLOSED } from './closed-targets.ts';
import type { Plan } from './plan.ts';
import { NONE_UNANSWERED } from './unanswered-contacts.ts';

/** Call-ID and CSeq (RFC 3261 §10.2): durable, so that the registrar never sees a number fall. */
export type Identity = {
  readonly callId: string;
  readonly fromTag: string;
  /** The last CSeq number that was used; 0 before the first. */
  readonly cseq: number;
  /** Numbers up to here are safely on disk: before one above it is used, a block has to be reserved. */
  readonly reservedThrough: number;
};

/** What a 2xx says besides the bindings; it lasts as long as the registration does. */
export type Learned = {
  /** RFC 3608. */
  readonly serviceRoute: readonly string[];
  /** RFC 3327. */
  readonly path: readonly string[];
  /** RFC 7315 §4.1: P-Associated-URI. */
  readonly associatedUris: readonly string[];
  /** RFC 5627. */
  readonly gruu: { readonly public: string | null; readonly temporary: string | null };
};

export const NO_GRUU: Learned['gruu'] = { public: null, temporary: null };

export const NOTHING_LEARNED: Learned = {
  serviceRoute: [],
  path: [],
  associatedUris: [],
  gruu: NO_GRUU,
};

/** Whether two answers say the same. */
export function sameLearned(one: Learned, other: Learned): boolean {
  return (
    one === other ||
    (one.gruu.public === other.gruu.public &&
      one.gruu.temporary === other.gruu.temporary &&
      sameTexts(one.serviceRoute, other.serviceRoute) &&
      sameTexts(one.path, other.path) &&
      sameTexts(one.associatedUris, other.associatedUris))
  );
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

/** An open flow, as the core knows it. */
export type FlowRef = {
  readonly id: number;
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly tls: TlsSnapshot | null;
};

/** One Contact of a 2xx. `expires` is null when the registrar gave none. */
export type ReportedBinding = {
  readonly uri: string;
  readonly expires: number | null;
  readonly own: boolean;
};

/** How a registrar sees the address that we send from (RFC 3581); it holds for that address only. After a restart only
 * the port of that is known. */
export type PublicAddress = {
  readonly from: { readonly address: string | null; readonly port: number };
  readonly seen: SocketAddress;
};

/** Our binding at the registrar, as the last 2xx granted it. */
export type Binding = {
  /** The Contact URI that we sent. */
  readonly contact: string;
  readonly requestedSeconds: number;
  readonly grantedSeconds: number;
  readonly source: GrantSource;
  readonly matchedBy: MatchedBy;
  readonly endsAt: Millis;
};

/** The binding as the registrar lists it. */
export function asReported({ contact, grantedSeconds }: Binding): ReportedBinding {
  return { uri: contact, expires: grantedSeconds, own: true };
}

/** Whether the list says no more than the binding does: most do. */
export function isOursAlone(
  bindings: readonly ReportedBinding[],
  { contact, grantedSeconds }: Binding,
): boolean {
  const [only, another] = bindings;
  if (only === undefined || another !== undefined) return false;
  return only.own && only.uri === contact && only.expires === grantedSeconds;
}

/**
 * Where RFC 5626 stands: `off`: not wanted, or not for this Contact. `offered`: the registrar has not said yet. `active`: it
 * said `Require: outbound`. `plain`: it registered without; instance and reg-id stay, for it may know the binding by them.
 * `declined`: it refused the extension, and has never seen either.
 */
export type OutboundState = 'off' | 'offered' | 'active' | 'plain' | 'declined';

export type Registration = {
  readonly plan: Plan;
  /** RFC 5626 §4.2: which of the account's flows this is; 1 without outbound. */
  readonly regId: number;
  /** RFC 5626 §4.1, a URN without angle brackets. */
  readonly instanceId: string;
  readonly outbound: OutboundState;
  readonly identity: Identity;
  readonly credentials: readonly Credential[];
  /** Credentials that the registrar has accepted before: a 403 then is no rejection of them (behaviour.md §10). */
  readonly credentialsWorked: boolean;
  readonly sessions: readonly DigestSession[];
  /** Seconds to ask for: the plan's, or more after a 423. */
  readonly interval: number;
  /** Option tags that the registrar refused with 420. */
  readonly refusedOptions: readonly string[];
  /** Our address as the registrar sees it (RFC 3581), when it is not the flow's own. */
  readonly publicAddress: PublicAddress | null;
  /** The Contact that the registrar may still hold for us, from this run or an earlier one. */
  readonly boundContact: string | null;
  readonly binding: Binding | null;
  readonly flow: FlowRef | null;
  readonly target: Target | null;
  readonly way: Way;
};

/** What is special about the way to the registrar; of most registrations nothing is. */
export type Way = {
  /** The flow leads to where a redirection sent us. That holds for one request only (RFC 3261 §21.3.3). */
  readonly redirected: boolean;
  /** The flow is to be replaced at the next REGISTER, make before break: its TLS material is of yesterday, say. */
  readonly outdatedFlow: boolean;
  /** When to look for a better target than this one, which was taken because that one had failed; null: it is the best. */
  readonly detour: Detour | null;
  /** A handshake failed, and nothing has registered since: targets without TLS are left alone (behaviour.md §12). */
  readonly tlsFailed: boolean;
  /** The datagram flow whose target takes no streams: requests go over it whatever their size (RFC 3261 §18.1.1). */
  readonly streamlessFlow: number | null;
  /** What stands between us and the registrar was told: once is enough. */
  readonly toldTampering: boolean;
  /** It was told that DNS names no target with TLS any more. */
  readonly toldWithdrawal: boolean;
  /** RFC 3261 §21.5.4: those that are not to be asked before their Retry-After is over. */
  readonly closed: readonly ClosedTarget[];
  /** Contacts that the registrar may have bound, though it did not say so. */
  readonly unanswered: readonly string[];
};

export const STRAIGHT_WAY: Way = {
  redirected: false,
  outdatedFlow: false,
  detour: null,
  tlsFailed: false,
  streamlessFlow: null,
  toldTampering: false,
  toldWithdrawal: false,
  closed: NONE_CLOSED,
  unanswered: NONE_UNANSWERED,
};

/** The way with `changes`; a straight one is the same for all. */
export function changedWay(way: Way, changes: Partial<Way>): Way {
  const changed = { ...way, ...changes };
  const {
    redirected,
    outdatedFlow,
    detour,
    tlsFailed,
    streamlessFlow,
    toldTampering,
    toldWithdrawal,
    closed,
    unanswered,
  } = changed;
  const isStraight =
    !redirected &&
    !outdatedFlow &&
    !tlsFailed &&
    !toldTampering &&
    !toldWithdrawal &&
    detour === null &&
    streamlessFlow === null &&
    closed.length === 0 &&
    unanswered.length === 0;
  return isStraight ? STRAIGHT_WAY : changed;
}

/** behaviour.md §12: the way back to the preferred target, later each time that it still fails. */
export type Detour = { readonly returnAt: Millis; readonly returns: number };

/** What is known of an account before its first REGISTER in this process. */
export type Beginnings = {
  readonly regId: number;
  readonly instanceId: string;
  readonly identity: Identity;
  readonly credentials: readonly Credential[];
  readonly credentialsWorked: boolean;
  readonly publicAddress: PublicAddress | null;
  readonly boundContact: string | null;
};

/** A registration that has not sent anything yet. */
export function beginRegistration(plan: Plan, beginnings: Beginnings): Registration {
  return {
    plan,
    regId: beginnings.regId,
    instanceId: beginnings.instanceId,
    outbound: offeredBy(plan),
    identity: beginnings.identity,
    credentials: beginnings.credentials,
    credentialsWorked: beginnings.credentialsWorked,
    sessions: NO_SESSIONS,
    interval: plan.profile.expires,
    refusedOptions: NO_OPTIONS,
    publicAddress: beginnings.publicAddress,
    boundContact: beginnings.boundContact,
    binding: null,
    flow: null,
    target: null,
    way: STRAIGHT_WAY,
  };
}

/** A copy that its maker may still change (draft.ts). */
export function registrationDraft(registration: Registration): Draft<Registration> {
  return {
    plan: registration.plan,
    regId: registration.regId,
    instanceId: registration.instanceId,
    outbound: registration.outbound,
    identity: registration.identity,
    credentials: registration.credentials,
    credentialsWorked: registration.credentialsWorked,
    sessions: registration.sessions,
    interval: registration.interval,
    refusedOptions: registration.refusedOptions,
    publicAddress: registration.publicAddress,
    boundContact: registration.boundContact,
    binding: registration.binding,
    flow: registration.flow,
    target: registration.target,
    way: registration.way,
  };
}

export const NO_SESSIONS: readonly DigestSession[] = [];
const NO_OPTIONS: readonly string[] = [];

/** R334: neither instance nor reg-id stand on a Contact that leads to another host. */
export function offeredBy({ contact, profile: { outbound } }: Plan): OutboundState {
  return outbound === 'off' || contact.uri !== null ? 'off' : 'offered';
}

/** The Contact has instance and reg-id (RFC 5626 §4.2.1). */
export function hasRegId({ outbound }: Registration): boolean {
  return outbound !== 'off' && outbound !== 'declined';
}

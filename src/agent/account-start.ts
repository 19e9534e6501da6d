// How the registrations of an account begin: with the identity, the port and the binding that are remembered of each of its
// flows, and in the state in which an earlier run left them.

import { ownText } from '../core/own-text.ts';
import { afterEarlierRejections, countedRejections } from '../core/registration/earlier-rejections.ts';
import { beginLifecycle } from '../core/registration/lifecycle.ts';
import type { Lifecycle } from '../core/registration/lifecycle-state.ts';
import { flowPlans, type Plan } from '../core/registration/plan.ts';
import {
  beginRegistration,
  type PublicAddress,
  type Registration,
} from '../core/registration/registration.ts';
import { FLOW_AFTER_FLOW_MS } from '../core/registration/schedule.ts';
import { type Rng, randomHex } from '../core/rng.ts';
import { parseHostPort } from '../core/sip/host-port.ts';
import { withoutBrackets } from '../core/sip/ip.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import type { FlowRecord } from '../state/state-document.ts';
import { writtenAddresses } from './incoming/answerable.ts';
import {
  identityKey,
  type ManagedRegistration,
  NO_FLOWS,
  type PreparedAccount,
  type Registrations,
} from './managed-registration.ts';
import type { Rejections } from './rejected-credentials.ts';
import { ON_NO_TERMS } from './shared-terms.ts';

/** An identity outside the store may use these numbers: more than one command ever needs. */
const PRIVATE_CSEQS = 1_000;

/** How an account begins; `rejected`: how its credentials fared before. */
export type Start =
  /** As one that waits to be told what to do, or to register by itself at `firstAt`. */
  | { readonly as: 'unregistered'; readonly firstAt?: Millis; readonly rejected: Rejections | null }
  | { readonly as: 'paused'; readonly since: Millis; readonly rejected: Rejections | null }
  /** It waits as long as the rejections make it wait. */
  | { readonly as: 'rejected'; readonly rejected: Rejections };

/** The registrations of an account as they start: with the identity and the binding that are remembered of each flow. */
export function manageAccount(prepared: PreparedAccount, rng: Rng, start: Start): Registrations {
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
    lifecycle: lifecycleFrom(registration, start, (regId - 1) * FLOW_AFTER_FLOW_MS),
    alarmAt: undefined,
    branch: null,
    held: NO_FLOWS,
    keptOn: ON_NO_TERMS,
    reservation: null,
    preferredPort: remembered?.localPort ?? null,
    addresses: writtenAddresses(plan.profile),
    admittedAt: start.as === 'unregistered' ? start.firstAt : undefined,
    notedContact: remembered?.contact ?? null,
    isConcluded: false,
  };
}

function lifecycleFrom(registration: Registration, start: Start, laterMs: Millis): Lifecycle {
  const now = monotonicNow();
  const setbacks = countedRejections(start.rejected?.count ?? 0);
  switch (start.as) {
    case 'unregistered':
      return { ...beginLifecycle(registration, now, 'unregistered', start.firstAt), setbacks };
    case 'paused':
      return { ...beginLifecycle(registration, now, 'paused'), since: start.since, setbacks };
    case 'rejected':
      return afterEarlierRejections(beginLifecycle(registration, now), start.rejected, now, laterMs);
  }
}

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

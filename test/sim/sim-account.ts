// An account in a simulated process, and how it begins: with what the disk remembers of it (src/agent/managed-registration.ts
// and the supervisor's start).

import { type Holder, ON_NO_TERMS } from '../../src/agent/shared-terms.ts';
import type { Credential } from '../../src/core/digest/algorithm.ts';
import { failureOf } from '../../src/core/health/verdict.ts';
import { isOfCredentials } from '../../src/core/registration/after-failure.ts';
import { afterEarlierRejections, countedRejections } from '../../src/core/registration/earlier-rejections.ts';
import type { Outcome } from '../../src/core/registration/effect.ts';
import { beginLifecycle } from '../../src/core/registration/lifecycle.ts';
import type { Lifecycle } from '../../src/core/registration/lifecycle-state.ts';
import type { Plan } from '../../src/core/registration/plan.ts';
import { beginRegistration, type Registration } from '../../src/core/registration/registration.ts';
import { type Rng, randomHex } from '../../src/core/rng.ts';
import type { SocketAddress, Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { DiskRecord, DiskRejection, Reserved } from './disk.ts';
import type { Connection } from './link.ts';

export type SimFlow = {
  readonly id: number;
  readonly transport: Target['transport'];
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly tls: null;
  readonly key: string;
  readonly users: Set<SimAccount>;
  readonly connection: Connection | null;
  isOpen: boolean;
  /** A keep-alive was answered on it: silence is a loss from then on. */
  isProven: boolean;
  /** When a message came over it last. */
  heardAt: Millis;
};

/** One flow of an account, and for most accounts the only one. */
export type SimAccount = {
  /** With `admittedAt` it is what admission.ts looks at. */
  lifecycle: Lifecycle;
  admittedAt: Millis | undefined;
  /** The account's name, which is the user's too. */
  readonly name: string;
  /** RFC 5626 §4.2; 1 where there is only one flow. */
  readonly regId: number;
  /** The name of its identity on the disk. */
  readonly id: string;
  /** When it was last bound, in the world's time. */
  boundAt: Millis;
  alarmAt: Millis | undefined;
  branch: string | null;
  held: SimFlow[];
  keptOn: Holder['keptOn'];
  reservation: Reserved | null;
  preferredPort: number | null;
  notedContact: string | null;
  isConcluded: boolean;
};

export type Beginning = {
  readonly record: DiskRecord | null;
  readonly credentials: readonly Credential[];
  readonly monotonic: Millis;
  readonly wall: Millis;
};

/** The name of an identity on the disk: an account has one for each flow. */
export function idOf(account: string, regId: number): string {
  return regId === 1 ? account : `${account}/${regId}`;
}

export function beginAccount(plan: Plan, regId: number, beginning: Beginning, rng: Rng): SimAccount {
  const { record, credentials, wall } = beginning;
  const registration = beginRegistration(plan, {
    regId,
    instanceId: 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6',
    identity: {
      callId: record?.callId ?? '',
      fromTag: randomHex(rng, 8),
      cseq: record?.cseq ?? 0,
      reservedThrough: record?.cseq ?? 0,
    },
    credentials,
    credentialsWorked: false,
    publicAddress: null,
    boundContact: rememberedContact(record, wall),
  });
  const lifecycle = beginningOf(registration, beginning);
  return {
    lifecycle,
    admittedAt: lifecycle.state === 'unregistered' ? lifecycle.nextAt : undefined,
    name: plan.account,
    regId,
    id: idOf(plan.account, regId),
    boundAt: 0,
    alarmAt: undefined,
    branch: null,
    held: [],
    keptOn: ON_NO_TERMS,
    reservation: null,
    preferredPort: record?.localPort ?? null,
    notedContact: record?.contact ?? null,
    isConcluded: false,
  };
}

function beginningOf(registration: Registration, beginning: Beginning): Lifecycle {
  const { record, credentials, monotonic, wall } = beginning;
  const rejected = record?.rejected?.secret === JSON.stringify(credentials) ? record.rejected : null;
  if (record?.isPaused) {
    const setbacks = countedRejections(rejected?.count ?? 0);
    return { ...beginLifecycle(registration, monotonic, 'paused'), setbacks };
  }
  if (rejected === null) return beginLifecycle(registration, monotonic, 'unregistered', monotonic);
  const { count, isBlocked, lastAt, nextAt } = rejected;
  const earlier = {
    count,
    isBlocked,
    agoMs: wall - lastAt,
    gapMs: nextAt === null ? null : nextAt - lastAt,
    failure: failureOf('auth.rejected', 'the same credentials were rejected before'),
  };
  return afterEarlierRejections(beginLifecycle(registration, monotonic), earlier, monotonic);
}

/** What the disk is to remember of credentials that were rejected just now; null: they were not, or by a removal. */
export function rejectionOf(
  { lifecycle }: SimAccount,
  outcome: Outcome,
  wallAtZero: Millis,
): DiskRejection | null {
  const { registration, setbacks, since, failure, nextAt, state } = lifecycle;
  if (outcome.type !== 'failed' || !isOfCredentials(outcome.failure)) return null;
  if (state !== 'waiting' && state !== 'blocked') return null;
  return {
    secret: JSON.stringify(registration.credentials),
    count: setbacks.rejections,
    lastAt: wallAtZero + (failure?.at ?? since),
    nextAt: nextAt === undefined ? null : wallAtZero + nextAt,
    isBlocked: state === 'blocked',
  };
}

/** After a clean end it is known when the binding lapsed. */
function rememberedContact(record: DiskRecord | null, wall: Millis): string | null {
  if (record === null) return null;
  const { contact, reservation, grantedUntil } = record;
  return reservation === null && grantedUntil !== null && grantedUntil < wall ? null : contact;
}

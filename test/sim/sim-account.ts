// An account in a simulated process, and how it begins: with what the disk remembers of it (src/agent/managed-registration.ts
// and the supervisor's start).

import type { Credential } from '../../src/core/digest/algorithm.ts';
import { beginLifecycle } from '../../src/core/registration/lifecycle.ts';
import type { Lifecycle } from '../../src/core/registration/lifecycle-state.ts';
import type { Plan } from '../../src/core/registration/plan.ts';
import { beginRegistration } from '../../src/core/registration/registration.ts';
import { type Rng, randomHex } from '../../src/core/rng.ts';
import type { SocketAddress, Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { DiskRecord, Reserved } from './disk.ts';
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
};

export type SimAccount = {
  /** With `lifecycle` and `admittedAt` it is what admission.ts looks at. */
  readonly setup: { readonly plan: Plan };
  lifecycle: Lifecycle;
  admittedAt: Millis | undefined;
  readonly name: string;
  alarmAt: Millis | undefined;
  branch: string | null;
  held: SimFlow[];
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

export function beginAccount(plan: Plan, beginning: Beginning, rng: Rng): SimAccount {
  const { record, credentials, monotonic, wall } = beginning;
  const registration = beginRegistration(plan, {
    regId: 1,
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
  const isBlocked = record?.blockedSecret === JSON.stringify(credentials);
  const state = record?.isPaused ? 'paused' : isBlocked ? 'blocked' : 'unregistered';
  const firstAt = state === 'unregistered' ? monotonic : undefined;
  return {
    setup: { plan },
    lifecycle: beginLifecycle(registration, monotonic, state, firstAt),
    admittedAt: firstAt,
    name: plan.account,
    alarmAt: undefined,
    branch: null,
    held: [],
    reservation: null,
    preferredPort: record?.localPort ?? null,
    notedContact: record?.contact ?? null,
    isConcluded: false,
  };
}

/** After a clean end it is known when the binding lapsed. */
function rememberedContact(record: DiskRecord | null, wall: Millis): string | null {
  if (record === null) return null;
  const { contact, reservation, grantedUntil } = record;
  return reservation === null && grantedUntil !== null && grantedUntil < wall ? null : contact;
}

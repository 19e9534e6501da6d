// Between the machine and the durable state: numbers before they are used, and what a REGISTER left behind after it
// (behaviour.md §2).

import { type Failure, failureOf } from '../core/health/verdict.ts';
import type { Input } from '../core/registration/input.ts';
import type { Identity } from '../core/registration/registration.ts';
import { failure, type Result, success } from '../core/result.ts';
import { randomHex } from '../core/rng.ts';
import { addressText } from '../core/sip/ip.ts';
import type { Millis } from '../core/time.ts';
import { wallTimeOf } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { Facts, Reservation } from '../state/identity-store.ts';
import type { Lock } from '../state/lock.ts';
import {
  currentPlan,
  identityKey,
  type ManagedRegistration,
  type PreparedAccount,
} from './managed-registration.ts';

/** CSeq numbers made durable at a time: for one command, and for an account that refreshes for weeks. */
const NUMBERS_FOR_ONE_COMMAND = 32;
const NUMBERS_FOR_KEEPING_ALIVE = 1_000;

/**
 * Keeps other commands from registering the account at the same time; `signal` ends the wait for one that already does.
 * null: it has an identity of its own.
 */
export async function lockIdentity(
  { plan, setup: { store } }: Pick<PreparedAccount, 'plan' | 'setup'>,
  waitMs: Millis,
  signal: AbortSignal,
): Promise<Result<Lock | null, Failure>> {
  if (store === null) return success(null);
  const locked = await store.lockAccount(identityKey(plan), waitMs, signal);
  if (locked.ok) return locked;
  const holder = locked.error.pid === null ? 'on another host' : String(locked.error.pid);
  return failure(failureOf('register.busy', `process ${holder} has a REGISTER of this account under way`));
}

/** Reserves the next block of CSeq numbers, durable when it resolves. */
export async function reserveNumbers(account: ManagedRegistration, renewCallId: boolean): Promise<Input> {
  const { regId, setup } = account;
  const { store, keepsAlive } = setup;
  // An identity that nobody else sees is as good as any other.
  if (store === null) return numbers(randomHex(systemRng, 16), 1, NUMBERS_FOR_ONE_COMMAND);
  const key = identityKey(currentPlan(account));
  if (renewCallId) await store.renewCallId(key, regId);
  const count = keepsAlive ? NUMBERS_FOR_KEEPING_ALIVE : NUMBERS_FOR_ONE_COMMAND;
  const { round } = account.lifecycle;
  const localPort = round?.phase.name === 'reserving' ? round.phase.place.flow.local.port : undefined;
  const reservation = await store.reserve(key, regId, count, localPort);
  account.reservation = reservation;
  return numbers(reservation.callId, reservation.firstCseq, reservation.lastCseq);
}

function numbers(callId: string, firstCseq: number, lastCseq: number): Input {
  return { type: 'cseqReserved', callId, firstCseq, lastCseq };
}

/** While the account lives on, what is noted of it is only worth a write when the Contact changed: a refresh costs none. */
export function noteFacts(account: ManagedRegistration): void {
  const { store } = account.setup;
  const { boundContact } = account.lifecycle.registration;
  if (store === null || account.reservation === null || boundContact === account.notedContact) return;
  account.notedContact = boundContact;
  store.note(identityKey(currentPlan(account)), account.regId, factsOf(account));
}

/** At its end the CSeq is noted too, and the numbers that were not used are given back; durable when it resolves. */
export async function settleNumbers(account: ManagedRegistration): Promise<void> {
  const { regId, reservation } = account;
  const { store } = account.setup;
  if (store === null || reservation === null) return;
  account.reservation = null;
  account.notedContact = account.lifecycle.registration.boundContact;
  const usedCseq = lastUsedOf(reservation, account.lifecycle.registration.identity);
  await store.settle(identityKey(currentPlan(account)), regId, reservation, {
    ...factsOf(account),
    usedCseq,
  });
}

/** The last number of `reservation` that was used, the one before its first for none: numbers that came when their round
 * was over were left alone. */
export function lastUsedOf(
  { callId, firstCseq }: Pick<Reservation, 'callId' | 'firstCseq'>,
  used: Pick<Identity, 'callId' | 'cseq'>,
): number {
  return used.callId === callId && used.cseq >= firstCseq ? used.cseq : firstCseq - 1;
}

/** Contact, port and grant. */
function factsOf({ lifecycle: { registration } }: ManagedRegistration): Facts {
  const { boundContact, flow, binding, publicAddress, target } = registration;
  return {
    contact: boundContact,
    localPort: flow?.local.port,
    registrar: target === null ? undefined : addressText(target),
    grantedUntil: binding === null ? null : wallTimeOf(binding.endsAt).toISOString(),
    publicAddress: publicAddress === null ? null : addressText(publicAddress.seen),
  };
}

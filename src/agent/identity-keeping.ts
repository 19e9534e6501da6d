// Between the machine and the durable state: numbers before they are used, and what a REGISTER left behind after it
// (behaviour.md §2).

import { type Failure, failureOf } from '../core/health/verdict.ts';
import type { Input } from '../core/registration/input.ts';
import { failure, type Result, success } from '../core/result.ts';
import { randomHex } from '../core/rng.ts';
import { bracketed } from '../core/sip/ip.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import type { Millis } from '../core/time.ts';
import { wallTimeOf } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { Settlement } from '../state/identity-store.ts';
import type { Lock } from '../state/lock.ts';
import { type AccountSetup, identityKey, type ManagedRegistration } from './managed-registration.ts';

/** CSeq numbers made durable at a time: for one command, and for an account that refreshes for weeks. */
const NUMBERS_FOR_ONE_COMMAND = 32;
const NUMBERS_FOR_KEEPING_ALIVE = 1_000;

/**
 * Keeps other commands from registering the account at the same time; `signal` ends the wait for one that already does.
 * null: it has an identity of its own.
 */
export async function lockIdentity(
  { plan, store }: AccountSetup,
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
  const { store, keepsAlive } = account.setup;
  // An identity that nobody else sees is as good as any other.
  if (store === null) {
    return {
      type: 'cseqReserved',
      callId: randomHex(systemRng, 16),
      firstCseq: 1,
      lastCseq: NUMBERS_FOR_ONE_COMMAND,
    };
  }
  if (renewCallId) await store.renewCallId(account.key, account.regId);
  const count = keepsAlive ? NUMBERS_FOR_KEEPING_ALIVE : NUMBERS_FOR_ONE_COMMAND;
  const { round } = account.lifecycle;
  const localPort = round?.phase.name === 'reserving' ? round.phase.place.flow.local.port : undefined;
  const reservation = await store.reserve(account.key, account.regId, count, localPort);
  account.reservation = reservation;
  const { callId, firstCseq, lastCseq } = reservation;
  return { type: 'cseqReserved', callId, firstCseq, lastCseq };
}

/**
 * Notes Contact, port and grant. While the account lives on that is only worth a write when the Contact changed: a
 * refresh costs none. `ends`: the CSeq is noted too, and the numbers that were not used are given back.
 */
export async function recordFacts(account: ManagedRegistration, ends = false): Promise<void> {
  const { store } = account.setup;
  const { reservation } = account;
  if (store === null || reservation === null) return;
  const { registration } = account.lifecycle;
  if (!ends && registration.boundContact === account.notedContact) return;
  account.notedContact = registration.boundContact;
  const { flow, binding, publicAddress, identity, target } = registration;
  const settlement: Settlement = {
    contact: registration.boundContact,
    grantedUntil: binding === null ? null : wallTimeOf(binding.endsAt).toISOString(),
    ...(flow === null ? {} : { localPort: flow.local.port }),
    ...(target === null ? {} : { registrar: addressText(target) }),
    publicAddress: publicAddress === null ? null : addressText(publicAddress.seen),
    ...(ends ? { usedCseq: identity.cseq } : {}),
  };
  if (ends) account.reservation = null;
  await store.settle(reservation, settlement);
}

function addressText({ address, port }: SocketAddress): string {
  return `${bracketed(address)}:${port}`;
}

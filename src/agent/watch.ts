// Accounts that are kept registered for as long as the process runs, and un-registered at its end: `register --watch`.

import { isEnded } from '../core/registration/lifecycle.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { Lock } from '../state/lock.ts';
import type { PreparedAccount } from './account-setup.ts';
import { Engine, type Observer } from './engine.ts';
import { lockIdentity } from './identity-keeping.ts';
import type { ManagedAccount } from './managed-account.ts';
import { rememberAccount } from './one-shot.ts';

export type WatchOptions = {
  readonly observer: Observer;
  /** Aborted when it is time to remove the bindings and end. */
  readonly end: AbortSignal;
  /** Aborted when even that is to be given up. */
  readonly endNow: AbortSignal;
};

/** What was left at the end: accounts whose binding could not be removed. */
export type WatchEnd = { readonly notRemoved: readonly ManagedAccount[] };

/** Bindings are removed within this time, over all accounts. */
const END_WITHIN_MS = 10_000;
/** How long another command that has the account may take to finish. */
const LOCK_WAIT_MS = 40_000;

/** Keeps the accounts registered until `end`. Resolves when their bindings are removed, or cannot be. */
export async function watch(
  prepared: readonly PreparedAccount[],
  { observer, end, endNow }: WatchOptions,
): Promise<WatchEnd> {
  const changed = new Set<() => void>();
  const engine = new Engine(systemRng, {
    ...observer,
    finished: (account, outcome) => {
      observer.finished(account, outcome);
      for (const notify of changed) notify();
    },
  });
  const accounts = prepared.map(rememberAccount);
  const locks: Lock[] = [];
  await Promise.all(
    accounts.map(async (account, index) => {
      const one = prepared[index];
      if (one !== undefined) await start(engine, account, one, { locks, end });
    }),
  );
  await aborted(end);
  const deadlineAt = monotonicNow() + END_WITHIN_MS;
  for (const account of accounts)
    engine.request(account, { type: 'stopRequested', deadlineAt, into: 'ended' });
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (accounts.every((account) => isEnded(account.lifecycle))) resolve();
    };
    changed.add(check);
    endNow.addEventListener('abort', () => resolve(), { once: true });
    check();
  });
  await Promise.all(accounts.map((account) => engine.conclude(account)));
  engine.close();
  for (const lock of locks) lock.release();
  return {
    notRemoved: accounts.filter(({ lifecycle }) => lifecycle.registration.boundContact !== null),
  };
}

async function start(
  engine: Engine,
  account: ManagedAccount,
  { setup, credentials }: PreparedAccount,
  { locks, end }: { readonly locks: Lock[]; readonly end: AbortSignal },
): Promise<void> {
  const lock = await lockIdentity(setup, LOCK_WAIT_MS, end);
  if (end.aborted && !lock.ok) return;
  if (lock.ok && lock.value !== null) locks.push(lock.value);
  const obstacle = lock.ok ? (credentials.ok ? null : credentials.error) : lock.error;
  if (obstacle === null) engine.request(account, { type: 'roundRequested', goal: 'register' });
  else engine.request(account, { type: 'roundPrevented', goal: 'register', failure: obstacle });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

// What operators order of single accounts: refresh, pause, resume. Each waits for its outcome and says it in words.

import type { Outcome } from '../core/registration/effect.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import type { ManagedAccount } from './managed-account.ts';
import type { Member } from './member.ts';
import type { OperationResult } from './operations.ts';
import type { Supervisor } from './supervisor.ts';

/** How long a pause waits for the registrar. */
const PAUSE_WITHIN_MS: Millis = 35_000;

type Results = Promise<readonly OperationResult[]>;

/** behaviour.md §10: leaves `blocked` and every wait at once. A REGISTER that is under way is waited for. */
export function refreshAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (member, account) => {
    if (account.lifecycle.state === 'paused') return 'it is paused: resume it first';
    return await register(supervisor, member, account);
  });
}

/** Removes the binding and stays away, over restarts too, until a resume. */
export function pauseAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (member, account) => {
    await supervisor.store.setPaused(account.key, new Date().toISOString());
    const deadlineAt = monotonicNow() + PAUSE_WITHIN_MS;
    supervisor.engine.request(account, { type: 'stopRequested', deadlineAt, into: 'paused' });
    await rest(supervisor, member, account);
    return account.lifecycle.registration.boundContact === null
      ? null
      : 'the binding could not be removed; it stays until it ends';
  });
}

export function resumeAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (member, account) => {
    await supervisor.store.setPaused(account.key, null);
    return await register(supervisor, member, account);
  });
}

async function register(
  supervisor: Supervisor,
  member: Member,
  account: ManagedAccount,
): Promise<string | null> {
  // A pause that is under way comes to its end first.
  while (account.lifecycle.round !== null && account.lifecycle.stop !== null) {
    await supervisor.nextOutcome(member);
  }
  if (account.isConcluded) return 'the agent has let go of it: it is ending, or has other settings now';
  const finished = supervisor.nextOutcome(member);
  if (account.lifecycle.round === null) {
    supervisor.engine.request(account, { type: 'roundRequested', goal: 'register' });
  }
  return textOf(await finished);
}

async function forEach(
  supervisor: Supervisor,
  names: readonly string[],
  work: (member: Member, account: ManagedAccount) => Promise<string | null>,
): Results {
  return await Promise.all(
    names.map(async (name) => {
      const member = supervisor.members().get(name);
      if (member === undefined) throw new Error(`there is no account ${name}`);
      const problem = member.account === null ? 'it is disabled' : await work(member, member.account);
      const snapshot = supervisor.snapshot(name);
      if (snapshot === undefined) throw new Error(`${name} was removed meanwhile`);
      return { account: name, ok: problem === null, text: problem ?? snapshot.state, snapshot };
    }),
  );
}

/** Waits until the account is paused, or until something else became of it: a reload or the agent's end. */
async function rest(supervisor: Supervisor, member: Member, account: ManagedAccount): Promise<void> {
  const isPausing = (): boolean =>
    member.account === account &&
    !account.isConcluded &&
    account.lifecycle.state !== 'paused' &&
    account.lifecycle.stop?.into === 'paused';
  while (isPausing()) await supervisor.nextOutcome(member);
}

function textOf(outcome: Outcome | null): string | null {
  return outcome?.type === 'failed' ? `${outcome.failure.code}: ${outcome.failure.cause}` : null;
}

// One round for each of some accounts, and nothing after it: what `register`, `unregister` and `bindings` do. While
// its REGISTER is under way an account is locked, so that two commands never register it at once.

import type { AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import { describe } from '../core/registration/describe.ts';
import type { Outcome } from '../core/registration/effect.ts';
import type { Goal } from '../core/registration/input.ts';
import type { Lifecycle } from '../core/registration/lifecycle-state.ts';
import type { Result } from '../core/result.ts';
import { monotonicNow, wallTimeOf } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { KeyLog } from '../runtime/tls/key-log.ts';
import type { Lock } from '../state/lock.ts';
import { manageAccount } from './account-start.ts';
import { Engine } from './engine.ts';
import { flowAfterFlow } from './flow-after-flow.ts';
import { lockIdentity } from './identity-keeping.ts';
import {
  identityKey,
  type ManagedRegistration,
  type PreparedAccount,
  type Registrations,
} from './managed-registration.ts';
import type { Observer } from './observer.ts';
import { rejectionRecord, rejectionsOf, withheldCredentials } from './rejected-credentials.ts';
import { unwatchedTls } from './tls-watch.ts';

export type OneShotOptions = {
  readonly goal: Goal;
  /** What becomes of credentials that were rejected until they were blocked: they are sent all the same, when their probe is
   * due, or not at all. */
  readonly blocked: 'sent' | 'probed' | 'withheld';
  readonly timeoutSeconds: number;
  readonly observer: Pick<Observer, 'warned' | 'message' | 'dropped'>;
  /** Called for each account as soon as it is done. */
  readonly concluded: (result: AccountResult) => void;
  /** Aborted by a signal of the operator's: everything ends at once, with the numbers that were used noted. */
  readonly interrupt: AbortSignal;
  /** Takes the secrets of TLS sessions, for Wireshark. */
  readonly keyLog?: KeyLog | undefined;
};

export type AccountResult = { readonly outcome: Outcome; readonly snapshot: AccountSnapshot };

/** Runs one round for every account, all at once; the results are in the order of `accounts`. */
export async function runOnce(
  accounts: readonly PreparedAccount[],
  options: OneShotOptions,
): Promise<readonly AccountResult[]> {
  const waiting = new Map<ManagedRegistration, (outcome: Outcome) => void>();
  const tls = unwatchedTls(options.keyLog);
  const observer: Observer = {
    ...options.observer,
    stateChanged: () => {},
    finished: (account, outcome) => waiting.get(account)?.(outcome),
  };
  const engine = new Engine(systemRng, observer, { tls });
  const finishedOf = (account: ManagedRegistration): Promise<Outcome> =>
    new Promise((resolve) => waiting.set(account, resolve));
  // One for all accounts: Node takes more than ten listeners of a signal for a leak, and says so.
  const interrupted = interruption(options.interrupt);
  try {
    return await Promise.all(
      accounts.map(async (prepared) => {
        const result = await runAccount(prepared, options, { engine, finishedOf, interrupted });
        options.concluded(result);
        return result;
      }),
    );
  } finally {
    engine.close();
    tls.stop();
  }
}

/** What the accounts of a command have in common. */
type Run = {
  readonly engine: Engine;
  readonly finishedOf: (account: ManagedRegistration) => Promise<Outcome>;
  readonly interrupted: Promise<null>;
};

async function runAccount(
  prepared: PreparedAccount,
  options: OneShotOptions,
  { engine, finishedOf, interrupted }: Run,
): Promise<AccountResult> {
  const deadlineAt = monotonicNow() + options.timeoutSeconds * 1000;
  const lock = await lockIdentity(prepared, options.timeoutSeconds * 1000, options.interrupt);
  try {
    if (options.interrupt.aborted) throw new Interrupted();
    const flows = rememberAccount(prepared);
    const obstacle = obstacleTo(prepared, lock, options);
    const finished = flowAfterFlow(flows, (flow, rejected) => {
      const outcome = finishedOf(flow);
      begin(engine, flow, obstacle ?? rejected, options.goal, deadlineAt);
      return outcome;
    });
    const outcomes = await Promise.race([finished, interrupted]);
    const snapshot = asLeft(describeAccount(flows));
    if (outcomes !== null && obstacle === null) await noteCredentials(prepared, flows, outcomes);
    await Promise.all(flows.map((flow) => engine.conclude(flow)));
    if (outcomes === null) throw new Interrupted();
    return { outcome: outcomeOfAccount(options.goal, outcomes, flows), snapshot };
  } finally {
    if (lock.ok) lock.value?.release();
  }
}

/**
 * With several flows one that did is enough, but a removal is only done when no flow may still be bound; else the first
 * failure is the account's.
 */
function outcomeOfAccount(goal: Goal, outcomes: readonly Outcome[], flows: Registrations): Outcome {
  const isLeft = (_: Outcome, at: number): boolean =>
    goal === 'remove' && flows[at]?.lifecycle.registration.boundContact !== null;
  const outcome = outcomes.find(isLeft) ?? outcomes.find(({ type }) => type !== 'failed') ?? outcomes[0];
  if (outcome === undefined) throw new Error('an account has a flow');
  return outcome;
}

/** As things stand when the command has ended: nobody will try again, whatever the machine would have done. */
function asLeft(snapshot: AccountSnapshot): AccountSnapshot {
  const flows = snapshot.flows.map((flow) => ({ ...flow, state: endState(flow.state), nextAttempt: null }));
  return { ...snapshot, state: endState(snapshot.state), flows, nextAttempt: null };
}

function endState(state: AccountState): AccountState {
  return state === 'waiting' || state === 'blocked' ? 'unregistered' : state;
}

/** The operator ended the command before it was done. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** An instant of the monotonic clock as RFC 3339 UTC. */
export function dateOf(at: number): string {
  return wallTimeOf(at).toISOString();
}

/** The snapshot of an account, as the outside sees it. */
export function describeAccount([first, ...others]: Registrations): AccountSnapshot {
  return describe(lifecyclesOf(first, others), dateOf);
}

/** The machine of each flow. */
export function lifecyclesOf(
  first: ManagedRegistration,
  others: readonly ManagedRegistration[],
): readonly [Lifecycle, ...Lifecycle[]] {
  if (others.length === 0) return [first.lifecycle];
  return [first.lifecycle, ...others.map(({ lifecycle }) => lifecycle)];
}

/** The account's registrations with what is remembered of them. */
export function rememberAccount(prepared: PreparedAccount): Registrations {
  return manageAccount(prepared, systemRng, { as: 'unregistered', rejected: rejectionsOf(prepared) });
}

/** Why the round cannot even begin; null: it can. Looked at under the lock: others may have been rejected meanwhile. */
function obstacleTo(
  prepared: PreparedAccount,
  lock: Result<Lock | null, Failure>,
  { blocked }: OneShotOptions,
): Failure | null {
  if (!lock.ok) return lock.error;
  if (!prepared.credentials.ok) return prepared.credentials.error;
  return blocked === 'sent' ? null : withheldCredentials(prepared, blocked === 'probed');
}

/** What the registrar said to the credentials, for those who register next; on disk when it resolves. */
async function noteCredentials(
  { plan, memory, setup: { store } }: PreparedAccount,
  flows: Registrations,
  outcomes: readonly Outcome[],
): Promise<void> {
  if (store === null) return;
  const key = identityKey(plan);
  if (outcomes.some(({ type }) => type !== 'failed')) {
    if (memory.load(key).rejected !== null) await store.setRejected(key, null);
    return;
  }
  const rejected = flows.find(({ lifecycle }) => lifecycle.failure?.failure.code === 'auth.rejected');
  const record = rejected === undefined ? null : rejectionRecord(rejected, store.instanceId());
  if (record !== null) await store.setRejected(key, record);
}

function begin(
  engine: Engine,
  account: ManagedRegistration,
  obstacle: Failure | null,
  goal: Goal,
  deadlineAt: number,
): void {
  if (obstacle === null) engine.request(account, { type: 'roundRequested', goal, deadlineAt });
  else engine.request(account, { type: 'roundPrevented', goal, failure: obstacle });
}

function interruption(interrupt: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (interrupt.aborted) resolve(null);
    else interrupt.addEventListener('abort', () => resolve(null), { once: true });
  });
}

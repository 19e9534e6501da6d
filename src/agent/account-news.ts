// What happens to the agent's accounts, told: as events, in each member's short history, and to those who wait for an
// outcome. And what of it concerns others: a registrar that is back, credentials that were rejected, the other flows.

import type { AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import { isOfCredentials } from '../core/registration/after-failure.ts';
import { failureOfFlow, stateOfAccount } from '../core/registration/describe.ts';
import type { Outcome } from '../core/registration/effect.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { IdentityStore } from '../state/identity-store.ts';
import { registrarOf } from './admission.ts';
import type { Engine } from './engine.ts';
import type { AgentEvent } from './events.ts';
import { settleNumbers } from './identity-keeping.ts';
import {
  currentPlan,
  identityKey,
  type ManagedRegistration,
  type Member,
  nameOf,
} from './managed-registration.ts';
import { isUp, remember } from './member.ts';
import type { Members } from './members.ts';
import type { Observer } from './observer.ts';
import { dateOf, describeAccount, lifecyclesOf } from './one-shot.ts';
import { transition } from './recollection.ts';
import { rejectionRecord } from './rejected-credentials.ts';
import { isRoutine, StateChange } from './state-change.ts';

export type AccountNewsOptions = {
  readonly members: Members;
  readonly store: IdentityStore;
  readonly emit: (event: AgentEvent) => void;
  readonly engine: () => Engine;
};

export class AccountNews
  implements Pick<Observer, 'stateChanged' | 'finished' | 'warned' | 'crashed' | 'flowLost'>
{
  readonly #options: AccountNewsOptions;
  /** Called, once each, when the registration's round ends or it comes to rest. */
  readonly #waiting = new Map<ManagedRegistration, readonly ((outcome: Outcome | null) => void)[]>();
  /** By registrar: who waits for it to come back, and has not been woken yet. */
  readonly #waitingFor = new Map<string, Set<ManagedRegistration>>();
  /** Verdicts on one flow that the account's other flows took over. */
  readonly #passedOn = new WeakSet<Failure>();
  /** What is on its way to the state. */
  readonly #writes = new Set<Promise<void>>();

  constructor(options: AccountNewsOptions) {
    this.#options = options;
  }

  /** Resolves when the registration's next round has ended; null: it came to rest without one. */
  nextOutcome(flow: ManagedRegistration): Promise<Outcome | null> {
    return new Promise((resolve) => {
      this.#waiting.set(flow, [...(this.#waiting.get(flow) ?? []), resolve]);
    });
  }

  /** The registration is on its way out: nobody wakes it any more. */
  forget(account: ManagedRegistration): void {
    this.#waitingFor.get(registrarOf(account))?.delete(account);
  }

  stateChanged(account: ManagedRegistration, previous: AccountState): void {
    const member = this.#options.members.of(account);
    if (member === undefined) return;
    if (member.others.length > 0) this.#flowChanged(member, account, previous);
    this.#tellState(member, account);
    this.#noteWaiting(account);
    const { state, round } = account.lifecycle;
    // While it is paused its Call-ID is free for one-shot commands: the numbers that were not used are given back.
    if (state === 'paused') this.#keep(account, settleNumbers(account));
    if (round === null) this.#wake(account, null);
  }

  /** One of several flows came into another state: the others' patience depends on it (RFC 5626 §4.5). */
  #flowChanged(member: Member, changed: ManagedRegistration, previous: AccountState): void {
    const flows = member.flows ?? [];
    const { state } = changed.lifecycle;
    if (!isRoutine(previous, state)) {
      const text = `flow ${changed.regId}: ${previous} → ${state}`;
      remember(member, Date.now(), { severity: 'info', text });
    }
    for (const flow of flows) {
      const others = flows.some((one) => one !== flow && isUp(one.lifecycle.state)) ? 'up' : 'down';
      if (flow.lifecycle.others !== others)
        this.#options.engine().request(flow, { type: 'othersChanged', others });
    }
  }

  /** Tells the state of the account, when it is another one than before. */
  #tellState(member: Member, changed: ManagedRegistration): void {
    const { state: previous, first, others } = member;
    const state = stateOfFlows(first ?? changed, others);
    if (state === previous) return;
    member.state = state;
    const change = new StateChange(member.name, previous, state, first ?? changed, others);
    if (!isRoutine(previous, state)) {
      remember(member, change.at, transition(previous, state, change.severity));
    }
    this.#options.emit(change);
    if (state === 'registered' && member.isNotedRejected) this.#forgetRejected(member, changed);
  }

  /** behaviour.md §10: however often the agent is started anew, it goes on from here. */
  #noteRejected(member: Member, account: ManagedRegistration): void {
    const { store } = this.#options;
    // Where another flow is up they are good, and it must not wait at the next start.
    if (member.others.length > 0 && member.flows?.some(({ lifecycle }) => isUp(lifecycle.state))) return;
    const record = rejectionRecord(account, store.instanceId());
    if (record === null) return;
    member.isNotedRejected = true;
    this.#keep(account, store.setRejected(identityKey(currentPlan(account)), record));
  }

  #forgetRejected(member: Member, account: ManagedRegistration): void {
    member.isNotedRejected = false;
    this.#keep(account, this.#options.store.setRejected(identityKey(currentPlan(account)), null));
  }

  #noteWaiting(account: ManagedRegistration): void {
    if (this.#waitingFor.size === 0 && account.lifecycle.state !== 'waiting') return;
    const registrar = registrarOf(account);
    const waiting = this.#waitingFor.get(registrar);
    if (account.lifecycle.state !== 'waiting') waiting?.delete(account);
    else if (waiting === undefined) this.#waitingFor.set(registrar, new Set([account]));
    else waiting.add(account);
  }

  /** The store tells by itself what it cannot write; anything else that goes wrong is told here. */
  #keep(account: ManagedRegistration, writing: Promise<void>): void {
    const write = writing
      .catch((error: unknown) => this.crashed(account, error))
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Resolves when everything that was to be kept of the accounts is. */
  async written(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes);
  }

  finished(account: ManagedRegistration, outcome: Outcome): void {
    const member = this.#options.members.of(account);
    if (member === undefined) return;
    if (outcome.type === 'failed') this.#failed(account, member, outcome.failure);
    if (outcome.type === 'registered') this.#wakeOthers(account);
    this.#wake(account, outcome);
  }

  #failed(account: ManagedRegistration, member: Member, verdict: Failure): void {
    const flows = member.flows ?? [account];
    const { state, registrar, flows: described } = describeAccount(flows);
    const lifecycles = flows.map(({ lifecycle }) => lifecycle);
    const failure = failureOfFlow(lifecycles, account.lifecycle, dateOf);
    const nextAttempt = described.find(({ regId }) => regId === account.regId)?.nextAttempt ?? null;
    if (failure === null || this.#passedOn.has(verdict)) return;
    if (isOfCredentials(verdict)) this.#noteRejected(member, account);
    if (verdict.code === 'auth.rejected') this.#passOn(verdict, flows, account);
    const at = Date.now();
    remember(member, at, { severity: 'warning', text: `${failure.code}: ${failure.cause}` });
    this.#options.emit({
      time: new Date(at).toISOString(),
      severity: failure.stage === 'auth' || failure.stage === 'internal' ? 'error' : 'warning',
      type: 'failure',
      account: member.name,
      registrar,
      state,
      failure,
      nextAttempt,
      count: account.lifecycle.setbacks.failures,
    });
  }

  /** behaviour.md §11: a success on a target wakes the accounts that wait for it; the admission paces them. */
  #wakeOthers(recovered: ManagedRegistration): void {
    if (this.#waitingFor.size === 0) return;
    const registrar = registrarOf(recovered);
    const waiting = this.#waitingFor.get(registrar);
    if (waiting === undefined || waiting.size === 0) return;
    // Each is woken once: those whose next try fails too come back into the set.
    this.#waitingFor.delete(registrar);
    for (const account of waiting) this.#options.engine().request(account, { type: 'outageMayBeOver' });
  }

  /** behaviour.md §10: what the registrar rejected on one flow is not tried on the account's other flows as well. */
  #passOn(failure: Failure, flows: readonly ManagedRegistration[], rejected: ManagedRegistration): void {
    this.#passedOn.add(failure);
    for (const flow of flows) {
      const { state, round } = flow.lifecycle;
      const isToTry =
        round === null && (state === 'unregistered' || state === 'waiting' || state === 'blocked');
      if (flow === rejected || !isToTry) continue;
      this.#options.engine().request(flow, { type: 'roundPrevented', goal: 'register', failure });
    }
  }

  #wake(flow: ManagedRegistration, outcome: Outcome | null): void {
    const waiting = this.#waiting.get(flow);
    if (waiting === undefined) return;
    this.#waiting.delete(flow);
    for (const resolve of waiting) resolve(outcome);
  }

  /** One line for a flow, however many were registered over it. Those who were not will tell why in their own verdict. */
  flowLost(flow: Flow, users: readonly ManagedRegistration[], { code, cause }: Failure): void {
    const concerned = users.filter(({ lifecycle: { state, round, registration } }) => {
      return state === 'registered' && round === null && registration.flow?.id === flow.id;
    });
    const [first, second] = concerned;
    if (first === undefined) return;
    const at = Date.now();
    const told = { severity: 'notice' as const, text: cause };
    for (const one of concerned) {
      const member = this.#options.members.of(one);
      if (member !== undefined) remember(member, at, told);
    }
    const time = new Date(at).toISOString();
    const who = second === undefined ? 'it registers' : `${concerned.length} accounts register`;
    const account = second === undefined ? nameOf(first) : null;
    this.#options.emit({ time, ...told, type: 'warning', account, code, text: `${cause}; ${who} again` });
  }

  warned(account: ManagedRegistration, text: string): void {
    this.warn(account, 'account.warning', text);
  }

  warn(account: ManagedRegistration, code: string, text: string): void {
    const name = nameOf(account);
    const at = Date.now();
    const time = new Date(at).toISOString();
    const member = this.#options.members.of(account);
    if (member !== undefined) remember(member, at, { severity: 'warning', text });
    this.#options.emit({ time, severity: 'warning', type: 'warning', account: name, code, text });
  }

  crashed(account: ManagedRegistration, error: unknown): void {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.warn(
      account,
      'account.crashed',
      `a bug in sipreg, please report it; the account begins again: ${words}`,
    );
  }
}

function stateOfFlows(first: ManagedRegistration, others: readonly ManagedRegistration[]): AccountState {
  if (others.length === 0) return first.lifecycle.state;
  return stateOfAccount(lifecyclesOf(first, others).map(({ state }) => state));
}

// The agent's accounts: each enabled one is kept registered, whatever happens. The supervisor starts them, tells what
// happens to them, carries out what operators ask, and ends them; when and how each registers is its own machine's
// business. Reload is in reload.ts.

import type { LoadedAccounts } from '../accounts/load.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import { stateOfAccount } from '../core/registration/describe.ts';
import type { Outcome } from '../core/registration/effect.ts';
import { isEnded } from '../core/registration/lifecycle.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { IdentityStore } from '../state/identity-store.ts';
import { type PreparedAccount, prepareAccount } from './account-setup.ts';
import { type Admissions, createAdmissions, DEFAULT_PACE, registrarOf } from './admission.ts';
import { leftText, startOf } from './earlier-run.ts';
import { Engine, type Observer } from './engine.ts';
import type { AgentEvent, Severity } from './events.ts';
import { recordFacts } from './identity-keeping.ts';
import { readSecretsAgain } from './lookups.ts';
import { type ManagedRegistration, manageAccount, type Registrations } from './managed-registration.ts';
import { type Member, remember, snapshotOf } from './member.ts';
import { describeAccount } from './one-shot.ts';
import type { AccountDetail } from './operations.ts';
import { secretFingerprint } from './secret-fingerprint.ts';

export type SupervisorOptions = {
  readonly product: string;
  readonly store: IdentityStore;
  /** Told of everything, as it happens. */
  readonly emit: (event: AgentEvent) => void;
  readonly message: Observer['message'];
  readonly dropped: (flow: Flow, text: string) => void;
  /** Accounts to keep; empty: every enabled one. */
  readonly only: readonly string[];
  /** Registrations a second at each registrar. */
  readonly pace: number | undefined;
  /** Seconds to ask for in place of the accounts' own; null: the accounts' own. */
  readonly expires: number | null;
};

/** Accounts that are made ready together: a command that prints a password may take its time. */
const START_BATCH = 16;
/** An account's further flows begin so much later, each after the other. */
const FLOW_AFTER_FLOW_MS: Millis = 1_000;
/** All bindings are removed within this time. */
const STOP_WITHIN_MS: Millis = 9_000;
/** Removals that leave together: more would overflow the sockets' buffers. */
const STOP_BATCH = 100;
const STOP_BATCH_EVERY_MS: Millis = 20;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #admissions: Admissions;
  readonly #startedAt = new Date().toISOString();
  readonly #members = new Map<string, Member>();
  readonly #memberOf = new Map<ManagedRegistration, Member>();
  /** Accounts with an old identity, on their way out; they belong to no member any more. */
  readonly #retiring = new Set<ManagedRegistration>();
  /** Called, once each, when the registration's round ends or it comes to rest. */
  readonly #waiting = new Map<ManagedRegistration, readonly ((outcome: Outcome | null) => void)[]>();
  /** By registrar: who waits for it to come back, and has not been woken yet. */
  readonly #waitingFor = new Map<string, Set<ManagedRegistration>>();
  /** Verdicts on one flow that the account's other flows took over. */
  readonly #passedOn = new WeakSet<Failure>();
  /** Everything has ended: what a reload still brings does not begin any more. */
  #isOver = false;
  readonly engine: Engine;
  readonly store: IdentityStore;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.store = options.store;
    this.#admissions = createAdmissions(options.pace ?? DEFAULT_PACE);
    this.engine = new Engine(
      systemRng,
      {
        stateChanged: (account, previous) => this.#stateChanged(account, previous),
        finished: (account, outcome) => this.#finished(account, outcome),
        warned: (account, text) => this.#warn(account, 'account.warning', text),
        crashed: (account, error) => this.#crashed(account, error),
        message: options.message,
        dropped: options.dropped,
      },
      (account, now) => this.#admissions.admit(account, now),
    );
  }

  /** Takes the accounts of the file in, until `end`; they begin by themselves, paced. */
  async start(loaded: LoadedAccounts, end: AbortSignal): Promise<void> {
    const entries = [...loaded.accounts].filter(([name]) => this.isWanted(name));
    for (let from = 0; from < entries.length && !end.aborted; from += START_BATCH) {
      const batch = entries.slice(from, from + START_BATCH);
      await Promise.all(batch.map(([name, entry]) => this.admitMember(name, entry, loaded.directory)));
    }
  }

  isWanted(name: string): boolean {
    return this.#options.only.length === 0 || this.#options.only.includes(name);
  }

  /** Adds an account; an enabled one gets its machine. */
  async admitMember(name: string, entry: AccountEntry, directory: string): Promise<Member> {
    const member: Member = { name, entry, flows: null, state: 'disabled', history: [] };
    this.#members.set(name, member);
    if (entry.enabled !== false) this.employ(member, await this.prepare(name, entry, directory));
    return member;
  }

  prepare(name: string, entry: AccountEntry, directory: string): Promise<PreparedAccount> {
    const { product, store, expires } = this.#options;
    return prepareAccount(directory, name, entry, {
      product,
      store,
      memory: store,
      keepsAlive: true,
      expires,
    });
  }

  /** Gives `member` a machine for each of its flows and lets them begin. */
  employ(member: Member, prepared: PreparedAccount): void {
    const { setup, credentials, warnings } = prepared;
    const known = credentials.ok ? credentials.value : [];
    const flows = manageAccount(setup, known, systemRng, startOf(prepared, this.store));
    const [first] = flows;
    member.flows = flows;
    member.state = first.lifecycle.state;
    for (const flow of flows) this.#memberOf.set(flow, member);
    for (const text of warnings) this.#warn(first, 'account.settings', text);
    const left = leftText(first);
    if (left !== null) this.#warn(first, 'account.left', left);
    for (const flow of flows) this.#begin(flow, credentials.ok ? null : credentials.error);
  }

  #begin(flow: ManagedRegistration, obstacle: Failure | null): void {
    const { state } = flow.lifecycle;
    flow.isConcluded = this.#isOver;
    if (this.#isOver) return;
    if (state === 'unregistered') {
      const at = this.#admissions.next(registrarOf(flow), monotonicNow());
      // A wrong password shows on the first flow; the others need not try it too.
      flow.admittedAt = at + (flow.regId - 1) * FLOW_AFTER_FLOW_MS;
    }
    this.engine.add(flow);
    if (obstacle === null || state === 'paused') return;
    this.engine.request(flow, { type: 'roundPrevented', goal: 'register', failure: obstacle });
  }

  /** From now on the registration belongs to no member: it is kept as it is until `dismiss`. */
  retire(account: ManagedRegistration): void {
    this.#forget(account);
    this.#retiring.add(account);
  }

  /**
   * Removes the account's binding with its own identity, and lets it go; false: the binding may still be there. With a
   * successor, who has the same binding, it only lets the account go.
   */
  async dismiss(account: ManagedRegistration, hasSuccessor: boolean): Promise<boolean> {
    this.retire(account);
    if (!hasSuccessor) {
      const deadlineAt = monotonicNow() + STOP_WITHIN_MS;
      this.engine.request(account, { type: 'stopRequested', deadlineAt, into: 'ended' });
      while (!isEnded(account.lifecycle) && !account.isConcluded) await pause(STOP_BATCH_EVERY_MS);
    }
    await this.engine.conclude(account);
    this.#retiring.delete(account);
    return hasSuccessor || account.lifecycle.registration.boundContact === null;
  }

  /** Whether the registration belongs to a member, and is not on its way out. */
  isKept(flow: ManagedRegistration): boolean {
    return this.#memberOf.has(flow);
  }

  members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  remove(name: string): void {
    this.#members.delete(name);
  }

  /** Puts the members into the order of the file. */
  reorder(names: Iterable<string>): void {
    for (const name of names) {
      const member = this.#members.get(name);
      if (member === undefined) continue;
      this.#members.delete(name);
      this.#members.set(name, member);
    }
  }

  /** undefined: there is no such account. */
  snapshot(name: string): AccountSnapshot | undefined {
    const member = this.#members.get(name);
    return member === undefined ? undefined : snapshotOf(member, this.#startedAt);
  }

  /** How many accounts are enabled, and how many of them registered. */
  count(): { readonly registered: number; readonly enabled: number } {
    let registered = 0;
    let enabled = 0;
    for (const { flows, state } of this.#members.values()) {
      if (flows !== null) enabled += 1;
      if (isUp(state)) registered += 1;
    }
    return { registered, enabled };
  }

  detail(name: string): AccountDetail | undefined {
    const member = this.#members.get(name);
    if (member === undefined) return undefined;
    return { ...snapshotOf(member, this.#startedAt), events: member.history };
  }

  /** Who waits for another secret. */
  *rejected(): Iterable<ManagedRegistration> {
    for (const account of this.#memberOf.keys()) {
      const { state, failure } = account.lifecycle;
      const stage = failure?.failure.stage;
      if (state === 'blocked' || (state === 'waiting' && (stage === 'auth' || stage === 'secret')))
        yield account;
    }
  }

  /** Reads the account's secrets again, and lets it try at once when they are others. */
  async secretsTouched(account: ManagedRegistration): Promise<void> {
    const { setup } = account;
    const read = await readSecretsAgain(account);
    // A reload may have given it other secrets meanwhile.
    if (read.type !== 'secretRead' || account.isConcluded || account.setup !== setup) return;
    const { credentials } = account.lifecycle.registration;
    if (JSON.stringify(read.credentials) === JSON.stringify(credentials)) return;
    this.#warn(account, 'account.secret-changed', 'its secret has changed: it is tried again');
    this.engine.request(account, { type: 'secretChanged', credentials: read.credentials });
  }

  /** The wall clock went on without us: everybody looks again, paced. */
  clockJumped(byMs: Millis): void {
    const now = monotonicNow();
    for (const account of this.#memberOf.keys()) {
      const recheckAt = this.#admissions.next(registrarOf(account), now);
      this.engine.request(account, { type: 'clockJumped', byMs, recheckAt });
    }
  }

  /** Removes every binding (or leaves them) and ends; the names of the accounts whose binding is still there. */
  async stop(keepBindings: boolean, hurry: AbortSignal): Promise<readonly string[]> {
    if (!keepBindings) await this.#removeAll(hurry);
    this.#isOver = true;
    const accounts = [...this.#memberOf.keys(), ...this.#retiring];
    const left = keepBindings
      ? []
      : accounts.filter(({ lifecycle }) => lifecycle.registration.boundContact !== null);
    await Promise.all(accounts.map((account) => this.engine.conclude(account)));
    this.engine.close();
    return [...new Set(left.map(({ setup }) => setup.plan.account))];
  }

  /** Resolves when the registration's next round has ended; null: it came to rest without one. */
  nextOutcome(flow: ManagedRegistration): Promise<Outcome | null> {
    return new Promise((resolve) => {
      this.#waiting.set(flow, [...(this.#waiting.get(flow) ?? []), resolve]);
    });
  }

  /** Looks again and again: a reload or an operator may still give an account something else to do. */
  async #removeAll(hurry: AbortSignal): Promise<void> {
    const deadlineAt = monotonicNow() + STOP_WITHIN_MS;
    const batch = Math.max(STOP_BATCH, Math.ceil((this.#memberOf.size + this.#retiring.size) / 200));
    while (!hurry.aborted) {
      const left = [...this.#memberOf.keys(), ...this.#retiring].filter(
        ({ lifecycle, isConcluded }) => !isEnded(lifecycle) && !isConcluded,
      );
      if (left.length === 0) return;
      const next = left.filter(({ lifecycle }) => lifecycle.stop?.into !== 'ended').slice(0, batch);
      for (const account of next) {
        this.engine.request(account, { type: 'stopRequested', deadlineAt, into: 'ended' });
      }
      await pause(STOP_BATCH_EVERY_MS);
    }
  }

  #stateChanged(account: ManagedRegistration, previous: AccountState): void {
    const member = this.#memberOf.get(account);
    if (member === undefined) return;
    const { state } = account.lifecycle;
    if (member.flows !== null && member.flows.length > 1)
      this.#flowChanged(member, member.flows, account, previous);
    this.#tellState(member, account);
    this.#noteWaiting(account);
    // While it is paused its Call-ID is free for one-shot commands: the numbers that were not used are given back.
    if (state === 'paused') this.#keep(account, recordFacts(account, true));
    if (account.lifecycle.round === null) this.#wake(account, null);
  }

  /** One of several flows came into another state: the others' patience depends on it (RFC 5626 §4.5). */
  #flowChanged(
    member: Member,
    flows: Registrations,
    changed: ManagedRegistration,
    previous: AccountState,
  ): void {
    const { state } = changed.lifecycle;
    if (!isRoutine(previous, state)) {
      const text = `flow ${changed.regId}: ${previous} → ${state}`;
      remember(member, { time: new Date().toISOString(), severity: 'info', text });
    }
    for (const flow of flows) {
      const others = flows.some((one) => one !== flow && isUp(one.lifecycle.state)) ? 'up' : 'down';
      if (flow.lifecycle.others !== others) this.engine.request(flow, { type: 'othersChanged', others });
    }
  }

  /** Tells the state of the account, when it is another one than before. */
  #tellState(member: Member, changed: ManagedRegistration): void {
    const { flows, state: previous } = member;
    if (flows === null) return;
    const state = stateOfAccount(flows.map(({ lifecycle }) => lifecycle.state));
    if (state === previous) return;
    member.state = state;
    const routine = isRoutine(previous, state);
    const severity: Severity = state === 'blocked' ? 'error' : routine ? 'debug' : 'info';
    const time = new Date().toISOString();
    if (!routine) remember(member, { time, severity, text: `${previous} → ${state}` });
    const snapshot = describeAccount(flows);
    this.#options.emit({ time, severity, type: 'state', account: member.name, state, previous, snapshot });
    this.#noteBlocked(changed, state, previous);
  }

  #noteBlocked(account: ManagedRegistration, state: AccountState, previous: AccountState): void {
    const { store } = this.#options;
    if (state === 'blocked') {
      const { credentials } = account.lifecycle.registration;
      const fingerprint = secretFingerprint(credentials, store.instanceId());
      const blocked = { since: new Date().toISOString(), secretFingerprint: fingerprint };
      this.#keep(account, store.setBlocked(account.key, blocked));
    } else if (state === 'registered' && previous === 'registering') {
      if (store.load(account.key).blocked !== null) this.#keep(account, store.setBlocked(account.key, null));
    }
  }

  #noteWaiting(account: ManagedRegistration): void {
    const registrar = registrarOf(account);
    const waiting = this.#waitingFor.get(registrar);
    if (account.lifecycle.state !== 'waiting') waiting?.delete(account);
    else if (waiting === undefined) this.#waitingFor.set(registrar, new Set([account]));
    else waiting.add(account);
  }

  #forget(account: ManagedRegistration): void {
    this.#memberOf.delete(account);
    this.#waitingFor.get(registrarOf(account))?.delete(account);
  }

  /** The store tells by itself what it cannot write; anything else that goes wrong is told here. */
  #keep(account: ManagedRegistration, writing: Promise<void>): void {
    writing.catch((error: unknown) => this.#crashed(account, error));
  }

  #finished(account: ManagedRegistration, outcome: Outcome): void {
    const member = this.#memberOf.get(account);
    if (member === undefined) return;
    if (outcome.type === 'failed') this.#failed(account, member, outcome.failure);
    if (outcome.type === 'registered') this.#wakeOthers(account);
    this.#wake(account, outcome);
  }

  #failed(account: ManagedRegistration, member: Member, verdict: Failure): void {
    const flows = member.flows ?? [account];
    const { failure, nextAttempt, state, registrar } = describeAccount(flows);
    if (failure === null || this.#passedOn.has(verdict)) return;
    if (verdict.code === 'auth.rejected') this.#passOn(verdict, flows, account);
    const time = new Date().toISOString();
    remember(member, { time, severity: 'warning', text: `${failure.code}: ${failure.cause}` });
    this.#options.emit({
      time,
      severity: failure.stage === 'auth' || failure.stage === 'internal' ? 'error' : 'warning',
      type: 'failure',
      account: member.name,
      registrar,
      state,
      failure,
      nextAttempt,
      count: account.lifecycle.failures,
    });
  }

  /** behaviour.md §11: a success on a target wakes the accounts that wait for it; the admission paces them. */
  #wakeOthers(recovered: ManagedRegistration): void {
    const registrar = registrarOf(recovered);
    const waiting = this.#waitingFor.get(registrar);
    if (waiting === undefined || waiting.size === 0) return;
    // Each is woken once: those whose next try fails too come back into the set.
    this.#waitingFor.delete(registrar);
    for (const account of waiting) this.engine.request(account, { type: 'targetRecovered' });
  }

  /** behaviour.md §10: what the registrar rejected on one flow is not tried on the account's other flows as well. */
  #passOn(failure: Failure, flows: readonly ManagedRegistration[], rejected: ManagedRegistration): void {
    this.#passedOn.add(failure);
    for (const flow of flows) {
      const { state, round } = flow.lifecycle;
      const isToTry = round === null && (state === 'unregistered' || state === 'waiting');
      if (flow === rejected || !isToTry) continue;
      this.engine.request(flow, { type: 'roundPrevented', goal: 'register', failure });
    }
  }

  #wake(flow: ManagedRegistration, outcome: Outcome | null): void {
    const waiting = this.#waiting.get(flow) ?? [];
    this.#waiting.delete(flow);
    for (const resolve of waiting) resolve(outcome);
  }

  #warn(account: ManagedRegistration, code: string, text: string): void {
    const name = account.setup.plan.account;
    const time = new Date().toISOString();
    const member = this.#memberOf.get(account);
    if (member !== undefined) remember(member, { time, severity: 'warning', text });
    this.#options.emit({ time, severity: 'warning', type: 'warning', account: name, code, text });
  }

  #crashed(account: ManagedRegistration, error: unknown): void {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#warn(
      account,
      'account.crashed',
      `a bug in sipreg, please report it; the account begins again: ${words}`,
    );
  }
}

function isUp(state: AccountState): boolean {
  return state === 'registered' || state === 'refreshing';
}

/** A refresh that goes as it should is worth no line. */
function isRoutine(previous: AccountState, state: AccountState): boolean {
  return state === 'refreshing' || (previous === 'refreshing' && state === 'registered');
}

function pause(ms: Millis): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

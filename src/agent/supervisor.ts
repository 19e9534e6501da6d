// The agent's accounts: each enabled one is kept registered, whatever happens. The supervisor starts them and ends
// them; what happens to them is told by account-news.ts, and when and how each registers is its own machine's business.
// What operators ask is in orders.ts and reload.ts.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Accounts } from '../accounts/defaults.ts';
import type { LoadedAccounts } from '../accounts/load.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { Standpoint } from '../core/health/condition.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import { isMappedElsewhere, isWaitingOutage } from '../core/registration/circumstances.ts';
import type { Outcome } from '../core/registration/effect.ts';
import { isEnded } from '../core/registration/lifecycle.ts';
import { FLOW_AFTER_FLOW_MS } from '../core/registration/schedule.ts';
import type { SocketAddress, Transport } from '../core/sip/transport.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { IdentityStore, Memory } from '../state/identity-store.ts';
import { AccountNews } from './account-news.ts';
import { prepareAccount } from './account-setup.ts';
import { manageAccount } from './account-start.ts';
import { type Admissions, createAdmissions, DEFAULT_PACE, registrarOf } from './admission.ts';
import { type EarlierRun, leftText, startOf } from './earlier-run.ts';
import { Engine } from './engine.ts';
import type { AgentEvent } from './events.ts';
import { attendFlows, type FlowAttendant } from './flow-attendant.ts';
import { readSecretsAgain } from './lookups.ts';
import {
  currentPlan,
  identityKey,
  type ManagedRegistration,
  Member,
  nameOf,
  type PreparedAccount,
} from './managed-registration.ts';
import { eventsOf, snapshotOf, standpointOfMember } from './member.ts';
import { Members } from './members.ts';
import type { Observer } from './observer.ts';
import type { AccountDetail } from './operations.ts';
import type { TlsWatch } from './tls-watch.ts';

export type SupervisorOptions = EarlierRun & {
  readonly product: string;
  readonly store: IdentityStore;
  /** Told of everything, as it happens. */
  readonly emit: (event: AgentEvent) => void;
  readonly message: Observer['message'];
  readonly flowFailed?: (account: string, transport: Transport) => void;
  readonly tls: TlsWatch;
  readonly dropped: (flow: Flow, text: string) => void;
  /** Accounts to keep; empty: every enabled one. */
  readonly only: readonly string[];
  /** Registrations a second at each registrar. */
  readonly pace: number | undefined;
  /** Seconds to ask for in place of the accounts' own; null: the accounts' own. */
  readonly expires: number | null;
  /** What an operator tells sipreg so that an account tries at once: "refresh". */
  readonly retryCommand: string;
};

/** Accounts that are made ready together: a command that prints a password may take its time. */
const START_BATCH = 16;
/** All bindings are removed within this time. */
const STOP_WITHIN_MS: Millis = 9_000;
/** Removals that leave together: more would overflow the sockets' buffers. */
const STOP_BATCH = 100;
const STOP_BATCH_EVERY_MS: Millis = 20;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #admissions: Admissions;
  readonly #startedAt = new Date().toISOString();
  readonly #members = new Members();
  readonly #news: AccountNews;
  readonly #attendant: FlowAttendant | null;
  /** Accounts with an old identity, on their way out; they belong to no member any more. */
  readonly #retiring = new Set<ManagedRegistration>();
  /** Everything has ended: what a reload still brings does not begin any more. */
  #isOver = false;
  readonly engine: Engine;
  readonly store: IdentityStore;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.store = options.store;
    this.#admissions = createAdmissions(options.pace ?? DEFAULT_PACE);
    this.#news = new AccountNews({
      members: this.#members,
      store: options.store,
      emit: options.emit,
      engine: () => this.engine,
    });
    let attendant: FlowAttendant | null = null;
    this.engine = new Engine(
      systemRng,
      {
        stateChanged: (account, previous) => this.#news.stateChanged(account, previous),
        finished: (account, outcome) => this.#news.finished(account, outcome),
        warned: (account, text) => this.#news.warned(account, text),
        crashed: (account, error) => this.#news.crashed(account, error),
        flowFailed: (account, transport) => options.flowFailed?.(nameOf(account), transport),
        flowLost: (flow, users, failure) => this.#news.flowLost(flow, users, failure),
        message: options.message,
        dropped: options.dropped,
      },
      {
        admission: (account, now) => this.#admissions.admit(account, now),
        tls: options.tls,
        attend: (desk) => {
          const mapped = (flow: Flow, address: SocketAddress): void =>
            this.flowMapped(desk.usersOf(flow), flow.id, address);
          attendant = attendFlows(desk, mapped, systemRng, options.emit);
          return attendant;
        },
      },
    );
    this.#attendant = attendant;
  }

  /** Takes the accounts of the file in, until `end`; they begin by themselves, paced. */
  async start(loaded: LoadedAccounts, end: AbortSignal): Promise<void> {
    const memory = this.store.remembered();
    const batch: Promise<Member>[] = [];
    const ready = async (): Promise<void> => {
      await Promise.all(batch.splice(0));
      // Those who are ready begin, and what arrives is heard, while the others of fifty thousand get ready.
      await nextTurn();
    };
    for (const [name, entry] of loaded.accounts) {
      if (end.aborted) break;
      if (!this.isWanted(name)) continue;
      batch.push(this.admitMember(name, entry, loaded.directory, memory));
      if (batch.length === START_BATCH) await ready();
    }
    await ready();
  }

  isWanted(name: string): boolean {
    return this.#options.only.length === 0 || this.#options.only.includes(name);
  }

  /** Those of the file that are to be kept registered. */
  *keptOf(accounts: Accounts): Iterable<readonly [string, AccountEntry]> {
    for (const account of accounts) {
      const [name, { enabled }] = account;
      if (enabled !== false && this.isWanted(name)) yield account;
    }
  }

  /** Adds an account; an enabled one gets its machine. */
  async admitMember(name: string, entry: AccountEntry, directory: string, memory: Memory): Promise<Member> {
    const member = new Member(name, entry);
    this.#members.add(member);
    if (entry.enabled !== false) this.employ(member, await this.prepare(name, entry, directory, memory));
    return member;
  }

  prepare(name: string, entry: AccountEntry, directory: string, memory: Memory): Promise<PreparedAccount> {
    const { product, store, expires } = this.#options;
    return prepareAccount(directory, name, entry, {
      product,
      store,
      memory,
      keepsAlive: true,
      expires,
    });
  }

  /** Gives `member` a machine for each of its flows and lets them begin. */
  employ(member: Member, prepared: PreparedAccount): void {
    const { credentials, warnings } = prepared;
    const { retryCommand } = this.#options;
    const flows = manageAccount(prepared, systemRng, startOf(prepared, this.#options));
    const [first] = flows;
    member.isNotedRejected = prepared.memory.load(identityKey(prepared.plan)).rejected !== null;
    member.employ(flows);
    for (const text of warnings) this.#news.warn(first, 'account.settings', text);
    const left = leftText(first, retryCommand);
    if (left !== null) this.#news.warn(first, 'account.left', left);
    for (const flow of flows) this.#begin(flow, credentials.ok ? null : credentials.error);
  }

  #begin(flow: ManagedRegistration, obstacle: Failure | null): void {
    const { state } = flow.lifecycle;
    flow.isConcluded = this.#isOver;
    if (this.#isOver) return;
    if (state === 'unregistered') {
      const at = this.#admissions.next(registrarOf(flow), monotonicNow());
      flow.admittedAt = at + (flow.regId - 1) * FLOW_AFTER_FLOW_MS;
    }
    this.engine.add(flow);
    if (obstacle === null || state === 'paused') return;
    this.engine.request(flow, { type: 'roundPrevented', goal: 'register', failure: obstacle });
  }

  /** The registration belongs to no member any more, or is about to: it is kept as it is until `dismiss`. */
  retire(account: ManagedRegistration): void {
    this.#news.forget(account);
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

  get members(): Members {
    return this.#members;
  }

  /** Resolves when the registration's next round has ended; null: it came to rest without one. */
  nextOutcome(flow: ManagedRegistration): Promise<Outcome | null> {
    return this.#news.nextOutcome(flow);
  }

  /** undefined: there is no such account. */
  snapshot(name: string): AccountSnapshot | undefined {
    const member = this.#members.byName.get(name);
    return member === undefined ? undefined : this.#present(member);
  }

  /** What its condition is judged by, for who looks at thousands; undefined: there is no such account. */
  standpoint(name: string): Standpoint | undefined {
    const member = this.#members.byName.get(name);
    return member === undefined ? undefined : standpointOfMember(member);
  }

  /** With what is known of its TLS files now. */
  #present(member: Member): AccountSnapshot {
    const snapshot = snapshotOf(member, this.#startedAt);
    const [first] = member.flows ?? [];
    return first === undefined ? snapshot : this.#options.tls.present(snapshot, first.setup.tls);
  }

  detail(name: string): Omit<AccountDetail, 'uptime'> | undefined {
    const member = this.#members.byName.get(name);
    if (member === undefined) return undefined;
    return { ...this.#present(member), events: eventsOf(member) };
  }

  /** Who waits for another secret. */
  rejected(): readonly ManagedRegistration[] {
    return this.#members.registrations(({ lifecycle: { state, failure } }) => {
      const stage = failure?.failure.stage;
      return state === 'blocked' || (state === 'waiting' && (stage === 'auth' || stage === 'secret'));
    });
  }

  /** Reads the account's secrets again, and lets it try at once when they are others. */
  async secretsTouched(account: ManagedRegistration): Promise<void> {
    const plan = currentPlan(account);
    const read = await readSecretsAgain(account);
    // A reload may have given it other secrets meanwhile.
    if (read.type !== 'secretRead' || account.isConcluded || currentPlan(account) !== plan) return;
    const { credentials } = account.lifecycle.registration;
    if (JSON.stringify(read.credentials) === JSON.stringify(credentials)) return;
    this.#news.warn(account, 'account.secret-changed', 'its secret has changed: it is tried again');
    this.engine.request(account, { type: 'secretChanged', credentials: read.credentials });
  }

  /** The machine slept for `sleptMs`, or (0) may have: everybody looks again, paced. */
  clockJumped(sleptMs: Millis): void {
    const now = monotonicNow();
    this.#members.forEachRegistration((account) => {
      const recheckAt = this.#admissions.next(registrarOf(account), now);
      this.engine.request(account, { type: 'clockJumped', sleptMs, recheckAt });
    });
    this.#attendant?.clockJumped();
  }

  /** A flow comes from the public address `mapped`: those of its users tell the registrar to whom it is news, paced. */
  flowMapped(users: readonly ManagedRegistration[], flowId: number, mapped: SocketAddress): void {
    const now = monotonicNow();
    for (const account of users) {
      if (!isMappedElsewhere(account.lifecycle, { flowId, mapped })) continue;
      const refreshAt = this.#admissions.next(registrarOf(account), now);
      this.engine.request(account, { type: 'flowMapped', flowId, mapped, refreshAt });
    }
  }

  /** Open flows whose TLS files have changed are replaced: at once, or each at its next refresh. How many accounts move. */
  replaceTlsFlows(concerns: (settings: TlsSettings) => boolean, now: boolean): number {
    return this.engine.replaceFlows(({ setup }) => concerns(setup.tls), now);
  }

  /** TLS files that could not be used can be used now: who failed for want of them tries again, paced. */
  tlsUsable(concerns: (settings: TlsSettings) => boolean): void {
    this.#outageMayBeOver(
      ({ lifecycle: { failure }, setup }) => failure?.failure.stage === 'tls' && concerns(setup.tls),
    );
  }

  /** This host has another way out: whoever got no answer before tries again, paced; how many they are. What a server has
   * answered is no matter of ours. */
  hostLeadsFurther(): number {
    return this.#outageMayBeOver(({ lifecycle: { failure } }) => failure?.failure.status === null);
  }

  #outageMayBeOver(concerns: (account: ManagedRegistration) => boolean): number {
    const waiting = this.#members.registrations(
      (account) => isWaitingOutage(account.lifecycle) && concerns(account),
    );
    for (const account of waiting) this.engine.request(account, { type: 'outageMayBeOver' });
    return waiting.length;
  }

  /** For how long a registration has waited to be woken when its moment had come; 0: none has. */
  overdueMs(): Millis {
    const now = monotonicNow();
    let earliest = now;
    this.#members.forEachRegistration(({ alarmAt = now }) => {
      earliest = Math.min(earliest, alarmAt);
    });
    return now - earliest;
  }

  /** The TLS settings of all accounts that are kept: most share theirs. */
  tlsInUse(): ReadonlySet<TlsSettings> {
    const settings = new Set<TlsSettings>();
    this.#members.forEachRegistration(({ setup }) => {
      settings.add(setup.tls);
    });
    return settings;
  }

  /** Removes every binding (or leaves them) and ends; the names of the accounts whose binding is still there. */
  async stop(keepBindings: boolean, hurry: AbortSignal): Promise<readonly string[]> {
    if (!keepBindings) await this.#removeAll(hurry);
    this.#isOver = true;
    const accounts = [...this.#members.registrations(), ...this.#retiring];
    const left = keepBindings
      ? []
      : accounts.filter(({ lifecycle }) => lifecycle.registration.boundContact !== null);
    await Promise.all(accounts.map((account) => this.engine.conclude(account)));
    await this.#news.written();
    this.engine.close();
    return [...new Set(left.map(nameOf))];
  }

  /** Looks again and again: a reload or an operator may still give an account something else to do. */
  async #removeAll(hurry: AbortSignal): Promise<void> {
    const deadlineAt = monotonicNow() + STOP_WITHIN_MS;
    while (!hurry.aborted) {
      const all = [...this.#members.registrations(), ...this.#retiring];
      const left = all.filter(({ lifecycle, isConcluded }) => !isEnded(lifecycle) && !isConcluded);
      const batch = Math.max(STOP_BATCH, Math.ceil(all.length / 200));
      if (left.length === 0) return;
      const next = left.filter(({ lifecycle }) => lifecycle.stop?.into !== 'ended').slice(0, batch);
      for (const account of next) {
        this.engine.request(account, { type: 'stopRequested', deadlineAt, into: 'ended' });
      }
      await pause(STOP_BATCH_EVERY_MS);
    }
  }
}

function pause(ms: Millis): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

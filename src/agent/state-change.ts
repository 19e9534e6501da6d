// An account that came into another state, as an event. With thousands of accounts such events are mostly made for nobody:
// what they are judged by and what they show is made once, when somebody looks.

import type { AccountGlance, AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import { glanceAt } from '../core/registration/describe.ts';
import type { Lifecycle } from '../core/registration/lifecycle-state.ts';
import type { Millis } from '../core/time.ts';
import type { Severity, StateEvent } from './events.ts';
import { currentPlan, type ManagedRegistration, registrarText } from './managed-registration.ts';
import { describeAccount } from './one-shot.ts';

/** As JSON it is an event like any other. Time, glance and snapshot are of the moment in which somebody looks for the first time:
 * whoever keeps the event for later looks at once. */
export class StateChange implements StateEvent {
  readonly type = 'state';
  readonly account: string;
  readonly state: AccountState;
  readonly previous: AccountState;
  readonly #first: ManagedRegistration;
  readonly #others: readonly ManagedRegistration[];
  #at: Millis | null = null;
  #time: string | null = null;
  #glance: AccountGlance | null = null;
  #snapshot: AccountSnapshot | null = null;

  /** `first` and `others`: the account's registrations. */
  constructor(
    account: string,
    previous: AccountState,
    state: AccountState,
    first: ManagedRegistration,
    others: readonly ManagedRegistration[],
  ) {
    this.account = account;
    this.state = state;
    this.previous = previous;
    this.#first = first;
    this.#others = others;
  }

  get severity(): Severity {
    return severityOf(this.previous, this.state);
  }

  get at(): Millis {
    this.#at ??= Date.now();
    return this.#at;
  }

  get time(): string {
    this.#time ??= new Date(this.at).toISOString();
    return this.#time;
  }

  get glance(): AccountGlance {
    this.#glance ??= glanceAtFlows(this.#first, this.#others);
    return this.#glance;
  }

  get snapshot(): AccountSnapshot {
    this.#snapshot ??= describeAccount([this.#first, ...this.#others]);
    return this.#snapshot;
  }

  toJSON(): StateEvent {
    const { time, severity, account, state, previous, type, snapshot } = this;
    return { time, severity, account, state, previous, type, snapshot };
  }
}

function glanceAtFlows(first: ManagedRegistration, others: readonly ManagedRegistration[]): AccountGlance {
  const { registrar } = currentPlan(first).profile;
  const lifecycles = others.length === 0 ? NO_LIFECYCLES : others.map(({ lifecycle }) => lifecycle);
  return glanceAt(first.lifecycle, lifecycles, registrarText(registrar));
}

/** Most accounts have one flow only. */
const NO_LIFECYCLES: readonly Lifecycle[] = [];

/** A refresh that goes as it should is worth no line. */
export function isRoutine(previous: AccountState, state: AccountState): boolean {
  return state === 'refreshing' || (previous === 'refreshing' && state === 'registered');
}

function severityOf(previous: AccountState, state: AccountState): Severity {
  if (state === 'blocked') return 'error';
  return isRoutine(previous, state) ? 'debug' : 'info';
}

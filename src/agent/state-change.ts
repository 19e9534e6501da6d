// An account that came into another state, as an event. With thousands of accounts such events are mostly made for nobody:
// what they are judged by and what they show is made once, when somebody looks.

import type { AccountGlance, AccountSnapshot, AccountState } from '../core/health/snapshot.ts';
import { glanceAt } from '../core/registration/describe.ts';
import type { Millis } from '../core/time.ts';
import type { Severity, StateEvent } from './events.ts';
import { currentPlan, type ManagedRegistration, registrarText } from './managed-registration.ts';
import { describeAccount, lifecyclesOf } from './one-shot.ts';

/** As JSON it is an event like any other. Glance and snapshot are of the moment in which somebody looks for the first time:
 * whoever keeps the event for later looks at once. */
export class StateChange implements StateEvent {
  readonly type = 'state';
  readonly account: string;
  readonly state: AccountState;
  readonly previous: AccountState;
  readonly at: Millis;
  readonly #first: ManagedRegistration;
  readonly #others: readonly ManagedRegistration[];
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
    this.at = Date.now();
    this.#first = first;
    this.#others = others;
  }

  get severity(): Severity {
    return severityOf(this.previous, this.state);
  }

  get time(): string {
    this.#time ??= new Date(this.at).toISOString();
    return this.#time;
  }

  get glance(): AccountGlance {
    const { registrar } = currentPlan(this.#first).profile;
    this.#glance ??= glanceAt(lifecyclesOf(this.#first, this.#others), registrarText(registrar));
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

/** A refresh that goes as it should is worth no line. */
export function isRoutine(previous: AccountState, state: AccountState): boolean {
  return state === 'refreshing' || (previous === 'refreshing' && state === 'registered');
}

function severityOf(previous: AccountState, state: AccountState): Severity {
  if (state === 'blocked') return 'error';
  return isRoutine(previous, state) ? 'debug' : 'info';
}

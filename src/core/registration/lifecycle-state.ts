// The state of a registration across rounds, and what somebody may ask of it; lifecycle.ts moves it.

import type { Credential } from '../digest/algorithm.ts';
import type { Draft } from '../draft.ts';
import type { Env } from '../env.ts';
import type { AccountState } from '../health/snapshot.ts';
import type { Failure } from '../health/verdict.ts';
import type { SocketAddress } from '../sip/transport.ts';
import type { Millis } from '../time.ts';
import { type Setbacks, setbacksOf } from './after-failure.ts';
import type { Effect } from './effect.ts';
import type { Goal } from './input.ts';
import type { Plan } from './plan.ts';
import type { Learned, Registration, ReportedBinding } from './registration.ts';
import type { Round } from './round-state.ts';
import type { OtherFlows } from './schedule.ts';

export type Lifecycle = {
  readonly registration: Registration;
  readonly round: Round | null;
  readonly state: AccountState;
  readonly since: Millis;
  /** When the next round is due; undefined when it waits for somebody. */
  readonly nextAt: Millis | undefined;
  readonly failure: { readonly failure: Failure; readonly at: Millis } | null;
  readonly setbacks: Setbacks;
  readonly report: Report;
  /** RFC 5626 §4.5: how the account's other flows stand. */
  readonly others: OtherFlows;
  /** The binding is being removed, for good or until a resume; null while nobody has asked for that. */
  readonly stop: { readonly by: Millis; readonly into: 'ended' | 'paused' } | null;
};

/** What the last finished round brought to light. */
export type Report = {
  /** When the bindings were told. */
  readonly at: Millis;
  /** `ours`: no others than our own, just as it was granted (Registration.binding). */
  readonly bindings: readonly ReportedBinding[] | 'ours';
  readonly learned: Learned;
  readonly requests: number;
  /** Whole microseconds, from the last request to its answer. */
  readonly roundTripMicros: number | null;
};

/** What somebody asks of a registration, besides what happens to it. */
export type Command =
  /** Begin a round now; `deadlineAt` ends it early. */
  | { readonly type: 'roundRequested'; readonly goal: Goal; readonly deadlineAt?: Millis }
  /** A round cannot even begin: the secret is not to be had, say. */
  | { readonly type: 'roundPrevented'; readonly goal: Goal; readonly failure: Failure }
  /** Remove the binding by `deadlineAt`, and then end or pause. */
  | { readonly type: 'stopRequested'; readonly deadlineAt: Millis; readonly into: 'ended' | 'paused' }
  /** The account's settings are others now. `newFlow`: the present flow does not do for them. No round is under way. */
  | {
      readonly type: 'reconfigured';
      readonly plan: Plan;
      readonly credentials: readonly Credential[];
      readonly newFlow: boolean;
      /** Why it cannot even begin with them: the secret is not to be had, say. */
      readonly obstacle?: Failure;
    }
  /** The account's secrets are others now. */
  | { readonly type: 'secretChanged'; readonly credentials: readonly Credential[] }
  /** The registrar answers others again. */
  | { readonly type: 'outageMayBeOver' }
  /** The flow should be replaced at the next REGISTER, or `now`: make before break (behaviour.md §19). */
  | { readonly type: 'flowOutdated'; readonly flowId: number; readonly now: boolean }
  /** A keep-alive was answered on the flow. */
  | { readonly type: 'flowProven'; readonly flowId: number }
  /** The first STUN answer on the flow: it comes from `mapped`, as its server sees it (RFC 5626 §4.4.2). The registrar is told
   * at `refreshAt` if that is news. */
  | {
      readonly type: 'flowMapped';
      readonly flowId: number;
      readonly mapped: SocketAddress;
      readonly refreshAt: Millis;
    }
  /** The account's other flows stand otherwise now. */
  | { readonly type: 'othersChanged'; readonly others: OtherFlows }
  /** The machine slept for `sleptMs`: all that was to come is so much nearer, and who is registered makes sure of it at
   * `recheckAt`. 0: it may have been stopped, for nobody knows how long, as its wall clock was behind; then no wait that
   * somebody asked for is cut short. */
  | { readonly type: 'clockJumped'; readonly sleptMs: Millis; readonly recheckAt: Millis };

export type LifecycleEffect = Effect | { readonly type: 'stateChanged'; readonly previous: AccountState };

export type LifecycleStep = { readonly lifecycle: Lifecycle; readonly effects: readonly LifecycleEffect[] };

/** A copy that its maker may still change (draft.ts). */
export function lifecycleDraft(lifecycle: Lifecycle): Draft<Lifecycle> {
  return {
    registration: lifecycle.registration,
    round: lifecycle.round,
    state: lifecycle.state,
    since: lifecycle.since,
    nextAt: lifecycle.nextAt,
    failure: lifecycle.failure,
    setbacks: lifecycle.setbacks,
    report: lifecycle.report,
    others: lifecycle.others,
    stop: lifecycle.stop,
  };
}

/** Nothing has failed, and nothing is due. */
export function calm(lifecycle: Lifecycle): Draft<Lifecycle> {
  const next = lifecycleDraft(lifecycle);
  next.failure = null;
  next.setbacks = setbacksOf(lifecycle.setbacks.unproven);
  next.nextAt = undefined;
  return next;
}

/** The state changes, and is told to. */
export function moved(lifecycle: Lifecycle, state: AccountState, env: Env): LifecycleStep {
  if (lifecycle.state === state) return still(lifecycle);
  const next = lifecycleDraft(lifecycle);
  next.state = state;
  next.since = env.now;
  return { lifecycle: next, effects: [{ type: 'stateChanged', previous: lifecycle.state }] };
}

/** Nothing is to be done. */
export function still(lifecycle: Lifecycle): LifecycleStep {
  return { lifecycle, effects: NO_EFFECTS };
}

/** One after the other; most often there is nothing to put together. */
export function inOrder(
  first: readonly LifecycleEffect[],
  then: readonly LifecycleEffect[],
): readonly LifecycleEffect[] {
  if (first.length === 0) return then;
  return then.length === 0 ? first : [...first, ...then];
}

const NO_EFFECTS: readonly LifecycleEffect[] = [];

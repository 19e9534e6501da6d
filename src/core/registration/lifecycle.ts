// The life of one registration across rounds: when to refresh, when to wait and how long, when to stop asking
// (behaviour.md §5, §10, §11, §23). Its deadline stands in the state, so no timer can be lost. Pacing over many
// accounts and reload belong to the agent, not here.

import { assert } from '../assert.ts';
import type { Env } from '../env.ts';
import type { AccountState } from '../health/snapshot.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import type { Millis } from '../time.ts';
import type { Effect, Outcome } from './effect.ts';
import type { Goal, Input } from './input.ts';
import type { Binding, Registration, ReportedBinding } from './registration.ts';
import { roundWakeAt, startRound, stepRound } from './round.ts';
import type { Round, RoundStep } from './round-state.ts';
import {
  failureDelay,
  refreshDelay,
  refusedDelay,
  rejectedDelay,
  retryAfterDelay,
  SHORTEST_REFRESH_MS,
} from './schedule.ts';

export type Lifecycle = {
  readonly registration: Registration;
  readonly round: Round | null;
  readonly state: AccountState;
  readonly since: Millis;
  /** When the next round is due; undefined when it waits for somebody. */
  readonly nextAt: Millis | undefined;
  /** Failures in a row, of any kind. */
  readonly failures: number;
  /** Rejections of the credentials since they last worked: an outage in between makes them no better. */
  readonly rejections: number;
  /** Times that the registrar forbade it in a row. */
  readonly prohibitions: number;
  readonly failure: { readonly failure: Failure; readonly at: Millis } | null;
  readonly report: Report;
  /** When a stop has to be over; undefined while nobody has asked for one. */
  readonly stopBy: Millis | undefined;
};

/** What the last finished round brought to light. */
export type Report = {
  readonly bindings: readonly ReportedBinding[];
  readonly serviceRoute: readonly string[];
  readonly path: readonly string[];
  readonly requests: number;
  readonly roundTripMs: Millis | null;
};

/** What somebody asks of a registration, besides what happens to it. */
export type Command =
  /** Begin a round now; `deadlineAt` ends it early. */
  | { readonly type: 'roundRequested'; readonly goal: Goal; readonly deadlineAt?: Millis }
  /** A round cannot even begin: the secret is not to be had, say. */
  | { readonly type: 'roundPrevented'; readonly goal: Goal; readonly failure: Failure }
  /** Remove the binding and end, by `deadlineAt`. */
  | { readonly type: 'stopRequested'; readonly deadlineAt: Millis };

export type LifecycleEffect = Effect | { readonly type: 'stateChanged'; readonly previous: AccountState };

export type LifecycleStep = { readonly lifecycle: Lifecycle; readonly effects: readonly LifecycleEffect[] };

/** How long a stop waits for a REGISTER that is under way before it sends its own. */
const STOP_PATIENCE_MS: Millis = 4_000;

/** A registration that has not done anything yet. */
export function beginLifecycle(registration: Registration, now: Millis): Lifecycle {
  return {
    registration,
    round: null,
    state: 'unregistered',
    since: now,
    nextAt: undefined,
    failures: 0,
    rejections: 0,
    prohibitions: 0,
    failure: null,
    report: { bindings: [], serviceRoute: [], path: [], requests: 0, roundTripMs: null },
    stopBy: undefined,
  };
}

/** The only place in which a lifecycle moves. */
export function stepLifecycle(lifecycle: Lifecycle, input: Input | Command, env: Env): LifecycleStep {
  switch (input.type) {
    case 'roundRequested':
      assert(lifecycle.round === null, 'at most one REGISTER is under way');
      return beginRound(lifecycle, input.goal, env, input.deadlineAt);
    case 'roundPrevented':
      return prevented(lifecycle, input.goal, input.failure, env);
    case 'stopRequested':
      return stop(lifecycle, input.deadlineAt, env);
    case 'flowClosed':
      return flowClosed(lifecycle, input, env);
    case 'timePassed':
      return timePassed(lifecycle, env);
    default:
      return inRound(lifecycle, input, env);
  }
}

/** The instant at which `timePassed` has something to do; undefined when never. */
export function lifecycleWakeAt(lifecycle: Lifecycle): Millis | undefined {
  return lifecycle.round === null ? lifecycle.nextAt : roundWakeAt(lifecycle.round);
}

/** True when a stop has run its course. */
export function isEnded(lifecycle: Lifecycle): boolean {
  return lifecycle.stopBy !== undefined && lifecycle.round === null;
}

function beginRound(
  lifecycle: Lifecycle,
  goal: Goal,
  env: Env,
  deadlineAt: Millis | undefined,
): LifecycleStep {
  const step = startRound(lifecycle.registration, goal, env, deadlineAt);
  return absorb(moved({ ...lifecycle, nextAt: undefined }, underWay(lifecycle.state, goal), env), step, env);
}

/** It ends as a round does: whoever waits for the outcome gets it. */
function prevented(lifecycle: Lifecycle, goal: Goal, failure: Failure, env: Env): LifecycleStep {
  const step = failed(lifecycle, goal, failure, env);
  return { ...step, effects: [...step.effects, { type: 'finished', outcome: { type: 'failed', failure } }] };
}

function underWay(state: AccountState, goal: Goal): AccountState {
  switch (goal) {
    case 'register':
      return state === 'registered' ? 'refreshing' : 'registering';
    case 'query':
      return state;
    default:
      return 'unregistering';
  }
}

function timePassed(lifecycle: Lifecycle, env: Env): LifecycleStep {
  if (lifecycle.round !== null) return inRound(lifecycle, { type: 'timePassed' }, env);
  if (lifecycle.nextAt === undefined || env.now < lifecycle.nextAt) return still(lifecycle);
  return beginRound(lifecycle, 'register', env, undefined);
}

function inRound(lifecycle: Lifecycle, input: Input, env: Env): LifecycleStep {
  if (lifecycle.round === null) return still(lifecycle);
  const step = stepRound(lifecycle.registration, lifecycle.round, input, env);
  return absorb({ lifecycle, effects: [] }, step, env);
}

/** Takes a step of the round over, and its outcome when that was the last one. */
function absorb(before: LifecycleStep, step: RoundStep, env: Env): LifecycleStep {
  const lifecycle = { ...before.lifecycle, registration: step.registration, round: step.round };
  const effects = [...before.effects, ...step.effects];
  const last = step.effects.at(-1);
  if (last?.type !== 'finished') return { lifecycle, effects };
  const ended = roundEnded(lifecycle, step.round, last.outcome, env);
  return { lifecycle: ended.lifecycle, effects: [...effects, ...ended.effects] };
}

function roundEnded(lifecycle: Lifecycle, round: Round, outcome: Outcome, env: Env): LifecycleStep {
  const report = { ...lifecycle.report, requests: round.requests, roundTripMs: round.roundTripMs };
  const idle: Lifecycle = { ...lifecycle, round: null, report };
  if (idle.stopBy !== undefined && !isRemoval(round.goal)) {
    const failure = outcome.type === 'failed' ? { failure: outcome.failure, at: env.now } : null;
    return removeBinding({ ...idle, failure }, idle.stopBy, env);
  }
  switch (outcome.type) {
    case 'registered':
      return registered({ ...idle, report: { ...report, ...pick(outcome) } }, outcome.binding, env);
    case 'removed':
      return moved(
        { ...calm(idle), report: { ...report, ...noRoutes(outcome.bindings) } },
        'unregistered',
        env,
      );
    case 'listed': {
      const bound = outcome.bindings.some((one) => one.own);
      const listed = { ...calm(idle), report: { ...report, ...noRoutes(outcome.bindings) } };
      return moved(listed, bound ? 'registered' : 'unregistered', env);
    }
    case 'failed':
      return failed(idle, round.goal, outcome.failure, env);
  }
}

function pick(outcome: Extract<Outcome, { type: 'registered' }>): Omit<Report, 'requests' | 'roundTripMs'> {
  return { bindings: outcome.bindings, serviceRoute: outcome.serviceRoute, path: outcome.path };
}

function noRoutes(bindings: readonly ReportedBinding[]): Omit<Report, 'requests' | 'roundTripMs'> {
  return { bindings, serviceRoute: [], path: [] };
}

function calm(lifecycle: Lifecycle): Lifecycle {
  return { ...lifecycle, failures: 0, rejections: 0, prohibitions: 0, failure: null, nextAt: undefined };
}

function registered(lifecycle: Lifecycle, binding: Binding, env: Env): LifecycleStep {
  const { grantedSeconds, endsAt } = binding;
  // The time runs from when the request was sent: an answer that took long must not make the refresh late.
  const grantedAt = endsAt - grantedSeconds * 1000;
  const nextAt = Math.max(grantedAt + refreshDelay(grantedSeconds, env.rng), env.now + SHORTEST_REFRESH_MS);
  const step = moved({ ...calm(lifecycle), nextAt }, 'registered', env);
  if (nextAt < endsAt) return step;
  const text = `the registrar grants ${grantedSeconds} s, and two refreshes are at least ${SHORTEST_REFRESH_MS / 1000} s apart: the binding lapses in between`;
  return { ...step, effects: [...step.effects, { type: 'warn', text }] };
}

function failed(lifecycle: Lifecycle, goal: Goal, failure: Failure, env: Env): LifecycleStep {
  // RFC 3608 §6.1: a service route ends with the registration; one that was refused has none.
  const report =
    failure.status === null ? lifecycle.report : { ...lifecycle.report, serviceRoute: [], path: [] };
  const told = { ...lifecycle, report, failure: { failure, at: env.now } };
  if (goal !== 'register') return moved({ ...told, nextAt: undefined }, afterFailedRemoval(told), env);
  const failures = lifecycle.failures + 1;
  const rejections = lifecycle.rejections + (isRejection(failure) ? 1 : 0);
  const prohibitions = isProhibition(failure) ? lifecycle.prohibitions + 1 : 0;
  const counted = { ...told, failures, rejections, prohibitions };
  const { retry } = lifecycle.registration.plan;
  const floor = retryAfterDelay(failure.retryAfterSeconds ?? 0, env.rng);
  if (isHopeless(failure) || (rejections > 0 && rejections >= retry.credentialAttempts)) {
    const probe = retry.blockedProbeSeconds * 1000;
    const nextAt = probe === 0 ? undefined : env.now + Math.max(floor, probe);
    return moved({ ...counted, nextAt }, 'blocked', env);
  }
  const nextAt = env.now + Math.max(floor, delayAfter(counted, failure, env));
  return moved({ ...counted, nextAt }, 'waiting', env);
}

/** A removal or a query that failed leaves things as they were, as far as we know. */
function afterFailedRemoval(lifecycle: Lifecycle): AccountState {
  return lifecycle.registration.boundContact === null ? 'unregistered' : 'registered';
}

function isRejection(failure: Failure): boolean {
  return failure.code === 'auth.rejected';
}

function isProhibition(failure: Failure): boolean {
  return failure.code === 'register.forbidden';
}

/** RFC 3261 §8.1.3.2, RFC 4320 §4.2: a 5xx or 408 says as much as no answer; any other says that more of the same will
 * not change it. */
function isRefusal({ status }: Failure): boolean {
  return status !== null && status !== 408 && (status < 500 || status >= 600);
}

/** Asking again changes nothing until somebody changes the account. */
function isHopeless(failure: Failure): boolean {
  return failure.code === 'auth.no-credentials' || failure.code === 'auth.no-algorithm';
}

function delayAfter(lifecycle: Lifecycle, failure: Failure, env: Env): Millis {
  const { retry } = lifecycle.registration.plan;
  if (isRejection(failure)) return rejectedDelay(retry, lifecycle.rejections, env.rng);
  if (isProhibition(failure)) return refusedDelay(lifecycle.prohibitions, env.rng);
  // More of the same does not change such an answer: it never waits longer than the first time, nor shorter.
  if (isRefusal(failure)) return refusedDelay(1, env.rng);
  return failureDelay(retry, lifecycle.failures, env.rng);
}

function flowClosed(
  lifecycle: Lifecycle,
  input: Extract<Input, { type: 'flowClosed' }>,
  env: Env,
): LifecycleStep {
  const { registration, round } = lifecycle;
  if (registration.flow?.id !== input.flowId) return inRound(lifecycle, input, env);
  if (round !== null) return inRound(lifecycle, input, env);
  const flowless = { ...lifecycle, registration: { ...registration, flow: null, target: null } };
  if (lifecycle.state !== 'registered' || lifecycle.stopBy !== undefined) return still(flowless);
  // behaviour.md §11, §16: the registrar cannot reach us over a flow that broke. The first new try is at once, but not
  // when the server closes the connection after each answer (§5).
  const soonestAt = lifecycle.since + SHORTEST_REFRESH_MS;
  if (env.now < soonestAt) return still({ ...flowless, nextAt: soonestAt });
  return beginRound(flowless, 'register', env, undefined);
}

function stop(lifecycle: Lifecycle, stopBy: Millis, env: Env): LifecycleStep {
  const stopping = { ...lifecycle, stopBy, nextAt: undefined };
  const { round } = stopping;
  if (round === null) return removeBinding(stopping, stopBy, env);
  if (isRemoval(round.goal)) return still({ ...stopping, round: { ...round, deadlineAt: stopBy } });
  // Nothing is on its way yet: no need to wait for it.
  if (round.phase.name !== 'awaiting') return removeBinding({ ...stopping, round: null }, stopBy, env);
  // Half of the time belongs to the removal.
  const patience = Math.min(STOP_PATIENCE_MS, Math.max(0, stopBy - env.now) / 2);
  return still({ ...stopping, round: { ...round, deadlineAt: env.now + patience } });
}

function isRemoval(goal: Goal): boolean {
  return goal === 'remove' || goal === 'remove-all';
}

function removeBinding(lifecycle: Lifecycle, stopBy: Millis, env: Env): LifecycleStep {
  if (lifecycle.registration.boundContact === null) return moved(lifecycle, 'unregistered', env);
  if (env.now < stopBy) return beginRound(lifecycle, 'remove', env, stopBy);
  const failure = failureOf('register.timeout', 'no time was left to remove the binding');
  return failed(lifecycle, 'remove', failure, env);
}

function moved(lifecycle: Lifecycle, state: AccountState, env: Env): LifecycleStep {
  if (lifecycle.state === state) return still(lifecycle);
  const effects: readonly LifecycleEffect[] = [{ type: 'stateChanged', previous: lifecycle.state }];
  return { lifecycle: { ...lifecycle, state, since: env.now }, effects };
}

function still(lifecycle: Lifecycle): LifecycleStep {
  return { lifecycle, effects: [] };
}

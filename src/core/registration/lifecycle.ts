// The life of one registration across rounds: when to refresh, when to wait and how long, when to stop asking
// (behaviour.md §5, §10, §11, §23). Its deadline stands in the state, so no timer can be lost. Pacing over many
// accounts and reload belong to the agent, not here.

import { assert } from '../assert.ts';
import type { Env } from '../env.ts';
import type { AccountState } from '../health/snapshot.ts';
import type { Failure } from '../health/verdict.ts';
import { randomBetween } from '../rng.ts';
import type { Millis } from '../time.ts';
import type { Effect, Outcome } from './effect.ts';
import type { Goal, Input } from './input.ts';
import type { Registration, ReportedBinding } from './registration.ts';
import { roundWakeAt, startRound, stepRound } from './round.ts';
import type { Round, RoundStep } from './round-state.ts';
import { failureDelay, REFUSED_WAIT_MS, refreshDelay, refusedDelay, rejectedDelay } from './schedule.ts';

export type Lifecycle = {
  readonly registration: Registration;
  readonly round: Round | null;
  readonly state: AccountState;
  readonly since: Millis;
  /** When the next round is due; undefined when it waits for somebody. */
  readonly nextAt: Millis | undefined;
  /** Failures in a row, of any kind. */
  readonly failures: number;
  /** Rejections of the credentials in a row. */
  readonly rejections: number;
  readonly failure: { readonly failure: Failure; readonly at: Millis } | null;
  readonly report: Report;
  readonly stopping: boolean;
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
    failure: null,
    report: { bindings: [], serviceRoute: [], path: [], requests: 0, roundTripMs: null },
    stopping: false,
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
  return lifecycle.stopping && lifecycle.round === null;
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
  if (idle.stopping && round.goal === 'register') return remove(idle, outcome, round.deadlineAt, env);
  switch (outcome.type) {
    case 'registered':
      return registered(
        { ...idle, report: { ...report, ...pick(outcome) } },
        outcome.binding.grantedSeconds,
        env,
      );
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
  return { ...lifecycle, failures: 0, rejections: 0, failure: null, nextAt: undefined };
}

function registered(lifecycle: Lifecycle, grantedSeconds: number, env: Env): LifecycleStep {
  const delay = refreshDelay(grantedSeconds, env.rng);
  const step = moved({ ...calm(lifecycle), nextAt: env.now + delay }, 'registered', env);
  if (delay < grantedSeconds * 1000) return step;
  const text = `the registrar grants ${grantedSeconds} s, less than the shortest refresh of ${delay / 1000} s: the binding lapses in between`;
  return { ...step, effects: [...step.effects, { type: 'warn', text }] };
}

function failed(lifecycle: Lifecycle, goal: Goal, failure: Failure, env: Env): LifecycleStep {
  const told = { ...lifecycle, failure: { failure, at: env.now } };
  if (goal !== 'register') return moved({ ...told, nextAt: undefined }, afterFailedRemoval(told), env);
  const failures = lifecycle.failures + 1;
  const rejections = isRejection(failure) ? lifecycle.rejections + 1 : 0;
  const counted = { ...told, failures, rejections };
  const { retry } = lifecycle.registration.plan;
  if (isHopeless(failure) || (rejections > 0 && rejections >= retry.credentialAttempts)) {
    const probe = retry.blockedProbeSeconds;
    const nextAt = probe === 0 ? undefined : env.now + probe * 1000;
    return moved({ ...counted, nextAt }, 'blocked', env);
  }
  // RFC 3261 §20.33: Retry-After is a floor, never shortened.
  const floor = (failure.retryAfterSeconds ?? 0) * 1000;
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

/** Asking again changes nothing until somebody changes the account. */
function isHopeless(failure: Failure): boolean {
  return failure.code === 'auth.no-credentials' || failure.code === 'auth.no-algorithm';
}

function delayAfter(lifecycle: Lifecycle, failure: Failure, env: Env): Millis {
  const { retry } = lifecycle.registration.plan;
  if (isRejection(failure)) return rejectedDelay(retry, lifecycle.rejections);
  switch (failure.code) {
    case 'register.forbidden':
      return refusedDelay(lifecycle.failures);
    case 'register.rejected':
    case 'register.not-found':
    case 'register.extension':
    case 'register.interval':
    case 'register.redirected':
    case 'register.removed':
    case 'auth.looping':
      return REFUSED_WAIT_MS * randomBetween(env.rng, 1, 1.1);
    default:
      return failureDelay(retry, lifecycle.failures, env.rng);
  }
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
  if (lifecycle.state !== 'registered') return still(flowless);
  // behaviour.md §11, §16: the registrar cannot reach us over a flow that broke. The first new try is at once.
  return beginRound(flowless, 'register', env, undefined);
}

function stop(lifecycle: Lifecycle, deadlineAt: Millis, env: Env): LifecycleStep {
  const stopping = { ...lifecycle, stopping: true, nextAt: undefined };
  const { round } = stopping;
  if (round === null) return removeBinding(stopping, deadlineAt, env);
  if (round.goal !== 'register') return still({ ...stopping, round: { ...round, deadlineAt } });
  // Nothing is on its way yet: no need to wait for it.
  if (round.phase.name !== 'awaiting') return removeBinding({ ...stopping, round: null }, deadlineAt, env);
  const patience = Math.min(deadlineAt, env.now + STOP_PATIENCE_MS);
  return still({ ...stopping, round: { ...round, deadlineAt: patience } });
}

/** The REGISTER that a stop had to wait for has ended; `waitedUntil` was when the patience ran out. */
function remove(
  lifecycle: Lifecycle,
  outcome: Outcome,
  waitedUntil: Millis | undefined,
  env: Env,
): LifecycleStep {
  const failure = outcome.type === 'failed' ? { failure: outcome.failure, at: env.now } : null;
  const deadlineAt = Math.max(waitedUntil ?? env.now, env.now) + STOP_PATIENCE_MS;
  return removeBinding({ ...lifecycle, failure }, deadlineAt, env);
}

function removeBinding(lifecycle: Lifecycle, deadlineAt: Millis, env: Env): LifecycleStep {
  if (lifecycle.registration.boundContact === null) return moved(lifecycle, 'unregistered', env);
  return beginRound(lifecycle, 'remove', env, deadlineAt);
}

function moved(lifecycle: Lifecycle, state: AccountState, env: Env): LifecycleStep {
  if (lifecycle.state === state) return still(lifecycle);
  const effects: readonly LifecycleEffect[] = [{ type: 'stateChanged', previous: lifecycle.state }];
  return { lifecycle: { ...lifecycle, state, since: env.now }, effects };
}

function still(lifecycle: Lifecycle): LifecycleStep {
  return { lifecycle, effects: [] };
}

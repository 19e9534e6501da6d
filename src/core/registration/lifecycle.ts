// The life of one registration across rounds: when to refresh, when to wait and how long, when to stop asking
// (behaviour.md §5, §10, §11, §23). Its deadline stands in the state, so no timer can be lost. Pacing over many
// accounts and reload belong to the agent, not here.

import { assert } from '../assert.ts';
import type { Env } from '../env.ts';
import type { AccountState } from '../health/snapshot.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import type { Millis } from '../time.ts';
import { afterFailure, NO_SETBACKS, setbacksOf } from './after-failure.ts';
import {
  afterClockJump,
  flowMapped,
  flowOutdated,
  flowProven,
  outageMayBeOver,
  reopened,
  secretChanged,
} from './circumstances.ts';
import type { Outcome } from './effect.ts';
import type { Goal, Input } from './input.ts';
import {
  type Command,
  calm,
  inOrder,
  type Lifecycle,
  type LifecycleStep,
  lifecycleDraft,
  moved,
  type Report,
  still,
} from './lifecycle-state.ts';
import {
  type Binding,
  isOursAlone,
  NOTHING_LEARNED,
  offeredBy,
  type Registration,
  STRAIGHT_WAY,
  sameLearned,
} from './registration.ts';
import { roundWakeAt, startRound, stepRound } from './round.ts';
import type { Round, RoundStep } from './round-state.ts';
import { refreshDelay, SHORTEST_REFRESH_MS } from './schedule.ts';

/** How long a stop waits for a REGISTER that is under way before it sends its own. */
const STOP_PATIENCE_MS: Millis = 4_000;

/** A registration that has not done anything yet; `state` is what an earlier run left it in,
 * `firstAt` when it is to register by itself. */
export function beginLifecycle(
  registration: Registration,
  now: Millis,
  state: 'unregistered' | 'paused' = 'unregistered',
  firstAt?: Millis,
): Lifecycle {
  return {
    registration,
    round: null,
    state,
    since: now,
    nextAt: firstAt,
    failure: null,
    setbacks: NO_SETBACKS,
    report: { at: now, bindings: [], learned: NOTHING_LEARNED, requests: 0, roundTripMicros: null },
    others: 'none',
    stop: null,
  };
}

/** The only place in which a lifecycle moves. */
export function stepLifecycle(lifecycle: Lifecycle, input: Input | Command, env: Env): LifecycleStep {
  switch (input.type) {
    case 'roundRequested':
      assert(lifecycle.round === null, 'at most one REGISTER is under way');
      return beginRound(reopened(lifecycle), input.goal, env, input.deadlineAt);
    case 'roundPrevented':
      return prevented(lifecycle, input.goal, input.failure, env);
    case 'stopRequested':
      return stop(reopened(lifecycle), { by: input.deadlineAt, into: input.into }, env);
    case 'reconfigured':
      return reconfigured(lifecycle, input, env);
    case 'secretChanged':
      return still(secretChanged(lifecycle, input.credentials, env));
    case 'outageMayBeOver':
      return still(outageMayBeOver(lifecycle, env));
    case 'clockJumped':
      return still(afterClockJump(lifecycle, input));
    case 'flowOutdated':
      return still(flowOutdated(lifecycle, input, env));
    case 'flowProven':
      return still(flowProven(lifecycle, input.flowId));
    case 'flowMapped':
      return still(flowMapped(lifecycle, input));
    case 'othersChanged':
      return still({ ...lifecycle, others: input.others });
    case 'flowClosed':
      return flowClosed(lifecycle, input, env);
    case 'timePassed':
      return timePassed(lifecycle, input, env);
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
  return lifecycle.stop?.into === 'ended' && lifecycle.round === null;
}

function beginRound(
  lifecycle: Lifecycle,
  goal: Goal,
  env: Env,
  deadlineAt: Millis | undefined,
): LifecycleStep {
  const step = startRound(resumed(lifecycle), goal, env, deadlineAt, lifecycle.report.learned);
  const begun = lifecycleDraft(lifecycle);
  if (goal === 'register') begun.stop = null;
  begun.nextAt = undefined;
  return absorb(moved(begun, underWay(lifecycle.state, goal), env), step, env);
}

/** While it was paused others may have used the Call-ID (one-shot commands): its numbers are reserved anew. */
function resumed({ registration, state }: Lifecycle): Registration {
  if (state !== 'paused') return registration;
  const { identity } = registration;
  return { ...registration, identity: { ...identity, reservedThrough: identity.cseq } };
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

function timePassed(
  lifecycle: Lifecycle,
  input: Extract<Input, { type: 'timePassed' }>,
  env: Env,
): LifecycleStep {
  if (lifecycle.round !== null) return inRound(lifecycle, input, env);
  if (lifecycle.nextAt === undefined || env.now < lifecycle.nextAt) return still(lifecycle);
  return beginRound(lifecycle, 'register', env, undefined);
}

function inRound(lifecycle: Lifecycle, input: Input, env: Env): LifecycleStep {
  if (lifecycle.round === null) return still(lifecycle);
  const step = stepRound(lifecycle.registration, lifecycle.round, input, env);
  return absorb(still(lifecycle), step, env);
}

/** Takes a step of the round over, and its outcome when that was the last one. */
function absorb(before: LifecycleStep, step: RoundStep, env: Env): LifecycleStep {
  const lifecycle = lifecycleDraft(before.lifecycle);
  lifecycle.registration = step.registration;
  lifecycle.round = step.round;
  const effects = inOrder(before.effects, step.effects);
  const last = step.effects.at(-1);
  if (last?.type !== 'finished') return { lifecycle, effects };
  const ended = roundEnded(lifecycle, step.round, last.outcome, env);
  return { lifecycle: ended.lifecycle, effects: inOrder(effects, ended.effects) };
}

function roundEnded(lifecycle: Lifecycle, round: Round, outcome: Outcome, env: Env): LifecycleStep {
  const idle = lifecycleDraft(lifecycle);
  idle.round = null;
  idle.report = reportOf(lifecycle.report, round, outcome, env);
  if (idle.stop !== null && !isRemoval(round.goal)) {
    idle.failure = outcome.type === 'failed' ? { failure: outcome.failure, at: env.now } : null;
    return removeBinding(idle, idle.stop, env);
  }
  switch (outcome.type) {
    case 'registered':
      return registered(idle, outcome.binding, env);
    case 'removed':
      return stopped(calm(idle), env);
    case 'listed': {
      const bound = outcome.bindings.some((one) => one.own);
      return moved(calm(idle), bound ? 'registered' : 'unregistered', env);
    }
    case 'failed':
      return failed(idle, round.goal, outcome.failure, env);
  }
}

/** A failure tells nothing about the bindings: what was known before stays. */
function reportOf(before: Report, round: Round, outcome: Outcome, env: Env): Report {
  const { at, bindings, learned } = before;
  const { requests, roundTripMs } = round;
  const roundTripMicros = roundTripMs === null ? null : Math.round(roundTripMs * 1000);
  if (outcome.type === 'failed') return { at, bindings, learned, requests, roundTripMicros };
  const isOurs = outcome.type === 'registered' && isOursAlone(outcome.bindings, outcome.binding);
  const latest = outcome.type === 'registered' ? outcome.learned : NOTHING_LEARNED;
  return {
    at: env.now,
    // Most refreshes say what the one before said: then they leave nothing new behind.
    bindings: isOurs ? 'ours' : outcome.bindings,
    learned: sameLearned(learned, latest) ? learned : latest,
    requests,
    roundTripMicros,
  };
}

function registered(lifecycle: Lifecycle, binding: Binding, env: Env): LifecycleStep {
  const { grantedSeconds, endsAt } = binding;
  // The time runs from when the request was sent: an answer that took long must not make the refresh late.
  const grantedAt = endsAt - grantedSeconds * 1000;
  const refreshAt = grantedAt + refreshDelay(grantedSeconds, env.rng);
  const { way, outbound, plan } = lifecycle.registration;
  const wantedAt = Math.min(refreshAt, way.detour?.returnAt ?? refreshAt);
  const nextAt = Math.ceil(Math.max(wantedAt, env.now + SHORTEST_REFRESH_MS));
  // RFC 5626 §4.5: with outbound a registration alone does not prove the flow.
  const isProof = outbound !== 'active' || !plan.profile.offersKeep;
  const { failures, unproven } = lifecycle.setbacks;
  const well = calm(lifecycle);
  well.nextAt = nextAt;
  well.setbacks = setbacksOf(isProof ? 0 : Math.max(failures, unproven));
  const step = moved(well, 'registered', env);
  if (nextAt < endsAt) return step;
  const text = `the registrar grants ${grantedSeconds} s, and two refreshes are at least ${SHORTEST_REFRESH_MS / 1000} s apart: the binding lapses in between`;
  return { ...step, effects: [...step.effects, { type: 'warn', text }] };
}

function failed(lifecycle: Lifecycle, goal: Goal, failure: Failure, env: Env): LifecycleStep {
  // RFC 3608 §6.1: a service route ends with the registration, which was refused or has run out.
  const { binding } = lifecycle.registration;
  const lasts = failure.status === null && binding !== null && env.now < binding.endsAt;
  const report = lasts ? lifecycle.report : { ...lifecycle.report, learned: NOTHING_LEARNED };
  const told = { ...lifecycle, report, failure: { failure, at: env.now } };
  if (goal !== 'register') return moved({ ...told, nextAt: undefined }, afterFailedRemoval(told), env);
  const { state, nextAt, setbacks } = afterFailure(lifecycle, failure, env);
  return moved({ ...told, nextAt, setbacks }, state, env);
}

/** A removal or a query that failed leaves things as they were, as far as we know; one at the end stays half done. */
function afterFailedRemoval(lifecycle: Lifecycle): AccountState {
  if (lifecycle.stop?.into === 'paused') return 'paused';
  if (lifecycle.stop?.into === 'ended') return 'unregistering';
  return lifecycle.registration.boundContact === null ? 'unregistered' : 'registered';
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
  if (lifecycle.state !== 'registered' || lifecycle.stop !== null) return still(flowless);
  // RFC 5626 §4.5: a flow that was lost before it had proved itself is one more failure.
  const { setbacks } = lifecycle;
  if (setbacks.unproven > 0) {
    const counted = { ...flowless, setbacks: { ...setbacks, failures: setbacks.unproven, unproven: 0 } };
    return failed(counted, 'register', input.failure, env);
  }
  // behaviour.md §11, §16: the registrar cannot reach us over a flow that broke. The first new try is at once, but not
  // when the server closes the connection after each answer (§5); all accounts of the flow come back together, so the
  // agent paces them (§13).
  const told = { ...flowless, failure: { failure: input.failure, at: env.now } };
  return still({ ...told, nextAt: Math.max(env.now, lifecycle.since + SHORTEST_REFRESH_MS) });
}

type Stop = NonNullable<Lifecycle['stop']>;

function stop(lifecycle: Lifecycle, wanted: Stop, env: Env): LifecycleStep {
  const stopping = { ...lifecycle, stop: wanted, nextAt: undefined };
  const { round } = stopping;
  if (round === null) return removeBinding(stopping, wanted, env);
  if (isRemoval(round.goal)) return still({ ...stopping, round: { ...round, deadlineAt: wanted.by } });
  // Nothing is on its way yet: no need to wait for it.
  if (round.phase.name !== 'awaiting') return removeBinding({ ...stopping, round: null }, wanted, env);
  // Half of the time belongs to the removal.
  const patience = Math.min(STOP_PATIENCE_MS, Math.max(0, wanted.by - env.now) / 2);
  return still({ ...stopping, round: { ...round, deadlineAt: env.now + patience } });
}

function isRemoval(goal: Goal): boolean {
  return goal === 'remove' || goal === 'remove-all';
}

function removeBinding(lifecycle: Lifecycle, { by }: Stop, env: Env): LifecycleStep {
  if (lifecycle.registration.boundContact === null) return stopped(lifecycle, env);
  if (env.now < by) return beginRound(lifecycle, 'remove', env, by);
  const failure = failureOf('register.timeout', 'no time was left to remove the binding');
  return failed(lifecycle, 'remove', failure, env);
}

/** Nothing is bound any more. */
function stopped(lifecycle: Lifecycle, env: Env): LifecycleStep {
  return moved(lifecycle, lifecycle.stop?.into === 'paused' ? 'paused' : 'unregistered', env);
}

/** behaviour.md §24: the same identity with other settings registers at once; its binding stays until it has. */
function reconfigured(
  lifecycle: Lifecycle,
  { plan, credentials, newFlow, obstacle }: Extract<Command, { type: 'reconfigured' }>,
  env: Env,
): LifecycleStep {
  assert(lifecycle.round === null, 'settings change between two rounds');
  const { flow, target } = lifecycle.registration;
  const place = newFlow ? { flow: null, target: null } : { flow, target };
  const begun = {
    interval: plan.profile.expires,
    refusedOptions: [],
    sessions: [],
    credentialsWorked: false,
    outbound: offeredBy(plan),
    way: STRAIGHT_WAY,
  };
  const registration = { ...lifecycle.registration, ...begun, ...place, plan, credentials };
  const fresh = { ...calm(lifecycle), registration };
  if (lifecycle.state === 'paused') return still(fresh);
  return obstacle === undefined
    ? beginRound(fresh, 'register', env, undefined)
    : prevented(fresh, 'register', obstacle, env);
}

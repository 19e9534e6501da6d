// What happens to a registration between its rounds, and begins none by itself: other secrets, a registrar that is back, a
// clock that jumped, a flow that proved itself or grew old, a bug of ours. Each only moves what stands in the state.

import type { Credential } from '../digest/algorithm.ts';
import type { Env } from '../env.ts';
import type { Failure } from '../health/verdict.ts';
import { sameSocketAddress } from '../sip/ip.ts';
import type { Millis } from '../time.ts';
import { afterFailure, isOutage } from './after-failure.ts';
import { NONE_CLOSED } from './closed-targets.ts';
import { addressSeen } from './contact.ts';
import type { Command, Lifecycle } from './lifecycle-state.ts';
import { changedWay, type Way } from './registration.ts';
import { FLOW_AFTER_FLOW_MS, SHORTEST_REFRESH_MS } from './schedule.ts';

/** behaviour.md §10: a changed secret ends `blocked`, and every wait that the old one caused, at once; flow after flow. */
export function secretChanged(lifecycle: Lifecycle, credentials: readonly Credential[], env: Env): Lifecycle {
  const { registration, state, failure } = lifecycle;
  const changed = {
    ...lifecycle,
    setbacks: { ...lifecycle.setbacks, rejections: 0 },
    registration: { ...registration, credentials, credentialsWorked: false, sessions: [] },
  };
  const isWaitingForIt =
    state === 'blocked' ||
    (state === 'waiting' && (failure?.failure.stage === 'auth' || failure?.failure.stage === 'secret'));
  if (!isWaitingForIt || lifecycle.round !== null) return changed;
  return { ...changed, nextAt: env.now + (registration.regId - 1) * FLOW_AFTER_FLOW_MS };
}

/** behaviour.md §11: a success on a target, or another way out of this host, wakes those who wait for it, but none before
 * its Retry-After. */
export function outageMayBeOver(lifecycle: Lifecycle, env: Env): Lifecycle {
  if (!isWaitingOutage(lifecycle)) return lifecycle;
  return { ...lifecycle, nextAt: Math.max(env.now, lifecycle.setbacks.notBefore ?? env.now) };
}

/** Whether it waits for nothing but the end of an outage. */
export function isWaitingOutage({ state, failure }: Lifecycle): boolean {
  return state === 'waiting' && failure !== null && isOutage(failure.failure);
}

/** Somebody wants a round now, or the binding removed (behaviour.md §23): whoever named a time before which it does not want
 * to be asked is asked all the same. */
export function reopened(lifecycle: Lifecycle): Lifecycle {
  const { registration } = lifecycle;
  if (registration.way.closed.length === 0) return lifecycle;
  const way = changedWay(registration.way, { closed: NONE_CLOSED });
  return { ...lifecycle, registration: { ...registration, way } };
}

/** All instants move, so that dates and deadlines hold on the wall clock (behaviour.md §16). */
export function afterClockJump(
  lifecycle: Lifecycle,
  { sleptMs, recheckAt }: Extract<Command, { type: 'clockJumped' }>,
): Lifecycle {
  const { registration, since, nextAt, setbacks, failure, state, round } = lifecycle;
  const { binding, way } = registration;
  const { notBefore } = setbacks;
  const nearer = nextAt === undefined ? undefined : nextAt - sleptMs;
  const isRechecked = state === 'registered' && round === null && nearer !== undefined;
  return {
    ...lifecycle,
    since: since - sleptMs,
    setbacks: notBefore === undefined ? setbacks : { ...setbacks, notBefore: notBefore - sleptMs },
    nextAt: isRechecked ? Math.min(recheckAt, nearer) : nearer,
    failure: failure === null ? null : { ...failure, at: failure.at - sleptMs },
    registration: {
      ...registration,
      binding: binding === null ? null : { ...binding, endsAt: binding.endsAt - sleptMs },
      way: wayAfterClockJump(way, sleptMs),
    },
  };
}

function wayAfterClockJump(way: Way, sleptMs: Millis): Way {
  const { detour, closed } = way;
  if (detour === null && closed.length === 0) return way;
  return {
    ...way,
    detour: detour === null ? null : { ...detour, returnAt: detour.returnAt - sleptMs },
    closed: closed.map((one) => ({ ...one, untilAt: one.untilAt - sleptMs })),
  };
}

/**
 * A bug of ours ended what it was doing: it begins again by itself, later each time, and keeps its identity. One that was
 * to stop has stopped.
 */
export function afterCrash(lifecycle: Lifecycle, failure: Failure, env: Env): Lifecycle {
  const { registration, stop } = lifecycle;
  const clean = { ...registration, sessions: [], flow: null, target: null };
  const counted = { ...lifecycle, registration: clean, round: null };
  if (stop !== null) {
    const told = { ...counted, nextAt: undefined, failure: { failure, at: env.now } };
    return { ...told, state: stop.into === 'paused' ? 'paused' : 'unregistered', since: env.now };
  }
  const waiting = afterFailure(counted, failure, env);
  return { ...counted, ...waiting, since: env.now, failure: { failure, at: env.now } };
}

/** behaviour.md §19: the next REGISTER goes over a new flow, and the old one is kept until that has worked. */
export function flowOutdated(
  lifecycle: Lifecycle,
  { flowId, now }: Extract<Command, { type: 'flowOutdated' }>,
  env: Env,
): Lifecycle {
  const { registration, state, round } = lifecycle;
  if (registration.flow?.id !== flowId) return lifecycle;
  const way = changedWay(registration.way, { outdatedFlow: true });
  const marked = { ...lifecycle, registration: { ...registration, way } };
  return now && state === 'registered' && round === null ? { ...marked, nextAt: env.now } : marked;
}

/**
 * RFC 5626 §4.4.2: STUN tells that the public address of a flow has changed only from its second answer on. What the 2xx
 * said (RFC 3581) is as good a first: registrar and STUN server are one address, so any NAT shows both the same. If they
 * differ a NAT gave the flow another address in between, and the registrar is told by a REGISTER, which finds out where it
 * sees us now. A balancer that shows it something else all the time costs that one REGISTER for each flow, and no more.
 */
export function flowMapped(lifecycle: Lifecycle, input: FlowMapped): Lifecycle {
  if (!isMappedElsewhere(lifecycle, input)) return lifecycle;
  const { since, nextAt } = lifecycle;
  const soonest = Math.max(input.refreshAt, since + SHORTEST_REFRESH_MS);
  return { ...lifecycle, nextAt: Math.min(nextAt ?? soonest, soonest) };
}

type FlowMapped = Extract<Command, { type: 'flowMapped' }>;

/** Whether the registrar saw the flow come from another address than `mapped`, and should be told. */
export function isMappedElsewhere(
  { registration, state, round }: Lifecycle,
  { flowId, mapped }: Pick<FlowMapped, 'flowId' | 'mapped'>,
): boolean {
  const { flow, plan, publicAddress } = registration;
  if (flow?.id !== flowId || state !== 'registered' || round !== null) return false;
  // Whose Contact follows no address has nothing to tell.
  if (plan.profile.nat === 'off' || plan.contact.uri !== null) return false;
  return !sameSocketAddress(addressSeen(publicAddress, flow.local), mapped);
}

/** RFC 5626 §4.5: only a flow whose keep-alive was answered makes earlier failures forgotten. */
export function flowProven(lifecycle: Lifecycle, flowId: number): Lifecycle {
  const { registration, setbacks } = lifecycle;
  if (registration.flow?.id !== flowId || setbacks.unproven === 0) return lifecycle;
  return { ...lifecycle, setbacks: { ...setbacks, unproven: 0 } };
}

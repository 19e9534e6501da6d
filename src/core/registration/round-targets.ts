// Where a round sends to: the targets of the next hop in order, the next one when a target does not serve us, and what
// it comes back to when none does (RFC 3261 §8.1.2, RFC 3263 §4.3; behaviour.md §12).

import type { Env } from '../env.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import { isSecure, sameTarget, type Target } from '../sip/transport.ts';
import type { Millis } from '../time.ts';
import { elsewhere } from './challenge-answer.ts';
import { closedFailure, closing, closureOf, stillClosed } from './closed-targets.ts';
import type { Effect } from './effect.ts';
import type { Input } from './input.ts';
import { changedWay, type Registration } from './registration.ts';
import { hopOf, openTarget } from './round-opening.ts';
import { sendRegister } from './round-sending.ts';
import {
  finish,
  inPhase,
  type LastResort,
  type Place,
  RESOLVING,
  type Round,
  type RoundStep,
  roundDraft,
} from './round-state.ts';
import { retryAfterDelay, returnDelay } from './schedule.ts';

type Located = Extract<Input, { type: 'targetsResolved' }>;

/** Looks up where `round.requestUri` (or the first Route) leads. */
export function resolveTargets(registration: Registration, round: Round): RoundStep {
  const hop = hopOf(registration, round);
  const looking = inPhase(round, RESOLVING);
  looking.onKeptFlow = false;
  return {
    registration,
    round: looking,
    effects: [{ type: 'resolve', hop }],
  };
}

/** The lookup came back: the first target is opened, but none that has just answered 503 (RFC 3263 §4.3), or that did so
 * earlier and named a time that is not over (RFC 3261 §21.5.4). */
export function targetsResolved(
  registration: Registration,
  round: Round,
  located: Located,
  env: Env,
): RoundStep {
  const { way } = registration;
  const { tlsWithdrawn } = located;
  const told =
    way.toldWithdrawal === tlsWithdrawn
      ? registration
      : { ...registration, way: changedWay(way, { toldWithdrawal: tlsWithdrawn }) };
  const step = openBest(told, round, located, env);
  const warnings = doubts(registration, round, located);
  return warnings.length === 0 ? step : { ...step, effects: [...warnings, ...step.effects] };
}

function openBest(
  registration: Registration,
  round: Round,
  { targets, deferredUntil }: Located,
  env: Env,
): RoundStep {
  // A domain that has named no target with TLS for a day (offered-tls.ts) is no trick of whoever spoilt the handshake.
  const secure = registration.way.tlsFailed ? targets.filter(isEncrypted) : [];
  const allowed = secure.length > 0 ? secure : targets;
  const closed = stillClosed(registration.way.closed, env.now);
  const isOpen = (target: Target): boolean =>
    !round.overloaded.some((one) => sameTarget(one, target)) && closureOf(closed, target) === undefined;
  const remaining = allowed.filter(isOpen);
  const [first] = remaining;
  const located = roundDraft(round);
  located.remaining = remaining;
  located.deferredUntil = deferredUntil;
  for (const better of allowed.slice(0, first === undefined ? 0 : allowed.indexOf(first))) {
    located.deferredUntil = sooner(located.deferredUntil, closureOf(closed, better)?.untilAt ?? env.now);
  }
  return first === undefined
    ? nothingLeft(registration, located, whyNone(registration, round, allowed, env), env)
    : openFirst(registration, located, first);
}

/** No target could be found: the round ends, or comes back to where the binding is. */
export function resolutionFailed(
  registration: Registration,
  round: Round,
  failure: Failure,
  env: Env,
): RoundStep {
  return nothingLeft(registration, { ...round, remaining: [] }, failure, env);
}

/** `target` did not serve us: the next one, after a kept flow a fresh lookup, else the end (RFC 3263 §4.3). */
export function failOver(
  registration: Registration,
  round: Round,
  target: Target,
  failure: Failure,
  env: Env,
): RoundStep {
  const tlsFailed = registration.way.tlsFailed || failure.stage === 'tls';
  const closed = closing(registration.way.closed, target, failure, env.now);
  const way = changedWay(registration.way, { streamlessFlow: null, tlsFailed, closed });
  const flowless = { ...registration, flow: null, target: null, way };
  // Another server may not know the nonces of the first: its challenge is no rejection yet.
  const passedOver = withLongerWait(failure, round.passedOver);
  const next = { ...round, challenges: elsewhere(round.challenges), passedOver };
  const { retryAfterSeconds } = failure;
  const failed: Effect = { type: 'targetFailed', target, retryAfterSeconds };
  if (!round.onKeptFlow) {
    // behaviour.md §12: whoever could spoil a handshake must not bring us to speak in the open, now or in a later round.
    const remaining = tlsFailed ? round.remaining.filter(isEncrypted) : round.remaining;
    const untilAt = closureOf(closed, target)?.untilAt ?? env.now;
    const deferredUntil = sooner(round.deferredUntil, untilAt);
    const step = openNext(flowless, { ...next, remaining, deferredUntil }, failure, env);
    return withEffect(failed, step);
  }
  const step = resolveTargets(flowless, next);
  // A connection of an earlier round that broke says little: whether the target is there shows at once.
  return failure.stage === 'connect' ? step : withEffect(failed, step);
}

/**
 * The round is over. behaviour.md §12: where it has left the flow elsewhere than at the best target, that one is tried again
 * after a quiet time, and later each time that it still fails; whatever the round was for, and whatever came of it. One that
 * has named a longer time (Retry-After) is not tried before.
 */
export function withDetour(step: RoundStep, env: Env): RoundStep {
  const { registration, round } = step;
  if (round.onKeptFlow || registration.flow === null) return step;
  const { way } = registration;
  const { deferredUntil } = round;
  if (deferredUntil === null && way.detour === null && way.closed.length === 0) return step;
  const returns = way.detour?.returns ?? 0;
  const detour =
    deferredUntil === null
      ? null
      : { returnAt: env.now + delayUntil(deferredUntil, returns, env), returns: returns + 1 };
  const closed = stillClosed(way.closed, env.now);
  return { ...step, registration: { ...registration, way: changedWay(way, { detour, closed }) } };
}

function delayUntil(untilAt: Millis, returns: number, { now, rng }: Env): Millis {
  return Math.max(returnDelay(returns, rng), retryAfterDelay(Math.max(0, untilAt - now) / 1000, rng));
}

function sooner(one: Millis | null, other: Millis): Millis {
  return one === null ? other : Math.min(one, other);
}

function isEncrypted({ transport }: Target): boolean {
  return isSecure(transport);
}

/** Opens a flow to the next target; without one, the last resort, or the end with `failure`. */
function openNext(registration: Registration, round: Round, failure: Failure, env: Env): RoundStep {
  const [first] = round.remaining;
  return first === undefined
    ? nothingLeft(registration, round, failure, env)
    : openFirst(registration, round, first);
}

function openFirst(registration: Registration, round: Round, first: Target): RoundStep {
  const next = roundDraft(round);
  next.remaining = round.remaining.slice(1);
  return openTarget(registration, next, first);
}

/** No target is left: the last resort, or the end with `failure`. */
function nothingLeft(registration: Registration, round: Round, failure: Failure, env: Env): RoundStep {
  const { lastResort, overloaded } = round;
  if (lastResort === null) return finish(registration, round, { type: 'failed', failure });
  const { target } = lastResort.place;
  const isClosed = closureOf(stillClosed(registration.way.closed, env.now), target) !== undefined;
  return isClosed || overloaded.some((one) => sameTarget(one, target))
    ? stay(registration, round, lastResort, failure, env)
    : comeBack(registration, round, lastResort, failure, env);
}

/** RFC 5626 §4.2.2: whoever does not want to be asked now is not, but the flow to it stays open, and the binding on it. */
function stay(
  registration: Registration,
  round: Round,
  { place, isOutdated }: LastResort,
  failure: Failure,
  env: Env,
): RoundStep {
  const { detour } = registration.way;
  const deferredUntil = round.deferredUntil ?? (detour === null ? null : env.now);
  return finish(
    backAt(registration, place, isOutdated),
    { ...round, deferredUntil },
    { type: 'failed', failure },
  );
}

function backAt(registration: Registration, { flow, target }: Place, outdatedFlow: boolean): Registration {
  return { ...registration, flow, target, way: changedWay(registration.way, { outdatedFlow }) };
}

/** Make before break: what was to take the old flow's place cannot be had, and the old flow still works. */
function comeBack(
  registration: Registration,
  round: Round,
  { place, isOutdated }: LastResort,
  failure: Failure,
  env: Env,
): RoundStep {
  const back = backAt(registration, place, isOutdated);
  const deferredUntil = round.deferredUntil ?? env.now;
  const kept = { ...round, lastResort: null, deferredUntil, datagramFlow: null };
  const { address, port } = place.target;
  const text = `the registration stays with ${address} port ${port}, because the better place for it does not serve: ${failure.cause}`;
  return withEffect({ type: 'warn', text }, sendRegister(back, kept, place, env));
}

function withEffect(effect: Effect, step: RoundStep): RoundStep {
  return { ...step, effects: [effect, ...step.effects] };
}

/** What is wrong with how the targets were found; that TLS was withdrawn is told once. */
function doubts(
  registration: Registration,
  round: Round,
  { targets, stale, tlsWithdrawn }: Located,
): readonly Effect[] {
  const isNews = tlsWithdrawn && !registration.way.toldWithdrawal;
  if (stale === null && !isNews) return NO_DOUBTS;
  const texts = [
    stale === null ? null : `the last known addresses are used, because DNS fails: ${stale.cause}`,
    isNews ? withdrawalText(hopOf(registration, round).host, targets) : null,
  ];
  return texts.flatMap((text) => (text === null ? [] : [{ type: 'warn', text }]));
}

/** RFC 3263 §7: the client SHOULD generate some kind of alert or alarm. */
function withdrawalText(host: string, targets: readonly Target[]): string {
  const [before, now] = [targets.find(isEncrypted), targets.find((target) => !isEncrypted(target))];
  return `DNS names no target with TLS for ${host} any more, which may be an attack: ${placeText(before)}, which it named less than a day ago, is tried before ${placeText(now)}; with "transport": "tls" no other would be`;
}

function placeText(target: Target | undefined): string {
  return target === undefined
    ? 'none'
    : `${target.address} port ${target.port} over ${target.transport.toUpperCase()}`;
}

const NO_DOUBTS: readonly Effect[] = [];

/** None of `targets` may be asked. */
function whyNone(registration: Registration, round: Round, targets: readonly Target[], env: Env): Failure {
  if (round.passedOver !== null) return round.passedOver;
  const closed = targets.flatMap((target) => closureOf(registration.way.closed, target) ?? []);
  const { host } = hopOf(registration, round);
  return (
    closedFailure(closed, env.now) ??
    failureOf('dns.no-address', `${host} has no address that this host can use`)
  );
}

/** `failure`, with the Retry-After of the one before it where that is longer. */
function withLongerWait(failure: Failure, before: Failure | null): Failure {
  const seconds = Math.max(failure.retryAfterSeconds ?? 0, before?.retryAfterSeconds ?? 0);
  return { ...failure, retryAfterSeconds: seconds > 0 ? seconds : null };
}

// What happens after a failed round: how long to wait, and when to stop asking (behaviour.md §10, §11). Failures of the
// network are never terminal; rejected credentials are no outage.

import type { Env } from '../env.ts';
import type { Failure } from '../health/verdict.ts';
import type { Millis } from '../time.ts';
import type { Registration } from './registration.ts';
import { failureDelay, type OtherFlows, refusedDelay, rejectedDelay, retryAfterDelay } from './schedule.ts';

/** How often what has failed so far. */
export type FailureCounts = {
  /** Failures in a row, of any kind. */
  readonly failures: number;
  /** Rejections of the credentials since they last worked: an outage in between makes them no better. */
  readonly rejections: number;
  /** Times that the registrar forbade it in a row. */
  readonly prohibitions: number;
};

/** What has gone wrong since all was well; of most registrations nothing has. */
export type Setbacks = FailureCounts & {
  /** Before this the registrar does not want to be asked (Retry-After). */
  readonly notBefore: Millis | undefined;
  /** RFC 5626 §4.5: the failures in a row that count again when the present flow is lost before it has proved itself by an
   * answered keep-alive; 0 when it has. */
  readonly unproven: number;
};

export const NO_SETBACKS: Setbacks = {
  failures: 0,
  rejections: 0,
  prohibitions: 0,
  notBefore: undefined,
  unproven: 0,
};

/** Those of a registration that works, on a flow that may still have to prove itself. */
export function setbacksOf(unproven: number): Setbacks {
  return unproven === 0 ? NO_SETBACKS : { ...NO_SETBACKS, unproven };
}

export type AfterFailure = {
  readonly state: 'waiting' | 'blocked';
  readonly nextAt: Millis | undefined;
  readonly setbacks: Setbacks;
};

type Before = {
  readonly registration: Registration;
  readonly setbacks: Setbacks;
  readonly others: OtherFlows;
};

/** The state after one more failure to register. */
export function afterFailure(before: Before, failure: Failure, env: Env): AfterFailure {
  const { retry } = before.registration.plan.profile;
  const counts = countFailure(before.setbacks, failure);
  const floor = retryAfterDelay(failure.retryAfterSeconds ?? 0, env.rng);
  const notBefore = floor === 0 ? undefined : env.now + floor;
  const setbacks = { ...counts, notBefore, unproven: before.setbacks.unproven };
  const isBlocked =
    isHopeless(failure) || (counts.rejections > 0 && counts.rejections >= retry.credentialAttempts);
  if (isBlocked) {
    const probe = retry.blockedProbeSeconds * 1000;
    const nextAt = probe === 0 ? undefined : env.now + Math.max(floor, probe);
    return { state: 'blocked', nextAt, setbacks };
  }
  const nextAt = env.now + Math.max(floor, delayAfter(counts, failure, before, env));
  return { state: 'waiting', nextAt, setbacks };
}

/** Nobody refused anything: the network or the server was not there, and may be back at any moment. */
export function isOutage(failure: Failure): boolean {
  const isOurs = failure.stage === 'auth' || failure.stage === 'config' || failure.stage === 'secret';
  return !isOurs && !isRefusal(failure);
}

function countFailure(
  { failures, rejections, prohibitions }: FailureCounts,
  failure: Failure,
): FailureCounts {
  return {
    failures: failures + 1,
    rejections: rejections + (isRejection(failure) ? 1 : 0),
    prohibitions: isProhibition(failure) ? prohibitions + 1 : 0,
  };
}

/** The account's credentials are to blame: the registrar rejects them, or has no use for any of them. */
export function isOfCredentials(failure: Failure): boolean {
  return isRejection(failure) || isHopeless(failure);
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

function delayAfter(
  counts: FailureCounts,
  failure: Failure,
  { registration, others }: Before,
  env: Env,
): Millis {
  const { retry } = registration.plan.profile;
  if (isRejection(failure)) return rejectedDelay(retry, counts.rejections, env.rng);
  if (isProhibition(failure)) return refusedDelay(counts.prohibitions, env.rng);
  // More of the same does not change such an answer: it never waits longer than the first time, nor shorter.
  if (isRefusal(failure)) return refusedDelay(1, env.rng);
  return failureDelay(retry, counts.failures, others, env.rng);
}

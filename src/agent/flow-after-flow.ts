// The flows of an account (RFC 5626 §4.2) begin one after the other: a wrong password shows on the first, and is not tried
// on the others too (behaviour.md §10). One that takes its time holds the others up for a moment only.

import type { Failure } from '../core/health/verdict.ts';
import { FLOW_AFTER_FLOW_MS } from '../core/registration/schedule.ts';
import type { Millis } from '../core/time.ts';
import type { ManagedRegistration, Registrations } from './managed-registration.ts';

/** Calls `run` for each of `flows`, and resolves when all of them have ended. `rejected`: the registrar has just rejected the
 * account's credentials on one of them. */
export async function flowAfterFlow<T>(
  flows: Registrations,
  run: (flow: ManagedRegistration, rejected: Failure | null) => Promise<T>,
): Promise<readonly T[]> {
  let rejected: Failure | null = null;
  const running: Promise<T>[] = [];
  for (const flow of flows) {
    const ended = run(flow, rejected).then((result) => {
      const { failure } = flow.lifecycle;
      if (failure?.failure.code === 'auth.rejected') rejected = failure.failure;
      return result;
    });
    running.push(ended);
    await endOrTime(ended, FLOW_AFTER_FLOW_MS);
  }
  return await Promise.all(running);
}

/** Resolves with the end of `work`, whatever it is, or after `ms`. */
function endOrTime(work: Promise<unknown>, ms: Millis): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    work.then(end, end);
  });
}

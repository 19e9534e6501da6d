// When the next REGISTER is due: refresh before the binding ends (behaviour.md §5), wait after a failure
// (§11, RFC 5626 §4.5), and the growing gaps of credentials that were rejected (§10).

import { type Rng, randomBetween } from '../rng.ts';
import type { Millis } from '../time.ts';
import type { RetryPolicy } from './plan.ts';

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

/** Never less than this between two refreshes of one account. */
export const SHORTEST_REFRESH_MS: Millis = 5 * SECOND;
/** The longest wait of an account with one flow, and with several, in seconds. */
const MAX_WAIT_SECONDS = 300;
const MAX_WAIT_SECONDS_OF_SEVERAL = 1_800;
/** RFC 5626 §4.5: the base while another flow of the account is up, as a multiple of the base when none is. */
const PATIENCE_WITH_ANOTHER_FLOW = 3;
/** behaviour.md §12: the quiet time before the preferred target is tried again, and the longest of them. */
const RETURN_MS: Millis = 5 * MINUTE;
const LONGEST_RETURN_MS: Millis = 60 * MINUTE;
/** The shortest wait after a final answer that more of the same will not change. */
const REFUSED_WAIT_MS: Millis = 5 * MINUTE;
const LONGEST_REFUSED_WAIT_MS: Millis = 60 * MINUTE;
/** A wrong password shows on the first flow of an account; the others begin so much later, each after the other, and need not
 * try it too. */
export const FLOW_AFTER_FLOW_MS: Millis = SECOND;
/** All tries with rejected credentials together take at least this long. */
const REJECTED_SPAN_MS: Millis = 30 * MINUTE;

/** How long after the grant a binding of `grantedSeconds` is refreshed. */
export function refreshDelay(grantedSeconds: number, rng: Rng): Millis {
  return Math.max(SHORTEST_REFRESH_MS, wantedDelay(grantedSeconds * SECOND, rng));
}

function wantedDelay(granted: Millis, rng: Rng): Millis {
  if (granted >= 600 * SECOND) return granted * randomBetween(rng, 0.85, 0.9);
  if (granted < 60 * SECOND) return granted / 2;
  return Math.max(granted / 2, granted - randomBetween(rng, 40 * SECOND, 50 * SECOND));
}

/** The account's other flows: none, all of them down, or one at least up (RFC 5626 §4.5). */
export type OtherFlows = 'none' | 'down' | 'up';

/** RFC 5626 §4.5: the wait after the `failures`-th failure in a row (1 for the first). */
export function failureDelay(policy: RetryPolicy, failures: number, others: OtherFlows, rng: Rng): Millis {
  const max = policy.maxSeconds ?? (others === 'none' ? MAX_WAIT_SECONDS : MAX_WAIT_SECONDS_OF_SEVERAL);
  const base = policy.baseSeconds * (others === 'up' ? PATIENCE_WITH_ANOTHER_FLOW : 1);
  const doubled = base * 2 ** Math.min(failures, 30);
  return Math.min(max, doubled) * SECOND * randomBetween(rng, 0.5, 1);
}

/** The wait before the preferred target is tried again, after it failed so `returns` times: they do not all return at once. */
export function returnDelay(returns: number, rng: Rng): Millis {
  return Math.min(LONGEST_RETURN_MS, RETURN_MS * 2 ** Math.min(returns, 10)) * spread(rng);
}

/** The wait after the `refusals`-th refusal in a row: five minutes and a little, doubling to sixty. */
export function refusedDelay(refusals: number, rng: Rng): Millis {
  const wanted = REFUSED_WAIT_MS * 2 ** Math.min(refusals - 1, 10) * spread(rng);
  return Math.min(LONGEST_REFUSED_WAIT_MS, wanted);
}

/**
 * The wait after the `rejections`-th rejection of the credentials in a row. Each gap is twice the one before, and all
 * gaps before the account is blocked make at least half an hour, so that no ban list counts the tries together.
 */
export function rejectedDelay(policy: RetryPolicy, rejections: number, rng: Rng): Millis {
  const gaps = Math.max(1, policy.credentialAttempts - 1);
  const first = Math.max(REFUSED_WAIT_MS, REJECTED_SPAN_MS / (2 ** gaps - 1));
  const wanted = first * 2 ** Math.min(rejections - 1, 10);
  return Math.min(Math.max(first, LONGEST_REFUSED_WAIT_MS), wanted) * spread(rng);
}

/** RFC 3261 §20.33: Retry-After is a floor, never shortened. Those who were told the same do not return as one. */
export function retryAfterDelay(seconds: number, rng: Rng): Millis {
  return seconds * SECOND + randomBetween(rng, 0, Math.min(MINUTE, 0.1 * seconds * SECOND));
}

/** Accounts that were refused together do not return together. */
function spread(rng: Rng): number {
  return randomBetween(rng, 1, 1.1);
}

// When the next REGISTER is due: refresh before the binding ends (behaviour.md §5), wait after a failure
// (§11, RFC 5626 §4.5), and the growing gaps of credentials that were rejected (§10).

import { type Rng, randomBetween } from '../rng.ts';
import type { Millis } from '../time.ts';
import type { RetryPolicy } from './plan.ts';

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

/** Never less than this between two refreshes of one account. */
const SHORTEST_REFRESH_MS: Millis = 5 * SECOND;
/** The longest wait of an account with one flow, in seconds. */
const MAX_WAIT_SECONDS = 300;
/** The shortest wait after a final answer that more of the same will not change. */
export const REFUSED_WAIT_MS: Millis = 5 * MINUTE;
const FORBIDDEN_MAX_MS: Millis = 60 * MINUTE;
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

/** RFC 5626 §4.5: the wait after the `failures`-th failure in a row (1 for the first). */
export function failureDelay(policy: RetryPolicy, failures: number, rng: Rng): Millis {
  const max = policy.maxSeconds ?? MAX_WAIT_SECONDS;
  const doubled = policy.baseSeconds * 2 ** Math.min(failures, 30);
  return Math.min(max, doubled) * SECOND * randomBetween(rng, 0.5, 1);
}

/** The wait after the `failures`-th final refusal in a row: five minutes, doubling to sixty. */
export function refusedDelay(failures: number): Millis {
  return Math.min(FORBIDDEN_MAX_MS, REFUSED_WAIT_MS * 2 ** Math.min(Math.max(failures - 1, 0), 10));
}

/**
 * The wait after the `rejections`-th rejection of the credentials in a row. Each gap is twice the one before, and all
 * gaps before the account is blocked make half an hour, so that no ban list counts the tries together.
 */
export function rejectedDelay(policy: RetryPolicy, rejections: number): Millis {
  const gaps = Math.max(1, policy.credentialAttempts - 1);
  const unit = REJECTED_SPAN_MS / (2 ** gaps - 1);
  return unit * 2 ** (Math.min(rejections, gaps) - 1);
}

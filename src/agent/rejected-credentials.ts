// What is remembered of credentials that the registrar rejected, by the agent and by every command that sends them, so that
// no number of restarts and no cron gets this host banned (behaviour.md §10). It holds as long as they are the same.

import { type Failure, failureOf } from '../core/health/verdict.ts';
import { type EarlierRejections, remainingWait } from '../core/registration/earlier-rejections.ts';
import { wallTimeOf } from '../runtime/clock.ts';
import { stampText } from '../runtime/local-time.ts';
import type { RejectionRecord } from '../state/state-document.ts';
import { identityKey, type ManagedRegistration, type PreparedAccount } from './managed-registration.ts';
import { secretFingerprint } from './secret-fingerprint.ts';

export type Rejections = EarlierRejections & {
  /** When the last one was, RFC 3339 UTC. */
  readonly lastAt: string;
  /** Why the account is not registered. */
  readonly failure: Failure;
};

/** What is known of the account's credentials as they are now; null: nothing against them, or they are others. */
export function rejectionsOf({ plan, memory, credentials }: PreparedAccount): Rejections | null {
  const { rejected } = memory.load(identityKey(plan));
  if (rejected === null || !credentials.ok) return null;
  if (rejected.secretFingerprint !== secretFingerprint(credentials.value, memory.instanceId())) return null;
  const { count, lastAt, nextAt, isBlocked } = rejected;
  const last = Date.parse(lastAt);
  return {
    count: count ?? plan.profile.retry.credentialAttempts,
    isBlocked,
    agoMs: Date.now() - last,
    gapMs: nextAt === null ? null : Date.parse(nextAt) - last,
    lastAt,
    failure: verdictOf(rejected),
  };
}

/** What is to be remembered of a registration that has just failed for its credentials; null: it was none, but a removal. */
export function rejectionRecord(
  { lifecycle }: ManagedRegistration,
  instanceId: string,
): RejectionRecord | null {
  const { registration, setbacks, failure, state, nextAt } = lifecycle;
  if (failure === null || (state !== 'waiting' && state !== 'blocked')) return null;
  return {
    secretFingerprint: secretFingerprint(registration.credentials, instanceId),
    count: setbacks.rejections,
    lastAt: wallTimeOf(failure.at).toISOString(),
    nextAt: nextAt === undefined ? null : wallTimeOf(nextAt).toISOString(),
    isBlocked: state === 'blocked',
  };
}

/** As rejectionsOf; null too for credentials that may be sent once more: they were not rejected so often. */
export function blockedCredentials(prepared: PreparedAccount): Rejections | null {
  const rejected = rejectionsOf(prepared);
  if (rejected === null || !rejected.isBlocked || rejected.count === 0) return null;
  const advice = `change the secret; "sipreg register ${prepared.plan.account} --force" sends these now`;
  return { ...rejected, failure: { ...rejected.failure, advice } };
}

/** Why the credentials are not sent; null: they are. `probes`: who asks remembers how it goes, and may try blocked ones when
 * that is due. */
export function withheldCredentials(prepared: PreparedAccount, probes: boolean): Failure | null {
  const rejected = blockedCredentials(prepared);
  if (rejected === null) return null;
  const wait = remainingWait(rejected, prepared.plan.profile.retry);
  if (probes && wait === 0) return null;
  const until = probes && wait !== undefined ? ` before ${stampAfter(wait)}` : '';
  const { failure } = rejected;
  const cause = `${failure.cause}; they are not sent${until}, so that this host is not banned`;
  return { ...failure, cause };
}

function verdictOf({ count, lastAt }: RejectionRecord): Failure {
  const last = `last at ${stampText(lastAt)}, and they are still the same`;
  if (count === 0) {
    const cause = `none of the account's credentials fitted what the registrar asked for, ${last}`;
    return failureOf('auth.no-credentials', cause);
  }
  const times = count === null ? 'again and again' : count === 1 ? 'once' : `${count} times`;
  return failureOf('auth.rejected', `the registrar rejected these credentials ${times}, ${last}`);
}

function stampAfter(wait: number): string {
  return stampText(new Date(Date.now() + wait).toISOString());
}

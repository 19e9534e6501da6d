// Who may begin when (behaviour.md §10, §13): a pace for each registrar, so that those who fell together do not come back
// together, and a slower one for credentials that it has already rejected, so that it bans nobody. A refresh is never
// held up: its moment was drawn at random, and late is lapsed.

import { admit, type Bucket, type Pace } from '../core/pacing/token-bucket.ts';
import { bareHost } from '../core/sip/uri.ts';
import type { Millis } from '../core/time.ts';
import { currentPlan, type ManagedRegistration } from './managed-registration.ts';

/** Registrations that begin in one second at each registrar, unless the file says otherwise. */
export const DEFAULT_PACE = 100;

/** fail2ban's usual limit is five in ten minutes from one address: stay below it. */
const REJECTED_PACE: Pace = { perSecond: 1 / 200, burst: 3 };

export type Admissions = {
  /** As Engine wants it: when an account that is due may begin. */
  readonly admit: (account: ManagedRegistration, now: Millis) => Millis;
  /** The next free moment at the account's registrar, taken. */
  readonly next: (registrar: string, now: Millis) => Millis;
};

/** `perSecond` 0: no pacing. */
export function createAdmissions(perSecond: number): Admissions {
  const pace: Pace = { perSecond, burst: Math.max(1, Math.ceil(perSecond / 5)) };
  const buckets = new Map<string, Bucket>();
  const rejected = new Map<string, Bucket>();
  const take = (from: Map<string, Bucket>, registrar: string, rate: Pace, now: Millis): Millis => {
    const { at, bucket } = admit(from.get(registrar), rate, now);
    from.set(registrar, bucket);
    return at;
  };
  const next = (registrar: string, now: Millis): Millis =>
    perSecond === 0 ? now : take(buckets, registrar, pace, now);
  return {
    next,
    admit: (account, now) => {
      const { state, setbacks, registration } = account.lifecycle;
      // A refresh over the flow that it has; those whose flow broke come back together with many others.
      if (state === 'registered' && registration.flow !== null) return now;
      if (account.admittedAt === undefined) {
        const registrar = registrarOf(account);
        const paced = next(registrar, now);
        account.admittedAt =
          setbacks.rejections === 0 ? paced : Math.max(paced, take(rejected, registrar, REJECTED_PACE, now));
      }
      if (account.admittedAt > now) return account.admittedAt;
      account.admittedAt = undefined;
      return now;
    },
  };
}

/** Those who go to the same host share a pace: the first proxy's, else the registrar's. */
export function registrarOf(account: ManagedRegistration): string {
  const { proxies, registrar } = currentPlan(account).profile;
  return bareHost(proxies[0] ?? registrar).toLowerCase();
}

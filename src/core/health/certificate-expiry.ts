// When a certificate is near its end (behaviour.md §21). Lifetimes shrink to weeks, so a fixed number of days would
// warn all the time or too late: it counts which share of the lifetime is left, and days where that is a long one.

import { DAY_MS } from '../time.ts';

/** `critical` also covers a certificate that has expired. */
export type ExpiryLevel = 'ok' | 'warning' | 'critical';

/** Wall-clock milliseconds since 1970; NaN when a date cannot be read. */
export type Validity = { readonly beganAt: number; readonly endsAt: number };

export type Expiry = {
  readonly level: ExpiryLevel;
  /** Days with one decimal, negative once it has expired; null when the dates cannot be read. */
  readonly daysLeft: number | null;
};

/** The least time that a certificate has to last: milliseconds, or a part of its lifetime, whichever is less. */
export type LeastLife = { readonly ms: number; readonly part: number };

export const WARNING_LIFE: LeastLife = { ms: 21 * DAY_MS, part: 1 / 3 };
export const CRITICAL_LIFE: LeastLife = { ms: 7 * DAY_MS, part: 1 / 6 };

/** How near its end the certificate is at `now` (wall clock, milliseconds since 1970). */
export function expiryOf({ beganAt, endsAt }: Validity, now: number): Expiry {
  const lifetimeMs = endsAt - beganAt;
  if (Number.isNaN(lifetimeMs)) return { level: 'ok', daysLeft: null };
  const leftMs = endsAt - now;
  return { level: levelOf(leftMs, lifetimeMs), daysLeft: Math.round((leftMs / DAY_MS) * 10) / 10 };
}

/** The more urgent of two. */
export function worseLevel(one: ExpiryLevel, other: ExpiryLevel): ExpiryLevel {
  return LEVELS.indexOf(one) > LEVELS.indexOf(other) ? one : other;
}

function levelOf(leftMs: number, lifetimeMs: number): ExpiryLevel {
  if (leftMs < leastOf(CRITICAL_LIFE, lifetimeMs) || leftMs <= 0) return 'critical';
  return leftMs < leastOf(WARNING_LIFE, lifetimeMs) ? 'warning' : 'ok';
}

function leastOf({ ms, part }: LeastLife, lifetimeMs: number): number {
  return Math.min(ms, lifetimeMs * part);
}

const LEVELS: readonly ExpiryLevel[] = ['ok', 'warning', 'critical'];

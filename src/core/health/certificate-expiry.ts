// When a certificate is near its end (behaviour.md §21). Lifetimes shrink to weeks, so a fixed number of days would
// warn all the time or too late: it counts which share of the lifetime is left, and days where that is a long one.

/** `critical` also covers a certificate that has expired. */
export type ExpiryLevel = 'ok' | 'warning' | 'critical';

/** Wall-clock milliseconds since 1970; NaN when a date cannot be read. */
export type Validity = { readonly beganAt: number; readonly endsAt: number };

export type Expiry = {
  readonly level: ExpiryLevel;
  /** Days with one decimal, negative once it has expired; null when the dates cannot be read. */
  readonly daysLeft: number | null;
};

const DAY_MS = 86_400_000;

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

/** Warning below 21 days or a third of the lifetime, critical below 7 days or a sixth: whichever is less. */
function levelOf(leftMs: number, lifetimeMs: number): ExpiryLevel {
  if (leftMs < Math.min(7 * DAY_MS, lifetimeMs / 6) || leftMs <= 0) return 'critical';
  return leftMs < Math.min(21 * DAY_MS, lifetimeMs / 3) ? 'warning' : 'ok';
}

const LEVELS: readonly ExpiryLevel[] = ['ok', 'warning', 'critical'];

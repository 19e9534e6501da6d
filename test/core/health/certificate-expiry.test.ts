import { describe, expect, it } from 'vitest';
import { expiryOf, worseLevel } from '../../../src/core/health/certificate-expiry.ts';

const DAY = 86_400_000;

function levelOf(lifetimeDays: number, leftDays: number): string {
  return expiryOf({ beganAt: 0, endsAt: lifetimeDays * DAY }, (lifetimeDays - leftDays) * DAY).level;
}

describe('the end of a certificate', () => {
  it.each([
    // A year: 21 and 7 days.
    [365, 21.1, 'ok'],
    [365, 20.9, 'warning'],
    [365, 7.1, 'warning'],
    [365, 6.9, 'critical'],
    // 45 days: a third is 15, a sixth would be 7.5, and 7 days are less.
    [45, 15.1, 'ok'],
    [45, 14.9, 'warning'],
    [45, 7.1, 'warning'],
    [45, 6.9, 'critical'],
    // Six days: 2 and 1.
    [6, 2.1, 'ok'],
    [6, 1.9, 'warning'],
    [6, 0.9, 'critical'],
    [365, -3, 'critical'],
    [0, 0, 'critical'],
  ])('of %d days, %d left: %s', (lifetime, left, level) => {
    expect(levelOf(lifetime, left)).toBe(level);
  });

  it('counts days with one decimal, below zero when it has expired', () => {
    expect(expiryOf({ beganAt: 0, endsAt: 100 * DAY }, 90.04 * DAY).daysLeft).toBe(10);
    expect(expiryOf({ beganAt: 0, endsAt: 100 * DAY }, 102.5 * DAY).daysLeft).toBe(-2.5);
  });

  it('does not know what it cannot read', () => {
    expect(expiryOf({ beganAt: Number.NaN, endsAt: DAY }, 0)).toEqual({ level: 'ok', daysLeft: null });
    expect(expiryOf({ beganAt: 0, endsAt: Number.NaN }, 0)).toEqual({ level: 'ok', daysLeft: null });
  });

  it('of several the most urgent counts', () => {
    expect(worseLevel('ok', 'warning')).toBe('warning');
    expect(worseLevel('critical', 'warning')).toBe('critical');
    expect(worseLevel('ok', 'ok')).toBe('ok');
  });
});

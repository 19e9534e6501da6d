// The numbers of behaviour.md §5, §10 and §11.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  failureDelay,
  refreshDelay,
  refusedDelay,
  rejectedDelay,
  retryAfterDelay,
} from '../../../src/core/registration/schedule.ts';
import { type Rng, seededRng } from '../../../src/core/rng.ts';
import { testPlan } from './script.ts';

const policy = testPlan().profile.retry;
const rngOf = (unit: number): Rng => ({ ...seededRng(1), unit: () => unit });
/** Seconds, from the shortest to the longest. */
const range = (delay: (rng: Rng) => number): readonly number[] =>
  [0, 1 - 1e-12].map((unit) => Math.round(delay(rngOf(unit)) / 10) / 100).sort((a, b) => a - b);
const minutes = (delay: (rng: Rng) => number): readonly number[] =>
  range(delay).map((seconds) => seconds / 60);

describe('the schedule', () => {
  it.each([
    [86_400, 73_440, 77_760],
    [3600, 3060, 3240],
    [600, 510, 540],
    [599, 549, 559],
    [300, 250, 260],
    [100, 50, 60],
    [90, 45, 50],
    [60, 30, 30],
    [59, 29.5, 29.5],
    [20, 10, 10],
    [10, 5, 5],
    [5, 5, 5],
    [1, 5, 5],
  ])('R479 T1 refreshes a binding of %i s after %d to %d s', (granted, from, to) => {
    expect(range((rng) => refreshDelay(granted, rng))).toEqual([from, to]);
  });

  it('R124 leaves time for a transaction from 100 s on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 100_000 }), fc.integer(), (granted, seed) => {
        expect(granted * 1000 - refreshDelay(granted, seededRng(seed))).toBeGreaterThan(32_000);
      }),
    );
  });

  it.each([
    [1, 30, 60],
    [2, 60, 120],
    [3, 120, 240],
    [4, 150, 300],
    [5, 150, 300],
    [1e9, 150, 300],
  ])('R352 R353 R354 R478 waits after failure %i for %d to %d s', (failures, from, to) => {
    expect(range((rng) => failureDelay(policy, failures, 'none', rng))).toEqual([from, to]);
  });

  it('R356 waits up to what the account says', () => {
    const slow = { ...policy, baseSeconds: 10, maxSeconds: 1800 };
    expect(range((rng) => failureDelay(slow, 1, 'none', rng))).toEqual([10, 20]);
    expect(range((rng) => failureDelay(slow, 20, 'none', rng))).toEqual([900, 1800]);
  });

  it.each([
    [1, 5, 5.5],
    [2, 10, 11],
    [3, 20, 22],
    [4, 40, 44],
    [5, 60, 60],
    [1e9, 60, 60],
  ])('R478 waits after refusal %i for %d to %d minutes', (refusals, from, to) => {
    expect(minutes((rng) => refusedDelay(refusals, rng))).toEqual([from, to]);
  });

  it.each([2, 3, 4, 5, 10])(
    'spreads %i tries with rejected credentials over half an hour, no gap under 5 minutes',
    (credentialAttempts) => {
      const gaps = Array.from({ length: credentialAttempts - 1 }, (_, index) =>
        rejectedDelay({ ...policy, credentialAttempts }, index + 1, rngOf(0)),
      );
      expect(gaps.reduce((sum, gap) => sum + gap)).toBeGreaterThanOrEqual(30 * 60_000);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5 * 60_000);
      expect([...gaps].sort((a, b) => a - b)).toEqual(gaps);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(60 * 60_000);
    },
  );

  it('waits 10 and 20 minutes between three tries', () => {
    expect(minutes((rng) => rejectedDelay(policy, 1, rng))).toEqual([10, 11]);
    expect(minutes((rng) => rejectedDelay(policy, 2, rng))).toEqual([20, 22]);
  });

  it.each([
    [0, 0, 0],
    [60, 60, 66],
    [86_400, 86_400, 86_460],
  ])('T10 R353 never shortens a Retry-After of %i s: %d to %d', (seconds, from, to) => {
    expect(range((rng) => retryAfterDelay(seconds, rng))).toEqual([from, to]);
  });
});

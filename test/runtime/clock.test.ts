import { expect, it } from 'vitest';
import { monotonicNow, wallTimeOf } from '../../src/runtime/clock.ts';

it('never goes back', () => {
  const first = monotonicNow();
  expect(monotonicNow()).toBeGreaterThanOrEqual(first);
});

it('turns instants, past and future, into wall-clock time', () => {
  const now = monotonicNow();
  const wall = Date.now();
  expect(Math.abs(wallTimeOf(now).getTime() - wall)).toBeLessThan(100);
  expect(wallTimeOf(now + 3_600_000).getTime() - wallTimeOf(now).getTime()).toBeCloseTo(3_600_000, -2);
  expect(Math.abs(wallTimeOf(now - 60_000).getTime() - (wall - 60_000))).toBeLessThan(100);
});

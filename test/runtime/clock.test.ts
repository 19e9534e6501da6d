import { afterEach, expect, it, vi } from 'vitest';
import { monotonicNow, wallTimeOf } from '../../src/runtime/clock.ts';

afterEach(() => vi.restoreAllMocks());

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

it('gives an instant the same time at each look, until the wall clock is set', () => {
  const [uptime, wall] = [vi.spyOn(process, 'uptime'), vi.spyOn(Date, 'now')];
  const timesAt = (startedAt: number): readonly number[] =>
    [10.0004, 10.0006, 20.0009, 30.0001].map((seconds) => {
      uptime.mockReturnValue(seconds);
      // The process began in the middle of a millisecond of the wall clock.
      wall.mockReturnValue(Math.floor(startedAt + 0.5 + seconds * 1000));
      return wallTimeOf(5000).getTime();
    });
  expect(new Set(timesAt(1_000_000)).size).toBe(1);
  const [first = 0] = timesAt(1_000_000);
  expect(timesAt(1_060_000)).toEqual(timesAt(1_060_000).map(() => first + 60_000));
});

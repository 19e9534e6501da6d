// How a registration begins whose credentials an earlier run or another command saw rejected (behaviour.md §10).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { afterFailure } from '../../../src/core/registration/after-failure.ts';
import {
  afterEarlierRejections,
  countedRejections,
  type EarlierRejections,
  remainingWait,
} from '../../../src/core/registration/earlier-rejections.ts';
import { script } from './script.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RETRY = { baseSeconds: 30, maxSeconds: null, credentialAttempts: 3, blockedProbeSeconds: 21_600 };
const TWICE: EarlierRejections = { count: 2, isBlocked: false, agoMs: 5 * MINUTE, gapMs: 20 * MINUTE };
const BLOCKED: EarlierRejections = { count: 3, isBlocked: true, agoMs: HOUR, gapMs: 6 * HOUR };
const failure = failureOf('auth.rejected', 'rejected before');

describe('what is left of the wait', () => {
  it.each([
    ['goes on from where it was', TWICE, 15 * MINUTE],
    ['is over when its time has come', { ...TWICE, agoMs: 20 * MINUTE }, 0],
    ['is over when the clock was set forward', { ...TWICE, agoMs: 9_000 * HOUR }, 0],
    [
      'is never longer than it was, although the clock was set back',
      { ...TWICE, agoMs: -900 * HOUR },
      20 * MINUTE,
    ],
    ['is a day at most, whatever the record says', { ...TWICE, agoMs: 0, gapMs: 1e12 }, 24 * HOUR + MINUTE],
    ['is none when the record says nonsense', { ...TWICE, gapMs: -HOUR }, 0],
    ['is that of the probe where it is blocked', BLOCKED, 5 * HOUR],
    [
      'is the probe since the last rejection where nobody has noted more',
      { ...BLOCKED, gapMs: null },
      5 * HOUR,
    ],
  ])('%s', (_, earlier, left) => {
    expect(remainingWait(earlier, RETRY)).toBe(left);
  });

  it('has no end where nobody probes', () => {
    expect(remainingWait(BLOCKED, { ...RETRY, blockedProbeSeconds: 0 })).toBeUndefined();
    expect(remainingWait(TWICE, { ...RETRY, blockedProbeSeconds: 0 })).toBe(15 * MINUTE);
  });

  it('is never negative and never longer than the gap', () => {
    const earlier = fc.record({
      count: fc.nat(9),
      isBlocked: fc.boolean(),
      agoMs: fc.integer(),
      gapMs: fc.option(fc.integer()),
    });
    fc.assert(
      fc.property(earlier, (one) => {
        const left = remainingWait(one, RETRY) ?? Number.NaN;
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left).toBeLessThanOrEqual(Math.max(0, one.gapMs ?? 6 * HOUR));
      }),
    );
  });
});

describe('a registration whose credentials were rejected before', () => {
  const begun = script().lifecycle();

  it('begins waiting, says why and since when, and counts on', () => {
    const lifecycle = afterEarlierRejections(begun, { ...TWICE, failure }, HOUR);
    expect(lifecycle).toMatchObject({
      state: 'waiting',
      since: 55 * MINUTE,
      nextAt: HOUR + 15 * MINUTE,
      failure: { failure, at: 55 * MINUTE },
      setbacks: { failures: 2, rejections: 2 },
    });
    const { env } = script();
    expect(afterFailure(lifecycle, failure, env())).toMatchObject({
      state: 'blocked',
      setbacks: { rejections: 3 },
    });
  });

  it('begins blocked, and is blocked again by a probe that is rejected', () => {
    const lifecycle = afterEarlierRejections(begun, { ...BLOCKED, failure }, HOUR);
    expect(lifecycle).toMatchObject({ state: 'blocked', since: 0, nextAt: 6 * HOUR });
    const { env } = script();
    expect(afterFailure(lifecycle, failure, env()).state).toBe('blocked');
  });

  it('waits a little longer on a further flow, but not less long for somebody', () => {
    const later = afterEarlierRejections(begun, { ...TWICE, failure }, HOUR, 1_000);
    expect(later.nextAt).toBe(HOUR + 15 * MINUTE + 1_000);
    const retry = { ...RETRY, blockedProbeSeconds: 0 };
    const unprobed = script({ plan: { retry } }).lifecycle();
    expect(afterEarlierRejections(unprobed, { ...BLOCKED, failure }, HOUR, 1_000).nextAt).toBeUndefined();
  });

  it('whose clock was set back was not rejected in the future', () => {
    const lifecycle = afterEarlierRejections(begun, { ...TWICE, agoMs: -HOUR, failure }, HOUR);
    expect(lifecycle).toMatchObject({ since: HOUR, failure: { at: HOUR } });
  });
});

it('none counted is all well', () => {
  expect(countedRejections(0)).toMatchObject({ failures: 0, rejections: 0 });
  expect(countedRejections(2)).toMatchObject({ failures: 2, rejections: 2 });
});

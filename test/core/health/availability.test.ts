import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  advance,
  beginTimeline,
  MAX_SPANS,
  type Standing,
  sharesOf,
  standingOf,
  stretchesOf,
  type Timeline,
  uptimeOf,
  WEEK_MS,
} from '../../../src/core/health/availability.ts';
import { DAY_MS } from '../../../src/core/time.ts';

const BEGIN = 1_700_000_000_000;
const STANDINGS: readonly Standing[] = ['registered', 'waiting', 'blocked', 'paused', 'unknown'];

type Change = { readonly at: number; readonly standing: Standing };

/** Changes at rising times, the first at BEGIN. */
function changes(maxGap: number, maxLength: number): fc.Arbitrary<readonly Change[]> {
  const step = fc.tuple(fc.nat({ max: maxGap }), fc.constantFrom(...STANDINGS));
  return fc.array(step, { minLength: 1, maxLength }).map((steps) => {
    let at = BEGIN;
    return steps.map(([gap, standing], index) => {
      at += index === 0 ? 0 : gap;
      return { at, standing };
    });
  });
}

function timelineOf([first, ...rest]: readonly Change[]): Timeline {
  if (first === undefined) throw new Error('a first change');
  return rest.reduce(
    (timeline, { at, standing }) => advance(timeline, at, standing),
    beginTimeline(first.at, first.standing),
  );
}

/** How long `wanted` held between `from` and `to`, said in the plainest way. */
function plainly(all: readonly Change[], from: number, to: number, wanted: readonly Standing[]): number {
  return all.reduce((sum, { at, standing }, index) => {
    const end = all[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const within = Math.min(end, to) - Math.max(at, from);
    return sum + (wanted.includes(standing) ? Math.max(0, within) : 0);
  }, 0);
}

describe('a timeline', () => {
  it('knows how the time was spent', () => {
    const window = fc.tuple(fc.nat({ max: 2 * DAY_MS }), fc.nat({ max: 2 * DAY_MS }));
    fc.assert(
      fc.property(changes(3_600_000, MAX_SPANS), window, (all, [one, other]) => {
        const end = (all.at(-1)?.at ?? BEGIN) + 60_000;
        const to = Math.max(BEGIN, end - Math.min(one, other));
        const from = end - Math.max(one, other);
        const shares = sharesOf(timelineOf(all), from, to);
        expect(shares.up).toBeCloseTo(plainly(all, from, to, ['registered']), 3);
        expect(shares.down).toBeCloseTo(plainly(all, from, to, ['waiting', 'blocked']), 3);
        expect(shares.resting).toBeCloseTo(plainly(all, from, to, ['paused']), 3);
        const sum = shares.up + shares.down + shares.resting + shares.unknown;
        expect(sum).toBeCloseTo(Math.max(0, to - from), 3);
      }),
    );
  });

  it('of any number of changes stays small, and its sums exact', () => {
    fc.assert(
      fc.property(changes(60_000, 3 * MAX_SPANS), (all) => {
        const timeline = timelineOf(all);
        expect(timeline.spans.length).toBeLessThanOrEqual(MAX_SPANS);
        const to = (all.at(-1)?.at ?? BEGIN) + 1;
        const shares = sharesOf(timeline, BEGIN, to);
        expect(shares.up).toBeCloseTo(plainly(all, BEGIN, to, ['registered']), 3);
        expect(shares.down).toBeCloseTo(plainly(all, BEGIN, to, ['waiting', 'blocked']), 3);
        expect(shares.unknown).toBeCloseTo(plainly(all, BEGIN, to, ['unknown']), 3);
      }),
      { numRuns: 50 },
    );
  });

  it('makes a bar without gaps and overlaps, in which no two neighbours are alike', () => {
    fc.assert(
      fc.property(changes(3_600_000, 3 * MAX_SPANS), (all) => {
        const to = (all.at(-1)?.at ?? BEGIN) + 1_000;
        const from = to - DAY_MS;
        const bar = stretchesOf(timelineOf(all), from, to);
        expect(bar.at(-1)?.to).toBe(to);
        expect(bar[0]?.from).toBeGreaterThanOrEqual(Math.min(from, BEGIN));
        for (const [at, { from: begin, to: end, standing }] of bar.entries()) {
          expect(end).toBeGreaterThan(begin);
          const next = bar[at + 1];
          if (next === undefined) continue;
          expect(next.from).toBe(end);
          expect(next.standing).not.toBe(standing);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('takes the same changes again without a difference', () => {
    fc.assert(
      fc.property(changes(60_000, 40), fc.nat({ max: 39 }), (all, from) => {
        const timeline = timelineOf(all);
        const last = all.at(-1)?.at ?? BEGIN;
        const again = all.slice(from).filter(({ at }) => at >= last);
        const twice = again.reduce((one, { at, standing }) => advance(one, at, standing), timeline);
        expect(twice.standing).toBe(timeline.standing);
        expect(sharesOf(twice, BEGIN, last + 1)).toEqual(sharesOf(timeline, BEGIN, last + 1));
      }),
    );
  });

  it('forgets what is older than a week', () => {
    let timeline = beginTimeline(BEGIN, 'registered');
    timeline = advance(timeline, BEGIN + 1_000, 'waiting');
    timeline = advance(timeline, BEGIN + 2_000, 'registered');
    timeline = advance(timeline, BEGIN + 3 * WEEK_MS, 'waiting');
    expect(timeline.spans.map(({ from }) => from)).toEqual([BEGIN + 2_000]);
  });

  it('goes on when the clock was set back a little, and begins anew when it was far wrong', () => {
    const timeline = advance(beginTimeline(BEGIN, 'waiting'), BEGIN + 60_000, 'registered');
    const little = advance(timeline, BEGIN + 30_000, 'waiting');
    expect(little).toEqual(beginTimeline(BEGIN, 'waiting'));
    const far = advance(timeline, BEGIN - DAY_MS, 'waiting');
    expect(far).toEqual(beginTimeline(BEGIN - DAY_MS, 'waiting'));
  });
});

describe('uptime', () => {
  it('counts the time that somebody looked and wanted it registered', () => {
    let timeline = beginTimeline(BEGIN, 'registered');
    timeline = advance(timeline, BEGIN + 9_000, 'waiting');
    timeline = advance(timeline, BEGIN + 10_000, 'paused');
    timeline = advance(timeline, BEGIN + 20_000, 'unknown');
    const shares = sharesOf(timeline, BEGIN - 5_000, BEGIN + 30_000);
    expect(shares).toEqual({ up: 9_000, down: 1_000, resting: 10_000, unknown: 15_000 });
    expect(uptimeOf(shares)).toBe(0.9);
    expect(uptimeOf({ up: 0, down: 0, resting: 5, unknown: 5 })).toBeNull();
  });

  it.each([
    ['registered', 'registered'],
    ['refreshing', 'registered'],
    ['registering', 'waiting'],
    ['unregistered', 'waiting'],
    ['unregistering', 'waiting'],
    ['waiting', 'waiting'],
    ['blocked', 'blocked'],
    ['paused', 'paused'],
    ['disabled', 'disabled'],
    ['standby', 'standby'],
  ] as const)('takes %s for %s', (state, standing) => {
    expect(standingOf(state)).toBe(standing);
  });
});

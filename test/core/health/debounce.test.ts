import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/core/health/condition.ts';
import {
  type DebounceSettings,
  debounceWakeAt,
  noteCondition,
  settle,
  type Tidings,
  UNWATCHED,
  type Watch,
} from '../../../src/core/health/debounce.ts';

const SETTINGS: DebounceSettings = { afterMs: 60_000, repeatMs: 0 };

type Happening = readonly [at: number, condition: Condition];

/** What is told, and when, while these conditions come and the clock goes on to `until`. */
function story(
  happenings: readonly Happening[],
  until: number,
  settings = SETTINGS,
): readonly (readonly [number, Tidings])[] {
  const told: (readonly [number, Tidings])[] = [];
  let watch: Watch = UNWATCHED;
  const take = (now: number, step: { readonly watch: Watch; readonly tidings: Tidings | null }): void => {
    watch = step.watch;
    if (step.tidings !== null) told.push([now, step.tidings]);
  };
  const sleep = (to: number): void => {
    for (let at = debounceWakeAt(watch, settings); at !== undefined && at <= to; ) {
      take(at, settle(watch, at, settings));
      const next = debounceWakeAt(watch, settings);
      // A deadline that does not move would keep the alarm ringing.
      if (next !== undefined) expect(next).toBeGreaterThan(at);
      at = next;
    }
  };
  for (const [at, condition] of happenings) {
    sleep(at);
    take(at, noteCondition(watch, condition, at, settings));
  }
  sleep(until);
  return told;
}

describe('what is told of an account', () => {
  it('is nothing when it comes up, and nothing of a short outage', () => {
    expect(
      story(
        [
          [0, 'trying'],
          [5_000, 'up'],
          [500_000, 'down'],
          [559_999, 'up'],
        ],
        2_000_000,
      ),
    ).toEqual([]);
  });

  it('is an outage that lasts, once, and its end', () => {
    expect(
      story(
        [
          [0, 'up'],
          [100_000, 'down'],
          [130_000, 'trying'],
          [135_000, 'down'],
          [400_000, 'up'],
        ],
        2e6,
      ),
    ).toEqual([
      [160_000, 'down'],
      [460_000, 'up'],
    ]);
  });

  it('is an account that does not come up at all', () => {
    expect(
      story(
        [
          [0, 'trying'],
          [32_000, 'down'],
        ],
        1e6,
      ),
    ).toEqual([[92_000, 'down']]);
  });

  it('is one that comes and goes, once, and that it has settled', () => {
    const flapping = Array.from(
      { length: 20 },
      (_, at): Happening => [100_000 + at * 30_000, at % 2 === 0 ? 'down' : 'up'],
    );
    expect(story([[0, 'up'], ...flapping], 2e6)).toEqual([
      [400_000, 'flapping'],
      [730_000, 'up'],
    ]);
    expect(story([[0, 'up'], ...flapping, [700_000, 'down']], 2e6)).toEqual([
      [400_000, 'flapping'],
      [760_000, 'down'],
    ]);
  });

  it('is nothing while it rests, and the end of an outage that began before', () => {
    expect(
      story(
        [
          [0, 'up'],
          [1e6, 'down'],
          [1.01e6, 'resting'],
        ],
        3e6,
      ),
    ).toEqual([]);
    expect(
      story(
        [
          [0, 'down'],
          [1e6, 'resting'],
          [2e6, 'trying'],
          [2.01e6, 'up'],
        ],
        3e6,
      ),
    ).toEqual([
      [60_000, 'down'],
      [2_070_000, 'up'],
    ]);
  });

  it('comes again while it is down, if that is wanted', () => {
    const settings = { afterMs: 1_000, repeatMs: 100_000 };
    expect(
      story(
        [
          [0, 'down'],
          [250_000, 'up'],
        ],
        1e6,
        settings,
      ),
    ).toEqual([
      [1_000, 'down'],
      [101_000, 'still-down'],
      [201_000, 'still-down'],
      [251_000, 'up'],
    ]);
  });

  it('comes at once without a delay', () => {
    const settings = { afterMs: 0, repeatMs: 0 };
    expect(
      story(
        [
          [0, 'up'],
          [7, 'down'],
          [8, 'up'],
          [9, 'down'],
        ],
        10,
        settings,
      ),
    ).toEqual([
      [7, 'down'],
      [8, 'up'],
      [9, 'down'],
    ]);
  });

  it('never says the same twice, and in the end what is true', () => {
    const steps = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 200_000 }), fc.constantFrom<Condition>('up', 'down', 'trying')),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (gaps) => {
        let at = 0;
        const happenings = gaps.map(([gap, condition]): Happening => {
          at += gap;
          return [at, condition];
        });
        const told = story(happenings, at + 1e6);
        for (const [index, [, tidings]] of told.entries()) expect(tidings).not.toBe(told[index - 1]?.[1]);
        const last = happenings.findLast(([, condition]) => condition !== 'trying')?.[1];
        if (last === 'down') expect(told.at(-1)?.[1]).toBe('down');
        else if (told.length > 0) expect(told.at(-1)?.[1]).toBe('up');
      }),
    );
  });
});

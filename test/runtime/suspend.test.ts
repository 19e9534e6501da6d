import fc from 'fast-check';
import { expect, it } from 'vitest';
import { watchClocks } from '../../src/runtime/suspend.ts';

type Moment = { readonly monotonic: number; readonly wall: number };

/** What is told while the clocks go from moment to moment, one beat at each. */
function play(moments: readonly Moment[]): readonly (readonly [string, number])[] {
  const told: [string, number][] = [];
  let now: Moment = { monotonic: 0, wall: 1_000_000 };
  let beat: () => void = () => {};
  const watcher = {
    jumped: (byMs: number) => void told.push(['jumped', byMs]),
    stepped: (byMs: number) => void told.push(['stepped', byMs]),
  };
  const watch = watchClocks(watcher, {
    monotonic: () => now.monotonic,
    wall: () => now.wall,
    onPulse: (listener) => {
      beat = listener;
      return () => {
        beat = () => {};
      };
    },
  });
  for (const moment of moments) {
    now = moment;
    beat();
  }
  watch.stop();
  now = { monotonic: 0, wall: 9e12 };
  beat();
  return told;
}

it('tells a suspend, in which the monotonic clock stands still, once and by its length', () => {
  expect(
    play([
      { monotonic: 1_000, wall: 1_001_000 },
      { monotonic: 1_500, wall: 4_601_500 },
      { monotonic: 2_500, wall: 4_602_500 },
    ]),
  ).toEqual([['jumped', 3_600_000]]);
});

it('tells a clock that was set back, and nothing of a late beat or a corrected clock', () => {
  expect(
    play([
      { monotonic: 60_000, wall: 1_060_000 },
      { monotonic: 61_000, wall: 1_062_900 },
      { monotonic: 62_000, wall: 1_062_000 },
      { monotonic: 63_000, wall: 163_000 },
      { monotonic: 64_000, wall: 164_000 },
    ]),
  ).toEqual([['stepped', -900_000]]);
});

it('tells every jump over two seconds and none below, whatever else the clocks do', () => {
  const beat = fc.record({
    after: fc.integer({ min: 0, max: 100_000 }),
    by: fc.integer({ min: -10_000, max: 10_000 }),
  });
  fc.assert(
    fc.property(fc.array(beat, { maxLength: 50 }), (beats) => {
      const moments: Moment[] = [];
      let [monotonic, wall] = [0, 1_000_000];
      for (const { after, by } of beats) {
        monotonic += after;
        wall += after + by;
        moments.push({ monotonic, wall });
      }
      const expected = beats
        .filter(({ by }) => Math.abs(by) > 2_000)
        .map(({ by }) => [by > 0 ? 'jumped' : 'stepped', by]);
      expect(play(moments)).toEqual(expected);
    }),
  );
});

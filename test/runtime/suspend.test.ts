import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { watchClocks } from '../../src/runtime/suspend.ts';

type Moment = { readonly monotonic: number; readonly wall: number; readonly asleep?: number };

/** What is told while the clocks go from moment to moment, one beat at each. */
function play(moments: readonly Moment[]): readonly (readonly [string, number])[] {
  const told: [string, number][] = [];
  let now: Moment = { monotonic: 0, wall: 1_000_000 };
  let beat: () => void = () => {};
  const watcher = {
    slept: (byMs: number) => void told.push(['slept', byMs]),
    stepped: (byMs: number) => void told.push(['stepped', byMs]),
  };
  const watch = watchClocks(watcher, {
    monotonic: () => now.monotonic,
    sinceBoot: () => 70_000 + now.monotonic + (now.asleep ?? 0),
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
  now = { monotonic: 0, wall: 9e12, asleep: 9e12 };
  beat();
  return told;
}

it('tells a suspend, in which the monotonic clock stands still, once and by its length', () => {
  expect(
    play([
      { monotonic: 1_000, wall: 1_001_000 },
      { monotonic: 1_500, wall: 4_601_500, asleep: 3_600_000 },
      { monotonic: 2_500, wall: 4_602_500, asleep: 3_600_000 },
    ]),
  ).toEqual([['slept', 3_600_000]]);
});

it('tells a clock that was set, and nothing of a late beat or a corrected clock', () => {
  expect(
    play([
      { monotonic: 60_000, wall: 1_060_000 },
      { monotonic: 61_000, wall: 1_062_900 },
      { monotonic: 62_000, wall: 1_062_000 },
      { monotonic: 63_000, wall: 163_000 },
      { monotonic: 64_000, wall: 164_000 },
      { monotonic: 65_000, wall: 765_000 },
    ]),
  ).toEqual([
    ['stepped', -900_000],
    ['stepped', 600_000],
  ]);
});

it('tells a suspend from a clock that is set when the machine wakes', () => {
  expect(play([{ monotonic: 1_000, wall: 1_101_000, asleep: 3_600_000 }])).toEqual([
    ['slept', 3_600_000],
    ['stepped', -3_500_000],
  ]);
});

it('takes a time since boot of whole seconds for what it is', () => {
  const moments = [800, 1_900, 2_100, 3_950, 4_000].map((monotonic) => {
    return {
      monotonic,
      wall: 1_000_000 + monotonic,
      asleep: Math.round(monotonic / 1000) * 1000 - monotonic,
    };
  });
  expect(play(moments)).toEqual([]);
});

it('tells every jump over two seconds and none below, whatever else the clocks do', () => {
  const beat = fc.record({
    after: fc.integer({ min: 0, max: 100_000 }),
    by: fc.integer({ min: -10_000, max: 10_000 }),
    slept: fc.integer({ min: 2_001, max: 1e7 }).map((ms) => ms * (ms % 2)),
  });
  fc.assert(
    fc.property(fc.array(beat, { maxLength: 50 }), (beats) => {
      const moments: Moment[] = [];
      let [monotonic, wall, asleep] = [0, 1_000_000, 0];
      for (const { after, by, slept } of beats) {
        monotonic += after;
        asleep += slept;
        wall += after + slept + by;
        moments.push({ monotonic, wall, asleep });
      }
      const expected = beats.flatMap(({ by, slept }) => [
        ...(slept > 0 ? [['slept', slept]] : []),
        ...(Math.abs(by) > 2_000 ? [['stepped', by]] : []),
      ]);
      expect(play(moments)).toEqual(expected);
    }),
  );
});

it('looks at the clocks of this machine', async () => {
  const { uptime } = os;
  onTestFinished(() => {
    Object.assign(os, { uptime });
    syncBuiltinESMExports();
  });
  const told: string[] = [];
  const watch = watchClocks({
    slept: (byMs) => void told.push(`slept ${Math.round(byMs / 1000)} s`),
    stepped: (byMs) => void told.push(`stepped ${Math.round(byMs / 1000)} s`),
  });
  Object.assign(os, { uptime: () => uptime() + 3_600 });
  syncBuiltinESMExports();
  await expect.poll(() => told, { timeout: 10_000 }).toEqual(['slept 3600 s', 'stepped -3600 s']);
  watch.stop();
});

// One timer for many sleepers. The clock is the test's; setTimeout is real, so waits are a few milliseconds.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Alarm, createAlarm, type Sleeper } from '../../src/runtime/alarm.ts';

type Named = Sleeper & { readonly name: string };
const named = (name: string): Named => ({ name, alarmAt: undefined });

let clock = 0;
let alarm: Alarm<Named> | undefined;
let woken: string[] = [];

function start(onWake: (sleeper: Named) => void = () => {}): Alarm<Named> {
  clock = 1000;
  woken = [];
  alarm = createAlarm<Named>(
    () => clock,
    (sleeper) => {
      woken.push(sleeper.name);
      onWake(sleeper);
    },
  );
  return alarm;
}

/** Until the timer has had its chance, also after a rest, and the turn after it. */
const soon = async (): Promise<void> => {
  await sleep(35);
  await nextTurn();
};

afterEach(() => alarm?.stop());

describe('the alarm', () => {
  it('wakes in the order of the instants, and each once', async () => {
    const { set } = start();
    const sleepers = ['c', 'a', 'd', 'b'].map(named);
    for (const sleeper of sleepers) set(sleeper, 1000 + (sleeper.name.charCodeAt(0) - 96));
    clock = 1003;
    await soon();
    expect(woken).toEqual(['a', 'b', 'c']);
    clock = 1030;
    await soon();
    expect(woken).toEqual(['a', 'b', 'c', 'd']);
    expect(sleepers.every(({ alarmAt }) => alarmAt === undefined)).toBe(true);
  });

  it('looks at the clock again when the timer rang too early', async () => {
    const { set } = start();
    set(named('a'), 1005);
    await soon();
    expect(woken).toEqual([]);
    clock = 1005;
    await soon();
    expect(woken).toEqual(['a']);
  });

  it('wakes only at the last instant that was set', async () => {
    const { set } = start();
    const [later, sooner, dropped] = [named('later'), named('sooner'), named('dropped')];
    set(later, 1001);
    set(later, 1010);
    set(sooner, 1010);
    set(sooner, 1001);
    set(dropped, 1001);
    set(dropped, undefined);
    clock = 1005;
    await soon();
    expect(woken).toEqual(['sooner']);
    clock = 1030;
    await soon();
    expect(woken).toEqual(['sooner', 'later']);
  });

  it('wakes once for an instant that was left and set again', async () => {
    const { set } = start();
    const sleeper = named('a');
    set(sleeper, 1002);
    set(sleeper, 1001);
    set(sleeper, 1002);
    set(sleeper, 1002);
    clock = 1005;
    await soon();
    expect(woken).toEqual(['a']);
  });

  it('can be set by whom it wakes', async () => {
    const { set } = start((sleeper) => {
      if (woken.length < 3) alarm?.set(sleeper, clock + 1);
      clock += 1;
    });
    set(named('a'), 1000);
    await soon();
    expect(woken).toEqual(['a', 'a', 'a']);
  });

  it('bears an instant beyond the longest timer of the host', async () => {
    const { set } = start();
    const sleeper = named('next year');
    set(sleeper, 1000 + 3e10);
    set(named('now'), 1000);
    await soon();
    expect(woken).toEqual(['now']);
    expect(sleeper.alarmAt).toBe(1000 + 3e10);
  });

  it('rests after it has woken somebody, and wakes together what falls due meanwhile', async () => {
    const { set } = start();
    set(named('a'), 1000);
    await soon();
    for (const [name, at] of Object.entries({ b: 1001, c: 1019, d: 1020 })) set(named(name), at);
    clock = 1019;
    await soon();
    expect(woken).toEqual(['a']);
    clock = 1020;
    await soon();
    expect(woken).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is silent for good once it was stopped', async () => {
    const { set, stop } = start();
    set(named('a'), 1000);
    stop();
    set(named('b'), 1000);
    await soon();
    expect(woken).toEqual([]);
  });

  it('lets others have their turn where hundreds are due', async () => {
    const { set } = start();
    for (let index = 0; index < 200; index++) set(named(`${index}`), 1000 + index);
    clock = 2000;
    let atOnce = 0;
    for (let before = 0; woken.length < 200; before = woken.length) {
      await nextTurn();
      atOnce = Math.max(atOnce, woken.length - before);
    }
    expect(atOnce).toBeLessThan(100);
    expect(woken).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
  });

  it('keeps its head after thousands of moves', async () => {
    const { set } = start();
    const sleepers = ['a', 'b', 'c'].map(named);
    for (let move = 0; move < 3000; move++) {
      for (const [index, sleeper] of sleepers.entries()) set(sleeper, 1e9 - move * 7 + index);
      if (move % 100 === 0) for (const sleeper of sleepers) set(sleeper, undefined);
    }
    for (const [index, sleeper] of sleepers.entries()) set(sleeper, 1003 - index);
    clock = 1003;
    await soon();
    expect(woken).toEqual(['c', 'b', 'a']);
  });

  it('wakes everybody who is due, sorted, whatever was set before', async () => {
    const instants = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 30 }),
        fc.option(fc.integer({ min: 1000, max: 1200 }), { nil: undefined }),
      ),
      { maxLength: 200 },
    );
    await fc.assert(
      fc.asyncProperty(instants, async (moves) => {
        const { set } = start();
        const sleepers = Array.from({ length: 31 }, (_, index) => named(String(index)));
        for (const [index, at] of moves) {
          const sleeper = sleepers[index];
          if (sleeper !== undefined) set(sleeper, at);
        }
        const due = sleepers.filter(({ alarmAt }) => (alarmAt ?? Number.POSITIVE_INFINITY) <= 1100);
        const instantOf = new Map(due.map(({ name, alarmAt = 0 }) => [name, alarmAt]));
        clock = 1100;
        set(named('last'), 1100);
        // The timer was set for the first instant, which lies up to 200 ms ahead of the clock as it was.
        for (let tries = 0; tries < 50 && !woken.includes('last'); tries++) await sleep(5);
        const times = woken.filter((name) => name !== 'last').map((name) => instantOf.get(name));
        expect(times).toEqual([...instantOf.values()].sort((a, b) => a - b));
        alarm?.stop();
      }),
      { numRuns: 15 },
    );
  });
});

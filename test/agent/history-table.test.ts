import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HistoryTable } from '../../src/agent/history-table.ts';
import type { Shares, Span, Standing, Timeline } from '../../src/core/health/availability.ts';
import type { TripSummary } from '../../src/state/history-lines.ts';

const BEGIN = Date.parse('2026-11-21T00:00:00.000Z');

type Known = { readonly timeline: Timeline; readonly trips: readonly TripSummary[] };

const standing = fc.constantFrom<Standing>('registered', 'waiting', 'paused', 'unknown');
const instant = fc.nat({ max: 86_400_000 }).map((ms) => BEGIN + ms);
const shares: fc.Arbitrary<Shares> = fc.record({
  up: fc.nat(),
  down: fc.nat(),
  resting: fc.nat(),
  unknown: fc.nat(),
});
const span: fc.Arbitrary<Span> = fc.record({
  from: instant,
  standing,
  shares: fc.option(shares),
});
const known: fc.Arbitrary<Known> = fc.record({
  timeline: fc.record({ spans: fc.array(span, { maxLength: 5 }), since: instant, standing }),
  trips: fc.array(
    fc.record({ start: instant, count: fc.integer({ min: 1 }), sumMs: fc.nat(), maxMs: fc.nat() }),
    { maxLength: 5 },
  ),
});

function allOf(table: HistoryTable): Map<string, Known> {
  const entries = [...table.places()].map(([account, place]): [string, Known] => {
    return [account, { timeline: table.timeline(place), trips: table.trips(place) }];
  });
  return new Map(entries);
}

it('knows of every account what was put last, however many come and go', () => {
  const account = fc.nat({ max: 24 }).map((at) => `account-${at}`);
  const step = fc.tuple(account, fc.option(known, { freq: 3 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat({ max: 2 }), (steps, room) => {
      const table = new HistoryTable(room);
      const expected = new Map<string, Known>();
      for (const [name, facts] of steps) {
        if (facts === null) expect(table.remove(name)).toBe(expected.delete(name));
        else {
          table.put(name, facts.timeline, facts.trips);
          expected.set(name, facts);
        }
        expect(table.placeOf(name) === undefined).toBe(facts === null);
      }
      expect(allOf(table)).toEqual(expected);
    }),
  );
});

it('an account that gets the place of one that is gone has nothing of it', () => {
  const table = new HistoryTable(2);
  const joined = { up: 1, down: 2, resting: 3, unknown: 4 };
  const spans: readonly Span[] = [{ from: BEGIN, standing: 'waiting', shares: joined }];
  const trips = { start: BEGIN, count: 1, sumMs: 30, maxMs: 30 };
  table.put('gone', { spans, since: BEGIN + 10, standing: 'registered' }, [trips]);
  const place = table.placeOf('gone') ?? -1;
  table.remove('gone');
  const fresh: Timeline = { spans: [], since: BEGIN + 20, standing: 'paused' };
  table.put('fresh', fresh, []);
  expect(table.placeOf('fresh')).toBe(place);
  expect(table.timeline(place)).toEqual(fresh);
  expect(table.trips(place)).toEqual([]);
  expect(table.latestTrips(place)).toBeNull();
  expect(table.addRoundTrip(place, BEGIN, 30)).toBe(false);
  expect(table.placeOf('gone')).toBeUndefined();
});

it('counts round trips in the summary that goes on, and in no later one', () => {
  const table = new HistoryTable(1);
  table.put('office', { spans: [], since: BEGIN, standing: 'registered' }, []);
  const place = table.placeOf('office') ?? -1;
  expect(table.addRoundTrip(place, BEGIN, 40)).toBe(false);
  table.appendTrips(place, { start: BEGIN, count: 1, sumMs: 40, maxMs: 40 });
  expect(table.addRoundTrip(place, BEGIN, 60)).toBe(true);
  expect(table.addRoundTrip(place, BEGIN, 20)).toBe(true);
  expect(table.addRoundTrip(place, BEGIN + 1, 20)).toBe(false);
  expect(table.trips(place)).toEqual([{ start: BEGIN, count: 3, sumMs: 120, maxMs: 60 }]);
});

it('needs no more memory, however often accounts change, go and come', () => {
  const table = new HistoryTable(1);
  const joined = { up: 1, down: 2, resting: 3, unknown: 4 };
  const spans: readonly Span[] = [{ from: BEGIN, standing: 'waiting', shares: joined }];
  const trips = { start: BEGIN, count: 1, sumMs: 30, maxMs: 30 };
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < 100_000; at++) {
    table.put('office', { spans, since: BEGIN + at, standing: 'registered' }, [trips]);
    if (at % 2 === 0) table.remove('office');
  }
  // Rows that were lost would be 2 MB at the least.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300_000);
});

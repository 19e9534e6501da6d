import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Crowds, createCrowds, SAMPLES, type Summary } from '../../../src/agent/log/crowds.ts';
import type { Judged } from '../../../src/agent/log/news.ts';
import type { VerdictCode } from '../../../src/core/health/verdict.ts';
import { failureEvent, isoAt } from './events.ts';

function failed(account: string, code: VerdictCode, registrar: string, now: number): Judged {
  const event = failureEvent(account, code, now, { registrar });
  return {
    event,
    telling: { type: 'full' },
    isNews: true,
    severity: 'warning',
    registrar,
  };
}

function linesOf(summaries: readonly Summary[]): number {
  return summaries.reduce((sum, { count }) => sum + (count <= SAMPLES ? count : 1), 0);
}

function countOf(summaries: readonly Summary[]): number {
  return summaries.reduce((sum, { count }) => sum + count, 0);
}

it('tells five by themselves and the other 995 as one', () => {
  const crowds = createCrowds();
  let alone = 0;
  for (let index = 0; index < 1000; index++) {
    const now = index * 2;
    if (crowds.admit(failed(`a${index}`, 'connect.refused', 'sip:pbx', now), now)) alone++;
  }
  expect(alone).toBe(5);
  expect(crowds.take(4_999)).toEqual([]);
  const summaries = crowds.take(5_000);
  expect(summaries).toMatchObject([
    { registrar: 'sip:pbx', count: 995, withinMs: 5_000, nextAttempt: isoAt(10 + 45_000) },
  ]);
  expect(summaries[0]?.samples).toHaveLength(SAMPLES);
});

it('closes a window in which nobody came, and then tells one by one again', () => {
  const crowds = createCrowds();
  for (let index = 0; index < 10; index++) crowds.admit(failed(`a${index}`, 'dns.timeout', 'sip:pbx', 0), 0);
  expect(crowds.take(5_000)).toHaveLength(1);
  expect(crowds.admit(failed('late', 'dns.timeout', 'sip:pbx', 6_000), 6_000)).toBe(false);
  expect(countOf(crowds.take(15_000))).toBe(1);
  expect(crowds.take(60_000)).toEqual([]);
  expect(crowds.nextAt()).toBeUndefined();
  expect(crowds.admit(failed('later', 'dns.timeout', 'sip:pbx', 61_000), 61_000)).toBe(true);
});

it('keeps reasons and registrars apart', () => {
  const crowds = createCrowds();
  for (let index = 0; index < 100; index++) {
    crowds.admit(failed(`a${index}`, 'dns.timeout', 'sip:one', 0), 0);
    crowds.admit(failed(`b${index}`, 'dns.timeout', 'sip:two', 0), 0);
    crowds.admit(failed(`c${index}`, 'connect.refused', 'sip:two', 0), 0);
  }
  expect(crowds.take(5_000).map(({ count, registrar }) => [count, registrar])).toEqual([
    [95, 'sip:one'],
    [95, 'sip:two'],
    [95, 'sip:two'],
  ]);
});

const CODES: readonly VerdictCode[] = ['connect.refused', 'connect.timeout', 'dns.timeout', 'tls.expired'];

type Play = { readonly linesAt: number[]; readonly told: number };

/** Plays `arrivals` as log.ts does, with a look at the windows every 100 ms. */
function play(crowds: Crowds, arrivals: readonly (readonly [number, Judged])[], until: number): Play {
  const linesAt: number[] = [];
  let told = 0;
  const take = (now: number): void => {
    const summaries = crowds.take(now);
    told += countOf(summaries);
    for (let line = linesOf(summaries); line > 0; line--) linesAt.push(now);
  };
  let next = 0;
  for (let now = 0; now <= until; now += 100) {
    take(now);
    for (let one = arrivals[next]; one !== undefined && one[0] <= now; one = arrivals[++next]) {
      if (!crowds.admit(one[1], now)) continue;
      linesAt.push(now);
      told++;
    }
  }
  take(Number.POSITIVE_INFINITY);
  return { linesAt, told };
}

it('loses nobody, and writes a bounded number of lines a minute, whatever comes from however many registrars', () => {
  const arrival = fc.record({
    after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000 })),
    code: fc.constantFrom(...CODES),
    registrar: fc.integer({ min: 0, max: 500 }),
    times: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 150 }), (bursts) => {
      const arrivals: (readonly [number, Judged])[] = [];
      let now = 0;
      for (const { after, code, registrar, times } of bursts) {
        now += after;
        for (let one = 0; one < times; one++) {
          arrivals.push([now, failed(`a${arrivals.length}`, code, `sip:r${registrar}`, now)]);
        }
      }
      const { linesAt, told } = play(createCrowds(), arrivals, now + 100);
      expect(told).toBe(arrivals.length);
      for (const from of linesAt) {
        expect(linesAt.filter((at) => at >= from && at < from + 60_000).length).toBeLessThan(500);
      }
    }),
    { numRuns: 50 },
  );
});

it('writes a handful of lines when 50,000 accounts at 50,000 registrars fail in a minute', () => {
  const arrivals = Array.from(
    { length: 50_000 },
    (_, index) => [index * 1.2, failed(`a${index}`, 'dns.timeout', `sip:r${index}`, index * 1.2)] as const,
  );
  const { linesAt, told } = play(createCrowds(), arrivals, 60_000);
  expect(told).toBe(50_000);
  expect(linesAt.length).toBeLessThan(100);
});

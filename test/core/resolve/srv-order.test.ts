// The order of SRV records: priorities strictly, weights in the long run (RFC 2782).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SrvRecord } from '../../../src/core/resolve/question.ts';
import { srvOrder } from '../../../src/core/resolve/srv-order.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { srv } from './zone.ts';

const ROUNDS = 20_000;

/** How often each target came first, as a share of all rounds. */
function firstShares(records: readonly SrvRecord[]): Readonly<Record<string, number>> {
  const rng = seededRng(7);
  const counts: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    const first = srvOrder(records, rng)[0]?.target ?? '';
    counts[first] = (counts[first] ?? 0) + 1 / ROUNDS;
  }
  return counts;
}

describe('the order of SRV records', () => {
  it('R241 is by weight within a priority: 60, 20, 20, and the next priority never first', () => {
    const shares = firstShares([
      srv(20, 0, 1, 'd'),
      srv(10, 20, 1, 'b'),
      srv(10, 60, 1, 'a'),
      srv(10, 20, 1, 'c'),
    ]);
    expect(shares.a).toBeCloseTo(0.6, 1);
    expect(shares.b).toBeCloseTo(0.2, 1);
    expect(shares.c).toBeCloseTo(0.2, 1);
    expect(shares.d).toBeUndefined();
  });

  it('R241 gives weight 0 a small chance beside others, and an even one among themselves', () => {
    const beside = firstShares([srv(0, 9, 1, 'b'), srv(0, 0, 1, 'a')]);
    expect(beside.a).toBeGreaterThan(0.05);
    expect(beside.a).toBeLessThan(0.15);
    // The number is drawn between 0 and the sum, both included: of 0 and 1 either.
    expect(firstShares([srv(0, 1, 1, 'b'), srv(0, 0, 1, 'a')]).b).toBeCloseTo(0.5, 1);
    const among = firstShares([srv(0, 0, 1, 'a'), srv(0, 0, 1, 'b')]);
    expect(among.a).toBeCloseTo(0.5, 1);
  });

  it('R241 puts the last element where it is for weights too: second place is drawn from what is left', () => {
    const rng = seededRng(3);
    let seconds = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const order = srvOrder([srv(0, 50, 1, 'a'), srv(0, 40, 1, 'b'), srv(0, 10, 1, 'c')], rng);
      if (order[0]?.target === 'a' && order[1]?.target === 'b') seconds += 1;
    }
    expect(seconds / ROUNDS).toBeCloseTo(0.5 * 0.8, 1);
  });

  it('R241 has every record once, priorities ascending, whatever the records and chance are', () => {
    const record = fc.record({
      priority: fc.integer({ min: 0, max: 3 }),
      weight: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65_535 })),
      port: fc.integer({ min: 1, max: 65_535 }),
      target: fc.constantFrom('a', 'b', 'c'),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), fc.integer(), (records, seed) => {
        const order = srvOrder(records, seededRng(seed));
        expect(new Set(order)).toEqual(new Set(records));
        expect(order).toHaveLength(records.length);
        const priorities = order.map(({ priority }) => priority);
        expect(priorities).toEqual([...priorities].sort((a, b) => a - b));
      }),
    );
  });
});

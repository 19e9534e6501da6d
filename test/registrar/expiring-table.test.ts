// The bounded, expiring table of the registrar, against a plain map.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { emptyTable, lookUp, sizeOf, store } from '../../src/registrar/expiring-table.ts';

it('never holds more than its bound, and always the entry that came last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string(), { maxLength: 800 }),
      fc.integer({ min: 256, max: 600 }),
      (keys, bound) => {
        let table = emptyTable<string>(bound);
        for (const key of keys) {
          table = store(table, { key, value: `of ${key}`, expiresAt: 10, now: 0 });
          expect(lookUp(table, key, 0)).toBe(`of ${key}`);
          expect(sizeOf(table)).toBeLessThanOrEqual(bound);
        }
      },
    ),
  );
});

it('agrees with a map when there is room for all', () => {
  const entry = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), lifetime: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      let table = emptyTable<number>(Number.POSITIVE_INFINITY);
      const model = new Map<string, { readonly value: number; readonly expiresAt: number }>();
      entries.forEach(({ key, lifetime }, now) => {
        table = store(table, { key, value: now, expiresAt: now + lifetime, now });
        model.set(key, { value: now, expiresAt: now + lifetime });
        for (const name of ['a', 'b', 'c', 'd', 'never']) {
          const expected = model.get(name);
          const living = expected !== undefined && expected.expiresAt > now;
          expect(lookUp(table, name, now)).toBe(living ? expected.value : undefined);
        }
      });
    }),
  );
});

it('leaves the table as it was', () => {
  const before = emptyTable<number>(256);
  store(before, { key: 'a', value: 1, expiresAt: 10, now: 0 });
  expect(sizeOf(before)).toBe(0);
});

it('forgets the oldest first, and an entry that is stored again is new', () => {
  let table = emptyTable<number>(512);
  for (let count = 0; count < 2000; count++) {
    table = store(table, { key: 'kept', value: count, expiresAt: 10, now: 0 });
    table = store(table, { key: `passing ${count}`, value: count, expiresAt: 10, now: 0 });
    expect(lookUp(table, 'kept', 0)).toBe(count);
  }
});

it('lets go of what has expired, even where there is room', () => {
  let table = emptyTable<number>(Number.POSITIVE_INFINITY);
  for (let count = 0; count < 5000; count++) {
    table = store(table, { key: `early ${count}`, value: count, expiresAt: 1, now: 0 });
  }
  for (let count = 0; count < 5000; count++) {
    table = store(table, { key: `late ${count}`, value: count, expiresAt: 2, now: 1 });
  }
  // A later entry clears what has expired beside it, so next to nothing of the early ones is left.
  expect(sizeOf(table)).toBeLessThan(5200);
});

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

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NONE, RowLists } from '../../src/agent/row-lists.ts';

function numbersOf(rows: RowLists, list: number): readonly (readonly number[])[] {
  return rows.rowsOf(list).map((row) => [rows.get(row, 0), rows.get(row, 1)]);
}

it('many lists keep what was appended to each, whatever is given up in between', () => {
  const step = fc.record({
    list: fc.nat({ max: 4 }),
    numbers: fc.option(fc.tuple(fc.double(), fc.double()), { freq: 6 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.nat({ max: 3 }), (steps, room) => {
      const rows = new RowLists(2, room);
      const lists = [NONE, NONE, NONE, NONE, NONE];
      const expected: (readonly number[])[][] = [[], [], [], [], []];
      for (const { list, numbers } of steps) {
        const last = lists[list] ?? NONE;
        if (numbers === null) rows.release(last);
        lists[list] = numbers === null ? NONE : rows.append(last, numbers);
        expected[list] = numbers === null ? [] : [...(expected[list] ?? []), numbers];
        expect(lists.map((one) => numbersOf(rows, one))).toEqual(expected);
      }
    }),
  );
});

it('a row that was given up is used again before there are more', () => {
  const rows = new RowLists(2, 0);
  const first = rows.append(rows.append(NONE, [1, 2]), [3, 4]);
  const used = rows.rowsOf(first);
  rows.release(first);
  const again = rows.append(rows.append(NONE, [5, 6]), [7, 8]);
  expect(new Set(rows.rowsOf(again))).toEqual(new Set(used));
});

it('a number of a row can be changed', () => {
  const rows = new RowLists(2, 1);
  const list = rows.append(rows.append(NONE, [1, 2]), [3, 4]);
  rows.set(list, 1, 9);
  expect(numbersOf(rows, list)).toEqual([
    [1, 2],
    [3, 9],
  ]);
});

// A map with room for so many, as what is in it after each entry.

import { describe, expect, it } from 'vitest';
import { setBounded } from '../../src/core/bounded-map.ts';

describe('a bounded map', () => {
  it('forgets what came first when something new finds it full', () => {
    const map = new Map<string, number>();
    for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) setBounded(map, key, at, 3);
    expect([...map]).toEqual([
      ['b', 1],
      ['c', 2],
      ['d', 3],
    ]);
  });

  it('forgets nothing for what it has already, which keeps its place', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    setBounded(map, 'a', 3, 2);
    expect([...map]).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
  });
});

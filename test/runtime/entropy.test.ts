// The pool of random bytes: sizes, refills, and that nothing is handed out twice.

import { describe, expect, it } from 'vitest';
import { systemRng } from '../../src/runtime/entropy.ts';

describe('systemRng', () => {
  it.each([0, 1, 16, 4095, 4096, 4097, 10_000])('gives %i bytes', (count) => {
    expect(systemRng.bytes(count)).toHaveLength(count);
  });

  it('never hands out the same bytes twice, over many refills of the pool', () => {
    const drawn = Array.from({ length: 2000 }, () => systemRng.bytes(12).join());
    expect(new Set(drawn).size).toBe(drawn.length);
  });

  it.each([0, 1, 12, 4096, 4097])('gives %i bytes as text', (count) => {
    expect(systemRng.hex(count)).toMatch(/^[0-9a-f]*$/);
    expect(systemRng.hex(count)).toHaveLength(2 * count);
  });

  it('never hands out the same text twice', () => {
    const drawn = Array.from({ length: 2000 }, () => systemRng.hex(12));
    expect(new Set(drawn).size).toBe(drawn.length);
  });

  it('hands out copies that later draws leave alone', () => {
    const first = systemRng.bytes(32);
    const before = first.join();
    for (let draw = 0; draw < 200; draw += 1) systemRng.bytes(100);
    expect(first.join()).toBe(before);
    expect(first.some((byte) => byte !== 0)).toBe(true);
  });

  it('makes numbers in [0, 1) that are spread over it', () => {
    const tenths = new Set<number>();
    for (let draw = 0; draw < 2000; draw += 1) {
      const value = systemRng.unit();
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      tenths.add(Math.floor(value * 10));
    }
    expect(tenths.size).toBe(10);
  });
});

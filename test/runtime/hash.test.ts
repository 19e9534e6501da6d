// node:crypto behind the core's hash function: known values of all three algorithms.

import { describe, expect, it } from 'vitest';
import { nodeHash } from '../../src/runtime/hash.ts';
import { emptyBodyHash } from '../core/digest/vectors.ts';

describe('nodeHash', () => {
  it.each(['MD5', 'SHA-256', 'SHA-512-256'] as const)('R269 R274 hashes nothing with %s', (algorithm) => {
    expect(nodeHash(algorithm, '')).toBe(emptyBodyHash[algorithm]);
    expect(nodeHash(algorithm, new Uint8Array(0))).toBe(emptyBodyHash[algorithm]);
  });

  it('R274 has the FIPS 180-4 value of SHA-512/256 for "abc"', () => {
    expect(nodeHash('SHA-512-256', 'abc')).toBe(
      '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23',
    );
  });

  it('hashes text as UTF-8', () => {
    const text = 'Jäsøn ☎ 𝄞';
    expect(nodeHash('SHA-256', text)).toBe(nodeHash('SHA-256', new TextEncoder().encode(text)));
  });
});

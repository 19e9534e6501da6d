// Texts that outlive the message they came in: they are the same, and do not hold on to the whole.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownText, sharedText } from '../../src/core/own-text.ts';

const MEGABYTE = 1_048_576;

describe.each([
  ['ownText', ownText],
  ['sharedText', sharedText],
])('%s', (_, kept) => {
  it('gives back the same text, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(kept(text)).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it('gives back a piece of a text without the whole', () => {
    const pieces = Array.from({ length: 100 }, (_, index) =>
      kept(`${index} ${'x'.repeat(2 * MEGABYTE)}`.slice(0, 40)),
    );
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect(process.memoryUsage().heapUsed).toBeLessThan(150 * MEGABYTE);
    expect(pieces[99]).toBe(`99 ${'x'.repeat(37)}`);
  });
});

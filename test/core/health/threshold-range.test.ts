import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAlert, parseRange } from '../../../src/core/health/threshold-range.ts';

/** Whether a value of each kind is an alert; throws for a text that is no range. */
function alerts(text: string, ...values: readonly number[]): readonly boolean[] {
  const range = parseRange(text);
  if (!range.ok) throw new Error(range.error);
  return values.map((value) => isAlert(range.value, value));
}

describe('a threshold range', () => {
  // The table of the Monitoring Plugins guidelines, "Threshold and ranges".
  it.each([
    ['10', [-1, 0, 10, 11], [true, false, false, true]],
    ['10:', [9.9, 10, 1e9], [true, false, false]],
    ['~:10', [-1e9, 10, 10.1], [false, false, true]],
    ['10:20', [9, 10, 20, 21], [true, false, false, true]],
    ['@10:20', [9, 10, 20, 21], [false, true, true, false]],
    ['@10', [-1, 0, 10, 11], [false, true, true, false]],
    ['-5:-1', [-6, -5, -1, 0], [true, false, false, true]],
    ['0.1:0.25', [0.05, 0.1, 0.3], [true, false, true]],
    ['~:', [-1e9, 0, 1e9], [false, false, false]],
    ['@~:0', [-1, 0, 1], [true, true, false]],
    [':5', [-1, 0, 5, 6], [true, false, false, true]],
    ['0', [0, 0.1], [false, true]],
  ] as const)('%s', (text, values, expected) => {
    expect(alerts(text, ...values)).toEqual(expected);
  });

  it.each([
    '',
    '@',
    ':',
    '@:',
    'x',
    '1:2:3',
    '10:x',
    '~',
    '~10',
    '1e3',
    '+1',
    '20:10',
    ' 1',
    '1,5',
    '--1',
    '@@1',
  ])('is not %j', (text) => {
    const range = parseRange(text);
    expect(range.ok).toBe(false);
    if (!range.ok) expect(range.error).toContain(JSON.stringify(text));
  });

  it('is read as it was meant, and @ is the opposite', () => {
    const bound = fc.option(fc.integer({ min: -1e6, max: 1e6 }).map((value) => value / 100));
    fc.assert(
      fc.property(bound, bound, fc.integer({ min: -2e6, max: 2e6 }), (one, other, hundredths) => {
        const [start, end] = one !== null && other !== null && one > other ? [other, one] : [one, other];
        const value = hundredths / 100;
        const text = `${start ?? '~'}:${end ?? ''}`;
        const isOutside = (start !== null && value < start) || (end !== null && value > end);
        expect(alerts(text, value)).toEqual([isOutside]);
        expect(alerts(`@${text}`, value)).toEqual([!isOutside]);
        if (start === 0 && end !== null) expect(alerts(String(end), value)).toEqual([isOutside]);
      }),
    );
  });

  it('never throws, whatever is written', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const range = parseRange(text);
        if (range.ok) expect(range.value.start).toBeLessThanOrEqual(range.value.end);
      }),
    );
  });
});

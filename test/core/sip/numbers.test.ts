// Numbers in header fields: what fits, what is refused, what is clamped.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCSeq, parseDeltaSeconds, parseRetryAfter } from '../../../src/core/sip/numbers.ts';
import { codeOf, unwrapped } from './vectors.ts';

describe('parseDeltaSeconds', () => {
  it.each([
    ['0', 0],
    ['3600', 3600],
    ['0068', 68],
    [' 60 ', 60],
    ['4294967295', 4_294_967_295],
    [`${'0'.repeat(40)}7`, 7],
  ])('R188 R192 "%s" is %d', (text, seconds) => {
    expect(parseDeltaSeconds(text)).toBe(seconds);
  });

  it.each(['', '-1', '+1', '1.5', '1e3', '0x10', 'soon', '60s', '6 0', '4294967296', '1'.repeat(101), '٣'])(
    'R114 R188 R192 "%s" is malformed',
    (text) => {
      expect(parseDeltaSeconds(text)).toBeNull();
    },
  );
});

describe('parseRetryAfter', () => {
  it.each([
    ['5', 5],
    ['18000;duration=3600', 18_000],
    ["120 (I'm in a meeting)", 120],
    ['120(busy);duration=60', 120],
    ['0', 0],
  ])('R067 R192 "%s" is %d', (value, seconds) => {
    expect(parseRetryAfter(value)).toBe(seconds);
  });

  it.each(['86401', '949302838503028349304023988', '9'.repeat(400)])(
    'R068 "%s" is clamped to one day',
    (value) => {
      expect(parseRetryAfter(value)).toBe(86_400);
    },
  );

  it.each(['', 'soon', '-5', '5 minutes', '1.5', 'Fri, 01 Jan 2010 16:00:00 GMT'])(
    'R068 "%s" is no number',
    (value) => {
      expect(parseRetryAfter(value)).toBeNull();
    },
  );
});

describe('parseCSeq', () => {
  it.each([
    ['1 REGISTER', 1, 'REGISTER'],
    ['0009 INVITE', 9, 'INVITE'],
    ['4294967295 \t OPTIONS', 4_294_967_295, 'OPTIONS'],
    ['29344 RE%47IST%45R', 29_344, 'RE%47IST%45R'],
  ])('R188 "%s"', (value, number, method) => {
    expect(unwrapped(parseCSeq(value))).toEqual({ number, method });
  });

  it('R019 keeps the case of the method', () => {
    expect(unwrapped(parseCSeq('1 Register')).method).toBe('Register');
  });

  it.each([
    '',
    '1',
    'INVITE',
    '1INVITE',
    '-1 INVITE',
    '1 INVITE x',
    '1 IN:VITE',
    '4294967296 INVITE',
    '1.0 INVITE',
  ])('R188 "%s" is malformed', (value) => {
    expect(codeOf(parseCSeq(value))).toBe('SIP_PARSE_CSEQ');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(typeof parseCSeq(text).ok).toBe('boolean');
        expect(parseRetryAfter(text) ?? 0).toBeLessThanOrEqual(86_400);
      }),
    );
  });
});

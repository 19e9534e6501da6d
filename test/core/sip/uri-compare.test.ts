// When two URIs are the same: the examples of RFC 3261 §19.1.4 and RFC 5954, and the laws behind them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUri, type SipUri } from '../../../src/core/sip/uri.ts';
import { sameUri } from '../../../src/core/sip/uri-compare.ts';
import { uri as anyUri } from './arbitraries.ts';
import { readJsonVector, unwrapped } from './vectors.ts';

type Vectors = {
  readonly equivalent: readonly (readonly [string, string])[];
  readonly notEquivalent: readonly (readonly [string, string, string])[];
};

const { equivalent, notEquivalent } = readJsonVector<Vectors>('uri-compare.json');
const uriOf = (text: string): SipUri => unwrapped(parseUri(text));
const same = (a: string, b: string): readonly [boolean, boolean] => [
  sameUri(uriOf(a), uriOf(b)),
  sameUri(uriOf(b), uriOf(a)),
];

describe('sameUri', () => {
  it.each(equivalent)('R182 R183 %s is %s', (a, b) => {
    expect(same(a, b)).toEqual([true, true]);
  });

  it.each(notEquivalent)('R182 R183 %s is not %s: %s', (a, b) => {
    expect(same(a, b)).toEqual([false, false]);
  });

  it.each([
    ['sip:a@h;ttl=1', 'sip:a@h'],
    ['sip:a@h;method=INVITE', 'sip:a@h'],
    ['sip:a@h;transport=udp', 'sip:a@h'],
    ['sip:a@h;x=1', 'sip:a@h;x'],
    ['sip:a%3Bb@h', 'sip:a;b@h'],
    ['sip:%2541@h', 'sip:%41@h'],
    ['sip:%253B@h', 'sip:%3B@h'],
    ['sip:a:x@h', 'sip:a:X@h'],
    ['sip:%ff@h', 'sip:%fe@h'],
    ['sip:a@h?x=1', 'sip:a@h?x=2'],
    ['sip:a@h?x=a', 'sip:a@h?x=A'],
    ['sip:a@h?x=1&x=1', 'sip:a@h?x=1'],
    ['sip:a@192.0.2.1', 'sip:a@[::ffff:192.0.2.1]'],
    ['sip:%00@h', 'sip:%00%00@h'],
  ])('R182 %s is not %s', (a, b) => {
    expect(same(a, b)).toEqual([false, false]);
  });

  it.each([
    ['sip:%61@h', 'sip:a@h'],
    ['sip:a%3bb@h', 'sip:a%3Bb@h'],
    ['sip:a@h;Transport=TCP', 'sip:a@H;transport=tcp'],
    ['sip:a@h;foo', 'sip:a@h;bar=1'],
    ['sip:a@h?X=%61', 'sip:a@h?x=a'],
    ['sip:a@h;l%72', 'sip:a@h;lr'],
  ])('R182 %s is %s', (a, b) => {
    expect(same(a, b)).toEqual([true, true]);
  });

  it('R182 is reflexive and symmetric', () => {
    fc.assert(
      fc.property(anyUri, anyUri, (a, b) => {
        expect(sameUri(a, a)).toBe(true);
        expect(sameUri(a, b)).toBe(sameUri(b, a));
      }),
    );
  });

  it('R182 the order of parameters and headers means nothing', () => {
    fc.assert(
      fc.property(anyUri, (uri) => {
        const names = uri.params.map(({ name }) => unescapeName(name));
        fc.pre(new Set(names).size === names.length);
        const reversed = { ...uri, params: uri.params.toReversed(), headers: uri.headers.toReversed() };
        expect(sameUri(uri, reversed)).toBe(true);
      }),
    );
  });
});

function unescapeName(name: string): string {
  return decodeURIComponent(name).toLowerCase();
}

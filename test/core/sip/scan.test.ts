// Tokens and quoted strings.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOfQuoted, isToken, quote, skipSpace, unquote } from '../../../src/core/sip/scan.ts';
import { line } from './arbitraries.ts';

describe('isToken', () => {
  it.each(['REGISTER', "!interesting-Method0123456789_*+`.%indeed'~", 'a'])('accepts %s', (text) => {
    expect(isToken(text)).toBe(true);
  });

  it.each(['', 'a b', 'a:b', 'a"b', 'a/b', 'ä', 'a\0', 'a\r\n', '<a>', '(a)'])('refuses %j', (text) => {
    expect(isToken(text)).toBe(false);
  });
});

describe('quoted strings', () => {
  it.each([
    ['"J Rosenberg \\\\\\""', 'J Rosenberg \\"'],
    ['"Quoted string \\"\\""', 'Quoted string ""'],
    ['"\\\\\\\\"', '\\\\'],
    ['"%Z%45"', '%Z%45'],
    ['""', ''],
    ['plain', 'plain'],
    ['"never closed', '"never closed'],
    ['"a" b', '"a" b'],
    ['"ends in an escape\\"', '"ends in an escape\\"'],
  ])('R016 %s says %s: each quoted-pair decoded once, "%%" no escape', (text, meaning) => {
    expect(unquote(text)).toBe(meaning);
  });

  it('R016 unquote gives back what quote took', () => {
    fc.assert(
      fc.property(fc.oneof(line, fc.constantFrom('\0', '\\', '"', '\\"', '\\\0')), (text) => {
        expect(unquote(quote(text))).toBe(text);
      }),
    );
  });

  it('writes a line break as a space, because a quoted string has no form for it', () => {
    expect(quote('a\r\nVia: b\n')).toBe('"a Via: b "');
  });

  it('finds the closing quote, and says when there is none', () => {
    expect(endOfQuoted('x"a\\"b"c', 1)).toBe(7);
    expect(endOfQuoted('"abc', 0)).toBe(-1);
    expect(endOfQuoted('"abc\\', 0)).toBe(-1);
  });
});

it('skipSpace passes spaces and tabs only', () => {
  expect(skipSpace('a \t \u00a0b', 1)).toBe(4);
  expect(skipSpace('', 0)).toBe(0);
});

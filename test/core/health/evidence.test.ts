// What strangers say of themselves, made fit for a log, a terminal and JSON.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerInWords,
  printable,
  printableJson,
  printableLines,
  printableUpTo,
  retryAfterOf,
} from '../../../src/core/health/evidence.ts';
import { parsedResponse } from '../sip/vectors.ts';

/** Controls of C0 and C1, what breaks a line, what turns or hides text. */
const TREACHEROUS = [
  ...['\u0000', '\u0007', '\b', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085', '\u009b', '\u2028', '\u2029'],
  ...[
    '\u061c',
    '\u200b',
    '\u200d',
    '\u200e',
    '\u200f',
    '\u202a',
    '\u202d',
    '\u202e',
    '\u2066',
    '\u2069',
    '\ufeff',
  ],
];
const named = TREACHEROUS.map(
  (character) => [`U+${character.charCodeAt(0).toString(16)}`, character] as const,
);

describe('printable', () => {
  it.each(named)('R022 lets no %s pass, but what stands around it', (_, character) => {
    expect(printable(`a${character}b`)).toBe('a b');
    expect(printable(`${character}${character}`)).toBe('');
  });

  it.each([
    ['\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['\u001b]0;title\u0007x', ']0;title x'],
    ['ok\r\nERROR  forged  line', 'ok ERROR  forged  line'],
    ['Grüße, 世界 😀', 'Grüße, 世界 😀'],
    ['  spaces  ', 'spaces'],
    [`hash ${'0123456789abcdef'.repeat(4)} end`, 'hash … end'],
  ])('R022 %j is shown as %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('R022 60 KiB become one short line', () => {
    expect(printable('x'.repeat(61_440))).toBe(`${'x'.repeat(200)}…`);
    expect(printable('\u202e'.repeat(61_440))).toBe('');
  });

  it('cuts no character in two', () => {
    expect(printableUpTo(3, 'ab😀cd')).toBe('ab…');
    expect(printableUpTo(4, 'ab😀cd')).toBe('ab😀…');
    expect(printableUpTo(6, 'ab😀cd')).toBe('ab😀cd');
  });

  it('R022 holds for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.nat(300), (text, limit) => {
        const shown = printableUpTo(limit, text);
        expect(shown.length).toBeLessThanOrEqual(limit + 1);
        expect(TREACHEROUS.some((character) => shown.includes(character))).toBe(false);
      }),
    );
  });
});

describe('printableLines', () => {
  it('keeps lines and tabs, and shows what would drive a terminal', () => {
    expect(printableLines('a: b\r\nc:\td\u001b[2J\ne\u202e\u202ef\rg')).toBe('a: b\nc:\td?[2J\ne??f?g');
  });
});

describe('printableJson', () => {
  it.each(named)('R022 %s does not stand in it, and reads the same', (_, character) => {
    const value = { text: `a${character}b`, more: ['ü', '😀'] };
    for (const indent of [undefined, 2]) {
      const json = printableJson(JSON.stringify(value, null, indent));
      expect(JSON.parse(json)).toEqual(value);
      expect(json.replaceAll('\n', '')).not.toContain(character);
    }
  });
});

describe('answerInWords', () => {
  const answer = (reason: string, ...rows: readonly string[]) =>
    parsedResponse([`SIP/2.0 403 ${reason}`, ...rows, 'Content-Length: 0', '\r\n'].join('\r\n'));

  it('has status, reason, warnings and Retry-After', () => {
    expect(answerInWords(answer('Forbidden', 'Warning: 399 pbx "too many contacts"'))).toBe(
      '403 Forbidden (Warning: 399 pbx "too many contacts")',
    );
    expect(answerInWords(answer(''))).toBe('403');
    expect(answerInWords(answer('Later', 'Retry-After: 120'))).toBe('403 Later (Retry-After: 2 min)');
    expect(answerInWords(answer('Later', 'Warning: 399 a "full"', 'Retry-After: 9'))).toBe(
      '403 Later (Warning: 399 a "full", Retry-After: 9 s)',
    );
  });

  it('R022 is short and printable, whatever the server says', () => {
    const noise = `\u001b[2J\u202e${'y'.repeat(500)}\u0007`;
    const words = answerInWords(
      answer(noise, ...Array.from({ length: 50 }, () => `Warning: 399 a "${noise}"`)),
    );
    expect(words.length).toBeLessThan(450);
    expect(TREACHEROUS.some((character) => words.includes(character))).toBe(false);
  });

  it('reads Retry-After, at most a day', () => {
    expect(retryAfterOf(answer('x', 'Retry-After: 120 (maintenance)'))).toBe(120);
    expect(retryAfterOf(answer('x', 'Retry-After: 99999999999'))).toBe(86_400);
    expect(retryAfterOf(answer('x', 'Retry-After: soon'))).toBeNull();
    expect(retryAfterOf(answer('x'))).toBeNull();
  });
});

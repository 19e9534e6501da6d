// Reading header rows and comma-separated lists.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerRows, headerValue, listValues, optionTags, sameName } from '../../../src/core/sip/headers.ts';
import { MAX_LIST_VALUES } from '../../../src/core/sip/limits.ts';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import { parsedRequest, requestText, rows } from './vectors.ts';

describe('rows', () => {
  const headers = rows('Via: one', 'X-Odd: first', 'x-odd: second', 'Via: two');

  it('headerValue is the first row, null when there is none', () => {
    expect(headerValue(headers, 'Via')).toBe('one');
    expect(headerValue(headers, 'To')).toBeNull();
  });

  it('R010 unknown names are found without regard to case', () => {
    expect(headerRows(headers, 'X-ODD')).toEqual(['first', 'second']);
    expect(sameName('X-Odd', 'x-oDD')).toBe(true);
    expect(sameName('X-Odd', 'X-Ode')).toBe(false);
  });

  it('a row of credentials is not split by headerRows', () => {
    const value = 'Digest realm="a", nonce="b"';
    expect(headerRows(rows(`WWW-Authenticate: ${value}`), 'WWW-Authenticate')).toEqual([value]);
  });
});

describe('listValues', () => {
  it.each(['Via', 'Contact', 'Route', 'Path', 'Service-Route', 'Supported', 'Require', 'Allow'])(
    'R012 %s as one row, as many and mixed is the same list',
    (name) => {
      const values = ['a', 'b;x=1', '<sip:c@d>', 'e'];
      const one = rows(`${name}: a, b;x=1 ,<sip:c@d>\t,e`);
      const many = rows(...values.map((value) => `${name}: ${value}`));
      const mixed = rows(`${name}: a, b;x=1`, 'Other: z', `${name}: <sip:c@d>,e`);
      for (const headers of [one, many, mixed]) expect(listValues(headers, name)).toEqual(values);
    },
  );

  it('R015 commas in quoted strings and within <> separate nothing', () => {
    const headers = rows('Contact: "Bell, \\", Alexander" <sip:a,b@c?x=1,2>;q="0,5", <sip:d@e>');
    expect(listValues(headers, 'Contact')).toEqual([
      '"Bell, \\", Alexander" <sip:a,b@c?x=1,2>;q="0,5"',
      '<sip:d@e>',
    ]);
  });

  it('drops empty values', () => {
    expect(listValues(rows('Supported: ,, path , ,outbound,', 'Supported:'), 'Supported')).toEqual([
      'path',
      'outbound',
    ]);
  });

  it('takes an unclosed quote or bracket as the rest of the row', () => {
    expect(listValues(rows('Contact: "a, b', 'Contact: c'), 'Contact')).toEqual(['"a, b', 'c']);
    expect(listValues(rows('Contact: <a, b'), 'Contact')).toEqual(['<a, b']);
  });

  it('R022 stops at MAX_LIST_VALUES over all rows', () => {
    const row = `Via: ${Array.from({ length: MAX_LIST_VALUES }, () => 'v').join(',')}`;
    expect(listValues(rows(row, row), 'Via')).toHaveLength(MAX_LIST_VALUES);
  });

  it('R012 splitting values joined in any mix gives them back', () => {
    const value = fc.constantFrom('a', '"x,y"', '<sip:a,b>', '"\\","', 't;p="1,2"');
    fc.assert(
      fc.property(fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), (groups) => {
        const headers = groups.map((group) => ({ name: 'Contact', value: group.join(' ,') }));
        expect(listValues(headers, 'Contact')).toEqual(groups.flat());
      }),
    );
  });
});

it('optionTags are in lower case', () => {
  expect(optionTags(rows('Require: OutBound, path', 'Require: GRUU'), 'Require')).toEqual([
    'outbound',
    'path',
    'gruu',
  ]);
});

it('R018 R023 header fields of another kind of message, and malformed ones nobody asks for, harm nobody', () => {
  const extra = [
    'WWW-Authenticate: Digest',
    'Retry-After: soon',
    'Min-Expires: -1',
    'Date: now',
    'Contact: <<;;',
  ];
  expect(checkRequest(parsedRequest(requestText(extra))).ok).toBe(true);
});

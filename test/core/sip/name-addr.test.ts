// name-addr and addr-spec values, Contacts and their parameters.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PARAMS } from '../../../src/core/sip/limits.ts';
import {
  formatNameAddr,
  type NameAddr,
  parseContacts,
  parseNameAddr,
} from '../../../src/core/sip/name-addr.ts';
import { paramValue, parseUri } from '../../../src/core/sip/uri.ts';
import { nameAddr as anyNameAddr } from './arbitraries.ts';
import { codeOf, rows, unwrapped } from './vectors.ts';

const nameAddr = (text: string): NameAddr => unwrapped(parseNameAddr(text));

describe('parseNameAddr', () => {
  it.each([
    ['<sip:a@b>', null, 'sip:a@b'],
    ['sip:a@b', null, 'sip:a@b'],
    ['"A. \\"B\\"" <sip:a@b>', 'A. "B"', 'sip:a@b'],
    ['""<sip:a@b>', '', 'sip:a@b'],
    ['T. Watson <sip:a@b>', 'T. Watson', 'sip:a@b'],
    ['caller<sip:a@b>', 'caller', 'sip:a@b'],
    ['"%Z%45" <sip:a@b>', '%Z%45', 'sip:a@b'],
    ['< sip:a@b >', null, 'sip:a@b'],
    ['<sip:a,b;c?d@e?f=g>', null, 'sip:a,b;c?d@e?f=g'],
    ['<tel:+358-555;postd=pp>', null, 'tel:+358-555;postd=pp'],
    ['isbn:2983792873', null, 'isbn:2983792873'],
  ])('R014 R016 %s', (text, displayName, uri) => {
    expect(nameAddr(text)).toEqual({ displayName, uri, params: [] });
  });

  it('R014 R020 parameters may have white space, quotes and unknown names', () => {
    const text =
      '"Q" <sip:a@b> ; newparam =\tnewvalue ;secondparam ; q = 0.33;+sip.instance="<urn:uuid:1>";x="a;b,\\"c"';
    expect(nameAddr(text).params).toEqual([
      { name: 'newparam', value: 'newvalue' },
      { name: 'secondparam', value: null },
      { name: 'q', value: '0.33' },
      { name: '+sip.instance', value: '"<urn:uuid:1>"' },
      { name: 'x', value: '"a;b,\\"c"' },
    ]);
    expect(paramValue(nameAddr(text).params, '+SIP.Instance')).toBe('<urn:uuid:1>');
  });

  it('R215 outside <> every parameter belongs to the header, inside to the URI', () => {
    expect(nameAddr('sip:+1972@gw1.example.net;unknownparam')).toEqual({
      displayName: null,
      uri: 'sip:+1972@gw1.example.net',
      params: [{ name: 'unknownparam', value: null }],
    });
    expect(nameAddr('<sip:+1972@gw1.example.net;unknownparam>').params).toEqual([]);
  });

  it.each([
    '',
    '<>',
    '<sip:a@b',
    'sip:',
    'bob',
    'a@b',
    '"never closed <sip:a@b>',
    '"a" "b" <sip:a@b>',
    'Bell, Alexander <sip:a@b>',
    '<sip:a b@c>',
    '<sip:a\0@c>',
    'sip:a@b?Route=x',
    'sip:a,b@c',
    '*',
    '"a"',
    'a <b> <sip:a@b>',
    '<<sip:a@b>>',
  ])('"%s" is malformed', (text) => {
    expect(codeOf(parseNameAddr(text))).toBe('SIP_PARSE_NAME_ADDR');
  });

  it.each([
    '<sip:a@b>;',
    '<sip:a@b>;;;;',
    '<sip:a@b> x',
    '<sip:a@b>;=x',
    '<sip:a@b>;x="y',
    '<sip:a@b>;x=a b',
    '<sip:a@b>;ä=1',
  ])('"%s" has a malformed parameter', (text) => {
    expect(codeOf(parseNameAddr(text))).toBe('SIP_PARSE_PARAM');
  });

  it('R022 takes MAX_PARAMS parameters and no more', () => {
    const withParams = (count: number): string =>
      `<sip:a@b>${Array.from({ length: count }, (_, index) => `;p${index}`).join('')}`;
    expect(nameAddr(withParams(MAX_PARAMS)).params).toHaveLength(MAX_PARAMS);
    expect(codeOf(parseNameAddr(withParams(MAX_PARAMS + 1)))).toBe('SIP_PARSE_PARAM');
  });

  it('of a repeated parameter the first counts', () => {
    expect(nameAddr('<sip:a@b>;expires=60;Expires=0').params).toEqual([{ name: 'expires', value: '60' }]);
  });

  it('never throws', () => {
    const nearly = fc.string({
      unit: fc.constantFrom('"', '\\', '<', '>', ';', '=', ',', ' ', 'sip:a@b', 'x'),
      maxLength: 16,
    });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
        const result = parseNameAddr(text);
        if (!result.ok) expect(result.error.code).toMatch(/^SIP_PARSE_(NAME_ADDR|PARAM)$/);
        else expect(parseNameAddr(formatNameAddr(result.value))).toEqual(result);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('formatNameAddr', () => {
  it('R214 always has <>, so that a comma, semicolon or question mark stays in the URI', () => {
    expect(formatNameAddr({ displayName: null, uri: 'sip:a;b,c@d?e=f', params: [] })).toBe(
      '<sip:a;b,c@d?e=f>',
    );
  });

  it('R007 never writes a parameter name twice', () => {
    const params = [
      { name: 'expires', value: '60' },
      { name: 'q', value: '0.5' },
      { name: 'EXPIRES', value: '0' },
    ];
    expect(formatNameAddr({ displayName: 'B', uri: 'sip:a@b', params })).toBe(
      '"B" <sip:a@b>;expires=60;q=0.5',
    );
  });

  it('gives back what parseNameAddr took', () => {
    fc.assert(
      fc.property(anyNameAddr, (value) => {
        expect(parseNameAddr(formatNameAddr(value))).toEqual({ ok: true, value });
      }),
    );
  });
});

describe('parseContacts', () => {
  it('R012 reads every row', () => {
    const headers = rows('Contact: <sip:a@b>;expires=60, "B, C" <sip:d@e>', 'Contact: sip:f@g;q=1');
    const { star, contacts } = parseContacts(headers);
    expect(star).toBe(false);
    expect(contacts.map(({ uri }) => uri)).toEqual(['sip:a@b', 'sip:d@e', 'sip:f@g']);
  });

  it('R023 R191 "*" is told apart, and what is malformed is left out', () => {
    const headers = rows('Contact: *, <sip:a@b>, <sip:broken, ;;', 'Contact: "x', 'Contact: <sip:c@d>');
    const { star, contacts } = parseContacts(headers);
    expect(star).toBe(true);
    expect(contacts.map(({ uri }) => uri)).toEqual(['sip:a@b', 'sip:c@d']);
  });

  it('is empty without a Contact', () => {
    expect(parseContacts([])).toEqual({ star: false, contacts: [] });
  });

  it('a URI header in a Contact stays in its URI', () => {
    const [contact] = parseContacts(
      rows('Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>'),
    ).contacts;
    expect(unwrapped(parseUri(contact?.uri ?? '')).headers).toEqual([
      { name: 'Route', value: '%3Csip:sip.example.com%3E' },
    ]);
  });
});

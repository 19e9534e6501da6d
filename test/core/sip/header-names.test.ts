// Compact and long header names: one canonical spelling for each.

import { describe, expect, it } from 'vitest';
import { canonicalName } from '../../../src/core/sip/header-names.ts';
import { headerValue } from '../../../src/core/sip/headers.ts';
import { parsed, readJsonVector, requestText } from './vectors.ts';

const { map } = readJsonVector<{ map: Record<string, [string, string]> }>('compact-headers.json');

describe('canonicalName', () => {
  it.each(Object.entries(map))('R011 compact form %s in either case is the long form', (compact, [long]) => {
    expect(canonicalName(compact)).toBe(long);
    expect(canonicalName(compact.toUpperCase())).toBe(long);
  });

  it.each([
    ['call-id', 'Call-ID'],
    ['CALL-ID', 'Call-ID'],
    ['cSeQ', 'CSeq'],
    ['www-authenticate', 'WWW-Authenticate'],
    ['Via', 'Via'],
    ['p-associated-uri', 'P-Associated-URI'],
  ])('R010 %s is %s', (name, canonical) => {
    expect(canonicalName(name)).toBe(canonical);
  });

  it.each(['X-Custom', 'x-CUSTOM', 'q', 'C%6Fntact', '', 'constructor', '__proto__'])(
    'R010 leaves the unknown name "%s" as it came',
    (name) => {
      expect(canonicalName(name)).toBe(name);
    },
  );

  it('R011 long and compact names may be mixed within one message', () => {
    const { headers } = parsed(
      requestText(['m: <sip:a@192.0.2.1>', 'k: outbound', 'Contact: <sip:b@192.0.2.1>']),
    );
    expect(headers.filter(({ name }) => name === 'Contact').map(({ value }) => value)).toEqual([
      '<sip:a@192.0.2.1>',
      '<sip:b@192.0.2.1>',
    ]);
    expect(headerValue(headers, 'Supported')).toBe('outbound');
  });
});

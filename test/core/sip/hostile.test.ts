// Hostile values of a quarter of a megabyte, far beyond what a message can hold: every reader ends at once. There is no clock
// here: a reader that is worse than linear would not end within the time of a test.

import { describe, expect, it } from 'vitest';
import { headerValue, listValues } from '../../../src/core/sip/headers.ts';
import { ipVersion, sameHost } from '../../../src/core/sip/ip.ts';
import { MAX_LIST_VALUES, MAX_MESSAGE_BYTES } from '../../../src/core/sip/limits.ts';
import { formatNameAddr, parseContacts, parseNameAddr } from '../../../src/core/sip/name-addr.ts';
import { parseCSeq, parseDeltaSeconds, parseRetryAfter } from '../../../src/core/sip/numbers.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { isToken, quote, unquote } from '../../../src/core/sip/scan.ts';
import { escapeUser, parseUri, unescape as unescaped } from '../../../src/core/sip/uri.ts';
import { parseVia } from '../../../src/core/sip/via.ts';
import { bytesOf, requestText } from './vectors.ts';

const LENGTH = 262_144;
const fill = (unit: string): string => unit.repeat(LENGTH / unit.length);

const HOSTILE = [
  '"',
  '\\',
  '\\"',
  '<',
  '>',
  '<>',
  ',',
  ';',
  ';a',
  ';a="',
  ';a=b',
  ' ',
  'a',
  'a ',
  '%',
  '%41',
  '[',
  ':',
  '@',
  '?',
  '&',
  '=',
  '0',
  '1.',
  '::',
  '(',
  '/',
  'SIP/',
].map((unit) => [unit, fill(unit)] as const);

describe('a long run of anything', () => {
  it.each(HOSTILE)('R022 %j as a value ends in a result', (_, text) => {
    for (const prefix of [
      '',
      '<sip:a@b>',
      'sip:',
      'sip:a@',
      'sip:h;',
      'sip:h?',
      'SIP/2.0/UDP h',
      'SIP/2.0/UDP ',
      '1 ',
      '"',
    ]) {
      const value = prefix + text;
      const headers = [{ name: 'Contact', value }];
      expect(listValues(headers, 'Contact').length).toBeLessThanOrEqual(MAX_LIST_VALUES);
      expect(parseContacts(headers).contacts.length).toBeLessThanOrEqual(MAX_LIST_VALUES);
      for (const result of [parseUri(value), parseVia(value), parseNameAddr(value), parseCSeq(value)]) {
        if (!result.ok) expect(result.error.code).toMatch(/^SIP_PARSE_/);
      }
      expect(parseRetryAfter(value) ?? 0).toBeLessThanOrEqual(86_400);
    }
  });

  it.each(HOSTILE)('R022 %j as a word ends in a word', (_, text) => {
    expect(unquote(quote(text))).toBe(text);
    expect(unescaped(escapeUser(text))).toBe(text);
    expect(isToken(`${text}\0`)).toBe(false);
    expect(ipVersion(text)).toBe(0);
    expect(sameHost(text, `${text}.`)).toBe(false);
    expect(parseDeltaSeconds(`${text}x`)).toBeNull();
  });

  it.each(['\r', '\n', '\r\n', '\r\n ', ':', 'a:', ' ', '\0', '\\\0', 'SIP/2.0 ', '\r\na'])(
    'R022 a message of %j ends in an error',
    (unit) => {
      const text = unit.repeat(Math.floor(MAX_MESSAGE_BYTES / unit.length) - 200);
      for (const prefix of ['', 'SIP/2.0 200 OK\r\nX-A: ', 'OPTIONS sip:a@b SIP/2.0\r\n']) {
        const result = parseMessage(bytesOf(prefix + text));
        if (!result.ok) expect(result.error.code).toMatch(/^SIP_PARSE_/);
        else expect(headerValue(result.value.headers, 'Via')).toBeNull();
      }
    },
  );

  it('a URI as long is written as it is, and refused in a message', () => {
    const uri = `sip:${fill('a')}@example.com`;
    expect(formatNameAddr({ displayName: null, uri, params: [] })).toBe(`<${uri}>`);
    expect(parseMessage(bytesOf(requestText([`Contact: <${uri}>`]))).ok).toBe(false);
  });
});

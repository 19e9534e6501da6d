// Messages as bytes: the exact text, round trips, and that nothing can be injected.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assert, InvariantError } from '../../../src/core/assert.ts';
import { formatMessage } from '../../../src/core/sip/format.ts';
import { headerValue } from '../../../src/core/sip/headers.ts';
import { NO_BODY, type SipRequest, type SipResponse } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { message as anyMessage } from './arbitraries.ts';
import { bytesOf, parsed, requestText, textOf } from './vectors.ts';

const REQUEST: SipRequest = {
  kind: 'request',
  method: 'REGISTER',
  uri: 'sip:example.com',
  version: 'SIP/2.0',
  headers: [
    { name: 'Via', value: 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1' },
    { name: 'To', value: '<sip:a@example.com>' },
  ],
  body: NO_BODY,
};

const RESPONSE: SipResponse = {
  kind: 'response',
  version: 'SIP/2.0',
  status: 200,
  reason: 'OK',
  headers: [],
  body: NO_BODY,
};

const withValue = (value: string): SipRequest => ({ ...REQUEST, headers: [{ name: 'Subject', value }] });

describe('formatMessage', () => {
  it('R001 R004 every line ends in CRLF, nothing is folded, and the empty line is there without a body', () => {
    expect(textOf(formatMessage(REQUEST))).toBe(
      'REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n' +
        'To: <sip:a@example.com>\r\nContent-Length: 0\r\n\r\n',
    );
    expect(textOf(formatMessage(RESPONSE))).toBe('SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n');
  });

  it('adds Content-Length in bytes, or checks the one that is there', () => {
    expect(textOf(formatMessage({ ...RESPONSE, body: bytesOf('jü') }))).toContain(
      'Content-Length: 3\r\n\r\njü',
    );
    const declared = { ...RESPONSE, headers: [{ name: 'Content-Length', value: '3' }] };
    expect(textOf(formatMessage({ ...declared, body: bytesOf('abc') }))).toBe(
      'SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(() => formatMessage(declared)).toThrow(InvariantError);
  });

  it('leaves what was written before as it is, however much is written afterwards', () => {
    const bodies = Array.from({ length: 300 }, (_, index) => bytesOf('ü'.repeat((index * 37) % 9_000)));
    const written = bodies.map((body, index) => formatMessage({ ...withValue(`${index} ü`), body }));
    for (const [index, body] of bodies.entries()) {
      const parts = parseMessage(written[index] ?? NO_BODY);
      assert(parts.ok, 'it is a message');
      expect(headerValue(parts.value.headers, 'Subject')).toBe(`${index} ü`);
      expect(textOf(parts.value.body)).toBe(textOf(body));
    }
  });

  it.each(['a\r\nVia: b', 'a\nb', 'a\rb', 'a\0b', '\r\n', '\n'])('R004 refuses the value %j', (value) => {
    expect(() => formatMessage(withValue(value))).toThrow(InvariantError);
  });

  it.each(['', 'a b', 'a:', 'a\r\n', 'ä'])('refuses the header name %j', (name) => {
    expect(() => formatMessage({ ...REQUEST, headers: [{ name, value: 'x' }] })).toThrow(InvariantError);
  });

  it.each(['<sip:a@b>', 'sip:a b', 'sip:a@b\r\nVia: x', 'sip:\0', 'sip:\x07', ''])(
    'R003 refuses the Request-URI %j',
    (uri) => {
      expect(() => formatMessage({ ...REQUEST, uri })).toThrow(InvariantError);
    },
  );

  it('refuses a start line that is none', () => {
    expect(() => formatMessage({ ...REQUEST, method: 'A B' })).toThrow(InvariantError);
    expect(() => formatMessage({ ...REQUEST, version: 'SIP/2.0\r\nX: y' })).toThrow(InvariantError);
    expect(() => formatMessage({ ...RESPONSE, version: 'HTTP/1.1' })).toThrow(InvariantError);
    expect(() => formatMessage({ ...RESPONSE, reason: 'OK\r\nX: y' })).toThrow(InvariantError);
    for (const status of [99, 700, 200.5, Number.NaN]) {
      expect(() => formatMessage({ ...RESPONSE, status })).toThrow(InvariantError);
    }
  });

  it('sends back a value with NUL in a quoted-pair as it came', () => {
    const value = '"NUL:\\\0" <sip:a@b>';
    expect(parsed(formatMessage(withValue(value))).headers[0]).toEqual({ name: 'Subject', value });
  });

  it('parseMessage gives back what was formatted', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const { headers, ...rest } = parsed(formatMessage(message));
        expect(rest).toEqual({ ...message, headers: undefined });
        const length = { name: 'Content-Length', value: String(message.body.length) };
        expect(headers).toEqual([...message.headers, length]);
      }),
    );
  });

  it('whatever was parsed can be sent back, and reads the same again', () => {
    const bytes = bytesOf(requestText(['Subject: \\\0 "x"', 'X-A: a\nb\rc\0'], 'body'));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 40, max: bytes.length - 1 }), fc.nat(255)), { maxLength: 8 }),
        (edits) => {
          const changed = Uint8Array.from(bytes);
          for (const [at, byte] of edits) changed[at] = byte;
          const result = parseMessage(changed);
          fc.pre(result.ok);
          const message = parsed(changed);
          fc.pre(!message.headers.some(({ name }) => name === 'Content-Length'));
          const again = parsed(formatMessage(message));
          expect(again.headers.slice(0, -1)).toEqual(message.headers);
          expect(again.body).toEqual(message.body);
        },
      ),
      { numRuns: 500 },
    );
  });
});

// One datagram or one framed message: start line, rows, folding, body and errors.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerValue, listValues } from '../../../src/core/sip/headers.ts';
import { MAX_HEAD_BYTES, MAX_HEADER_ROWS, MAX_MESSAGE_BYTES } from '../../../src/core/sip/limits.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { bytesOf, codeOf, parsed, parsedRequest, parsedResponse, requestText, textOf } from './vectors.ts';

const codeFor = (text: string): string => codeOf(parseMessage(bytesOf(text)));

describe('start lines', () => {
  it.each(['SIP/2.0', 'sip/2.0', 'Sip/2.0'])(
    'R002 accepts the version %s in a request and a response',
    (version) => {
      expect(parsedRequest(`OPTIONS sip:a@b ${version}\r\n\r\n`)).toMatchObject({
        method: 'OPTIONS',
        uri: 'sip:a@b',
        version,
      });
      expect(parsedResponse(`${version} 200 OK\r\n\r\n`)).toMatchObject({
        status: 200,
        reason: 'OK',
        version,
      });
    },
  );

  it.each([
    ['SIP/2.0 200 ', ''],
    ['SIP/2.0 200', ''],
    ['SIP/2.0 200 = 2**3 * 5**2 но сто', '= 2**3 * 5**2 но сто'],
    ['SIP/2.0 200 SIP/2.0', 'SIP/2.0'],
    ['SIP/2.0 200 a\u2028b', 'a\u2028b'],
  ])('R017 "%s" has the reason "%s"', (startLine, reason) => {
    expect(parsedResponse(`${startLine}\r\n\r\n`)).toMatchObject({ status: 200, reason });
  });

  it('keeps a version that is not ours for the 505', () => {
    expect(parsedRequest('OPTIONS sip:a@b SIP/7.0\r\n\r\n').version).toBe('SIP/7.0');
  });

  it.each([
    '',
    '\r\n',
    '\r\n\r\n',
    'x',
    '\0\0\0\0',
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '220 mail.example.com ESMTP\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
    'INVITE sip:alan@jasomi.com\r\n\r\n',
    'A:B sip:a@b SIP/2.0\r\n\r\n',
    'INVITE sip:a@b SIP/2.\r\n\r\n',
    '\x15\x03\x01\x00\x02\x02\x46',
  ])('%j is not SIP at all', (text) => {
    expect(codeFor(text)).toBe('SIP_PARSE_NOT_SIP');
  });

  it.each([
    'SIP/2.0 20 OK',
    'SIP/2.0 2000 OK',
    'SIP/2.0 4294967301 x',
    'SIP/2.0 099 x',
    'SIP/2.0 700 x',
    'SIP/2.0 OK',
    'SIP/3.0 200 OK',
    'SIP/2.0 200OK',
    'OPTIONS  SIP/2.0',
  ])('"%s" is a broken start line', (line) => {
    expect(codeFor(`${line}\r\n\r\n`)).toBe('SIP_PARSE_START_LINE');
  });

  it('R021 line breaks before the start line are skipped', () => {
    expect(parsedRequest(`\r\n\r\n\r\n${requestText()}`).method).toBe('OPTIONS');
  });
});

describe('rows', () => {
  it('R010 names have no case, and unknown rows are kept as they came', () => {
    const { headers } = parsed(requestText(['X-nEw: 1', 'sUPPORTED: path']));
    expect(headers.slice(-2)).toEqual([
      { name: 'X-nEw', value: '1' },
      { name: 'Supported', value: 'path' },
    ]);
  });

  it('R013 a folded row is one line: each break with its white space is one space', () => {
    const text = requestText([
      'Contact:\r\n\t <sip:a@b>  \r\n ;\r\n  expires = 60',
      'WWW-Authenticate: Digest realm="a",\r\n nonce="b"',
      's :\r\n ',
    ]);
    const { headers } = parsed(text);
    expect(headerValue(headers, 'Contact')).toBe('<sip:a@b> ; expires = 60');
    expect(headerValue(headers, 'WWW-Authenticate')).toBe('Digest realm="a", nonce="b"');
    expect(headerValue(headers, 'Subject')).toBe('');
  });

  it('R014 white space around the colon does not count', () => {
    const { headers } = parsed(requestText(['Supported \t :   path  ', 'L:0']));
    expect(headerValue(headers, 'Supported')).toBe('path');
    expect(headerValue(headers, 'Content-Length')).toBe('0');
  });

  it('R012 two rows and one list read the same', () => {
    const { headers } = parsed(requestText(['Allow: INVITE, ACK', 'Allow: BYE']));
    expect(listValues(headers, 'Allow')).toEqual(['INVITE', 'ACK', 'BYE']);
  });

  it('R023 a row without a name or a colon is left out', () => {
    const text = requestText([': nobody', 'no colon at all', 'two words: x', 'Supported: path']);
    expect(parsed(text).headers.slice(-1)).toEqual([{ name: 'Supported', value: 'path' }]);
    expect(parsed(text).headers).toHaveLength(7);
  });

  it('a lone CR, LF or NUL ends no row and becomes a space', () => {
    const { headers } = parsed(requestText(['Subject: a\nVia: b\rTo: c\0d', 'Supported: path']));
    expect(headerValue(headers, 'Subject')).toBe('a Via: b To: c d');
    expect(headers.filter(({ name }) => name === 'Via')).toHaveLength(1);
  });

  it('keeps NUL in a quoted-pair', () => {
    const text = requestText().replace('To: ', 'To: "NUL:\\\0" ');
    expect(headerValue(parsed(text).headers, 'To')).toBe('"NUL:\\\0" <sip:bob@example.com>');
  });

  it('R017 reads UTF-8, and bytes that are none do not stop it', () => {
    const bytes = bytesOf(requestText(['Subject: jürgen X']));
    bytes[bytes.lastIndexOf(0x58)] = 0xff;
    expect(headerValue(parsed(bytes).headers, 'Subject')).toBe('jürgen \ufffd');
  });
});

describe('bodies', () => {
  it('R172 octets beyond Content-Length are dropped', () => {
    expect(textOf(parsed(requestText(['Content-Length: 3'], 'abcdef')).body)).toBe('abc');
    expect(parsed(requestText(['Content-Length: 0'], 'abcdef')).body).toHaveLength(0);
  });

  it('R172 without Content-Length the body runs to the end', () => {
    expect(textOf(parsed(requestText([], 'abcdef')).body)).toBe('abcdef');
  });

  it('R172 a short body is an error that brings the head, for a 400', () => {
    const result = parseMessage(bytesOf(requestText(['Content-Length: 7'], 'abcdef')));
    expect(codeOf(result)).toBe('SIP_PARSE_SHORT_BODY');
    expect(result).toMatchObject({ error: { head: { kind: 'request', method: 'OPTIONS' } } });
  });

  it.each([['-1'], ['abc'], [''], ['1.0'], ['4294967296'], ['3', '4'], ['3, 3']])(
    'R173 Content-Length %s is an error that brings the head',
    (...lengths) => {
      const result = parseMessage(
        bytesOf(
          requestText(
            lengths.map((length) => `l: ${length}`),
            'abcdef',
          ),
        ),
      );
      expect(codeOf(result)).toBe('SIP_PARSE_CONTENT_LENGTH');
      expect(result).toMatchObject({ error: { head: { kind: 'request' } } });
    },
  );

  it('the same Content-Length twice is no contradiction', () => {
    expect(textOf(parsed(requestText(['Content-Length: 3', 'l: 03'], 'abc')).body)).toBe('abc');
  });

  it('R009 Transfer-Encoding is not honoured', () => {
    const text = requestText(['Transfer-Encoding: chunked', 'Content-Length: 8'], '3\r\nabc\r\n');
    expect(textOf(parsed(text).body)).toBe('3\r\nabc\r\n');
  });

  it('a body may hold any octets, empty lines too', () => {
    const body = '\0\r\n\r\nSIP/2.0 200 OK\r\n\r\n';
    expect(textOf(parsed(requestText([], body)).body)).toBe(body);
  });
});

describe('bounds', () => {
  const filler = (length: number): string => `X-Fill: ${'x'.repeat(length)}`;

  it('R022 a message without its empty line is an error', () => {
    expect(codeFor(requestText().slice(0, -2))).toBe('SIP_PARSE_HEAD');
    expect(codeFor('OPTIONS sip:a@b SIP/2.0')).toBe('SIP_PARSE_HEAD');
  });

  it('R022 long values pass, and a head beyond MAX_HEAD_BYTES does not', () => {
    const room = MAX_HEAD_BYTES - requestText(['X-Fill: ']).length;
    expect(headerValue(parsed(requestText([filler(room)])).headers, 'X-Fill')).toHaveLength(room);
    expect(codeFor(requestText([filler(room + 1)]))).toBe('SIP_PARSE_TOO_LARGE');
  });

  it('R022 MAX_HEADER_ROWS rows pass, one more does not', () => {
    const more = MAX_HEADER_ROWS - 6;
    expect(parsed(requestText(Array(more).fill('X-A:1'))).headers).toHaveLength(MAX_HEADER_ROWS);
    expect(codeFor(requestText(Array(more + 1).fill('X-A:1')))).toBe('SIP_PARSE_TOO_LARGE');
  });

  it('R022 a message beyond MAX_MESSAGE_BYTES is refused', () => {
    const room = MAX_MESSAGE_BYTES - requestText().length;
    expect(parsed(requestText([], 'x'.repeat(room))).body).toHaveLength(room);
    expect(codeFor(requestText([], 'x'.repeat(room + 1)))).toBe('SIP_PARSE_TOO_LARGE');
  });

  it('never throws, whatever is changed in a message', () => {
    const bytes = bytesOf(requestText(['Contact: "a" <sip:a@b>;q=1', 'Content-Length: 4'], 'body'));
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(changes, fc.nat(bytes.length), (edits, length) => {
        const changed = bytes.slice(0, length);
        for (const [at, byte] of edits) changed[at] = byte;
        const result = parseMessage(changed);
        if (!result.ok) expect(result.error.code).toMatch(/^SIP_PARSE_/);
      }),
      { numRuns: 1000 },
    );
  });
});

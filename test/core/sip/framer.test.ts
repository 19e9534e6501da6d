// Messages on a stream: whole, in pieces, many at once, between keep-alives, and streams that cannot be read.

import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { emptyFramer, type Framed, type Framer, pushBytes } from '../../../src/core/sip/framer.ts';
import { MAX_HEAD_BYTES, MAX_MESSAGE_BYTES } from '../../../src/core/sip/limits.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { bytesOf, readVector, requestText, textOf } from './vectors.ts';

type Total = {
  readonly framer: Framer;
  readonly messages: readonly string[];
  readonly pings: number;
  readonly pongs: number;
  readonly error: string | null;
};

/** Pushes every piece into one framer and adds up what comes out. */
function push(...pieces: readonly (string | Uint8Array)[]): Total {
  let total: Total = { framer: emptyFramer(), messages: [], pings: 0, pongs: 0, error: null };
  for (const piece of pieces) {
    const framed: Framed = pushBytes(total.framer, typeof piece === 'string' ? bytesOf(piece) : piece);
    total = {
      framer: framed.framer,
      messages: [...total.messages, ...framed.messages.map(textOf)],
      pings: total.pings + framed.pings,
      pongs: total.pongs + framed.pongs,
      error: total.error ?? framed.error?.code ?? null,
    };
  }
  return total;
}

const bytewise = (text: string): readonly Uint8Array[] =>
  Array.from(bytesOf(text), (byte) => Uint8Array.of(byte));

const FIRST = requestText(['Content-Length: 12'], 'a\r\n\r\nb\0jü!\n');
const SECOND = 'SIP/2.0 200 OK\r\nl: 0\r\n\r\n';

describe('messages', () => {
  it('R174 one message in one piece', () => {
    expect(push(FIRST)).toMatchObject({ messages: [FIRST], pings: 0, pongs: 0, error: null });
  });

  it('R174 many messages in one piece, and one byte at a time', () => {
    const whole = FIRST + SECOND + SECOND + FIRST;
    expect(push(whole).messages).toEqual([FIRST, SECOND, SECOND, FIRST]);
    expect(push(...bytewise(whole)).messages).toEqual([FIRST, SECOND, SECOND, FIRST]);
  });

  it('R174 any split gives the same messages', () => {
    const part = fc.constantFrom(FIRST, SECOND, '\r\n', '\r\n\r\n');
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.array(fc.nat(2000), { maxLength: 20 }),
        (parts, cuts) => {
          const bytes = bytesOf(parts.join(''));
          const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
          const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
          const split = push(...pieces);
          expect(split.messages).toEqual(parts.filter((text) => text.trim() !== ''));
          expect(split.error).toBeNull();
          expect(split.framer).toMatchObject({ phase: 'between', held: 0, pieces: null });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('R021 line breaks before a start line are dropped', () => {
    expect(push(`\r\n${SECOND}\r\n\r\n\r\n${FIRST}`).messages).toEqual([SECOND, FIRST]);
    expect(push('\r', `\n\r${SECOND}`).messages).toEqual([SECOND]);
  });

  it('R174 the caller may use its buffer again', () => {
    const buffer = bytesOf(FIRST.slice(0, 50));
    const { framer } = pushBytes(emptyFramer(), buffer);
    buffer.fill(0);
    expect(pushBytes(framer, bytesOf(FIRST.slice(50))).messages.map(textOf)).toEqual([FIRST]);
  });

  it('a framer can be pushed twice: nothing in it changes', () => {
    const { framer } = pushBytes(emptyFramer(), bytesOf(FIRST.slice(0, 50)));
    for (let time = 0; time < 2; time++) {
      expect(pushBytes(framer, bytesOf(FIRST.slice(50))).messages.map(textOf)).toEqual([FIRST]);
    }
  });

  it('R174 dblreq is two messages on a stream', () => {
    const { messages } = push(readVector('rfc4475/dblreq.dat'));
    expect(messages.map((text) => text.split(' ', 1)[0])).toEqual(['REGISTER', 'INVITE']);
  });
});

describe('keep-alives (RFC 5626 §4.4.1)', () => {
  it.each([
    [['\r\n'], 0, 1],
    [['\r\n\r\n'], 1, 0],
    [['\r\n\r\n\r\n'], 1, 1],
    [['\r\n\r\n\r\n\r\n'], 2, 0],
    [['\r', '\n'], 0, 1],
    [['\r\n\r', '\n'], 1, 2],
    [['\r\n', '\r\n'], 1, 2],
    [['\r\n', '\r\n', '\r\n'], 1, 3],
    [[`\r\n${SECOND}\r\n`], 0, 2],
    [[SECOND, '\r\n', SECOND], 0, 1],
    [[`${SECOND}\r\n\r\n${SECOND}`], 1, 0],
  ])('R021 %j are %d pings and %d pongs', (pieces, pings, pongs) => {
    expect(push(...pieces)).toMatchObject({ pings, pongs, error: null });
  });

  it('R021 a pong disturbs no message, wherever it is cut', () => {
    const text = `\r\n${FIRST}\r\n${SECOND}`;
    for (let cut = 0; cut <= text.length; cut++) {
      expect(push(text.slice(0, cut), text.slice(cut)).messages).toEqual([FIRST, SECOND]);
    }
  });
});

describe('streams that cannot be read', () => {
  it.each([
    ['missing', requestText([], 'x')],
    ['negative', requestText(['Content-Length: -999'])],
    ['not a number', requestText(['Content-Length: x'])],
    ['contradictory', requestText(['Content-Length: 0', 'l: 1'], 'x')],
    ['too large for a number', requestText(['Content-Length: 99999999999999999999'])],
  ])('R173 Content-Length %s ends the stream, and the head is there for a 400', (_, text) => {
    const { framer, messages, error } = pushBytes(emptyFramer(), bytesOf(text + SECOND));
    expect(messages).toEqual([]);
    expect(error).toMatchObject({ code: 'SIP_PARSE_CONTENT_LENGTH', head: { method: 'OPTIONS' } });
    expect(pushBytes(framer, bytesOf(SECOND))).toMatchObject({ messages: [], error: null });
  });

  it('R173 messages before the broken one come out', () => {
    expect(push(SECOND + requestText())).toMatchObject({
      messages: [SECOND],
      error: 'SIP_PARSE_CONTENT_LENGTH',
    });
  });

  it.each([
    'HTTP/1.1 400 Bad Request\r\n',
    '220 mail.example.com ESMTP\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\x15\x03\x01\r\n',
  ])('%j is found out at its first line', (text) => {
    expect(push(text).error).toBe('SIP_PARSE_NOT_SIP');
    expect(push(...bytewise(text)).error).toBe('SIP_PARSE_NOT_SIP');
  });

  it('R022 a head beyond MAX_HEAD_BYTES is refused before it ends, in one piece or many', () => {
    const endless = `OPTIONS sip:a@b SIP/2.0\r\nX-Fill: ${'x'.repeat(MAX_HEAD_BYTES)}`;
    expect(push(endless).error).toBe('SIP_PARSE_TOO_LARGE');
    const cut = push(...(endless.match(/.{1,1000}/gs) ?? []));
    expect(cut.error).toBe('SIP_PARSE_TOO_LARGE');
    expect(cut.framer).toMatchObject({ phase: 'broken', pieces: null });
    expect(push('x'.repeat(MAX_HEAD_BYTES + 1)).error).toBe('SIP_PARSE_TOO_LARGE');
  });

  it('R022 a message beyond MAX_MESSAGE_BYTES is refused at its head', () => {
    const head = 'SIP/2.0 200 OK\r\nl: 65500\r\n\r\n';
    const room = MAX_MESSAGE_BYTES - head.length;
    expect(push(head.replace('65500', String(room + 1))).error).toBe('SIP_PARSE_TOO_LARGE');
    expect(push(head.replace('65500', String(room)), 'x'.repeat(room)).messages).toHaveLength(1);
  });

  it('never throws, and what it cuts out has the length that the parser reads', () => {
    const piece = fc.oneof(
      fc.constantFrom(FIRST, SECOND, '\r\n', 'l: 5\r\n'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        let framer = emptyFramer();
        for (const text of pieces) {
          const framed = pushBytes(framer, bytesOf(text));
          framer = framed.framer;
          for (const message of framed.messages) expect(parseMessage(message).ok).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('work', () => {
  afterEach(() => vi.restoreAllMocks());

  it('R022 one byte at a time copies each byte a few times, not once for each push', () => {
    const text = requestText([`X-Fill: ${'x'.repeat(10_000)}`, 'Content-Length: 20000'], 'y'.repeat(20_000));
    const pieces = bytewise(text);
    let copied = 0;
    const { set, slice } = Uint8Array.prototype;
    vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, from, offset) {
      copied += from.length;
      set.call(this, from, offset);
    });
    vi.spyOn(Uint8Array.prototype, 'slice').mockImplementation(function (this: Uint8Array, start, end) {
      const part = slice.call(this, start, end);
      copied += part.length;
      return part as Uint8Array<ArrayBuffer>;
    });
    let framer = emptyFramer();
    let found = 0;
    for (const piece of pieces) {
      const framed = pushBytes(framer, piece);
      framer = framed.framer;
      found += framed.messages.length;
    }
    expect(found).toBe(1);
    expect(copied).toBeGreaterThanOrEqual(pieces.length);
    expect(copied).toBeLessThanOrEqual(6 * pieces.length);
  });

  it('R022 one byte at a time is held in few pieces', () => {
    const text = requestText([`X-Fill: ${'x'.repeat(10_000)}`, 'Content-Length: 50000'], 'y'.repeat(50_000));
    let framer = emptyFramer();
    let most = 0;
    for (const piece of bytewise(text)) {
      framer = pushBytes(framer, piece).framer;
      let count = 0;
      for (let held = framer.pieces; held !== null; held = held.before) count += 1;
      most = Math.max(most, count);
    }
    expect(framer).toMatchObject({ phase: 'between', held: 0 });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(200);
  });

  it('R022 one byte at a time looks at each byte once', () => {
    const searches = vi.spyOn(Uint8Array.prototype, 'indexOf');
    const pieces = bytewise(requestText([`X-Fill: ${'x'.repeat(5000)}`, 'l: 0']));
    let framer = emptyFramer();
    for (const piece of pieces) framer = pushBytes(framer, piece).framer;
    expect(framer.phase).toBe('between');
    expect(searches.mock.contexts.every((bytes) => (bytes as Uint8Array).length === 1)).toBe(true);
    expect(searches.mock.calls.length).toBeLessThanOrEqual(pieces.length);
  });
});

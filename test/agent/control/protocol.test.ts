import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineReader } from '../../../src/agent/control/line-reader.ts';
import {
  answerLine,
  PROTOCOL,
  parseAnswer,
  parseRequest,
  rawAnswerLine,
  requestLine,
} from '../../../src/agent/control/protocol.ts';

/** The code with which a request is refused; null: it is taken. */
function refusalOf(message: unknown): string | null {
  const parsed = parseRequest(typeof message === 'string' ? message : JSON.stringify(message));
  return parsed.ok ? null : parsed.error.error.code;
}

describe('a request', () => {
  it('is understood as it was written', () => {
    const request = { command: 'refresh', accounts: ['office', 'lab'] } as const;
    expect(parseRequest(requestLine(7, request).trimEnd())).toEqual({ ok: true, value: { id: 7, request } });
  });

  it('to reload says whether TLS connections move over; older clients do not say it', () => {
    const line = (more: object): string =>
      JSON.stringify({ protocol: PROTOCOL, id: 1, command: 'reload', ...more });
    expect(parseRequest(line({ tls: true }))).toMatchObject({ value: { request: { tls: true } } });
    expect(parseRequest(line({}))).toMatchObject({ value: { request: { command: 'reload', tls: false } } });
  });

  it('names each account once', () => {
    const line = requestLine(1, { command: 'status', accounts: ['a', 'b', 'a'] });
    expect(parseRequest(line)).toMatchObject({ value: { request: { accounts: ['a', 'b'] } } });
  });

  it.each([
    ['malformed', 'GET / HTTP/1.1'],
    ['malformed', '[]'],
    ['malformed', 'null'],
    ['unsupported-version', { protocol: 'sipreg.control/2', id: 1, command: 'status', accounts: [] }],
    ['malformed', { protocol: PROTOCOL, id: -1, command: 'status', accounts: [] }],
    ['malformed', { protocol: PROTOCOL, id: 1.5, command: 'status', accounts: [] }],
    ['unknown-command', { protocol: PROTOCOL, id: 1, command: 'quit', accounts: [] }],
    ['unknown-command', { protocol: PROTOCOL, id: 1, command: '__proto__', accounts: [] }],
    ['malformed', { protocol: PROTOCOL, id: 1, command: 'status' }],
    ['malformed', { protocol: PROTOCOL, id: 1, command: 'status', accounts: [1] }],
    ['malformed', { protocol: PROTOCOL, id: 1, command: 'pause', accounts: [] }],
    ['malformed', { protocol: PROTOCOL, id: 1, command: 'reload', tls: 'yes' }],
  ])('is refused as %s: %j', (code, message) => {
    expect(refusalOf(message)).toBe(code);
  });

  it('of any content is taken or refused, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseRequest(text).ok).toBe(false);
      }),
    );
  });
});

describe('an answer', () => {
  it('is understood as it was written, also when its value was JSON already', () => {
    const item = { account: 'office', text: 'a "quoted" line\n' };
    const line = rawAnswerLine(3, 'item', JSON.stringify(item));
    expect(line).toBe(answerLine(3, { type: 'item', item }));
    expect(parseAnswer(line)).toEqual({ protocol: PROTOCOL, id: 3, type: 'item', item });
    expect(line.indexOf('\n')).toBe(line.length - 1);
  });

  it.each(['', 'HTTP/1.1 400 Bad Request', '{"protocol":"sipreg.control/2","type":"done"}'])(
    'of somebody else is none: %s',
    (line) => {
      expect(parseAnswer(line)).toBeNull();
    },
  );
});

describe('lines', () => {
  it('come out whole, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string().map((text) => text.replace(/[\r\n]/g, ''))),
        fc.array(fc.nat({ max: 20 })),
        (lines, cuts) => {
          const text = lines.map((line) => `${line}\n`).join('');
          const reader = createLineReader(100_000);
          const out: string[] = [];
          let from = 0;
          for (const cut of [...cuts, text.length]) {
            reader.push(text.slice(from, from + cut));
            from += cut;
            for (let line = reader.next(); line !== null; line = reader.next()) out.push(line);
          }
          expect(out).toEqual(lines);
          expect(reader.hasRest()).toBe(false);
          expect(reader.isOver()).toBe(false);
        },
      ),
    );
  });

  it('are bounded together, and taking them makes room', () => {
    const reader = createLineReader(10);
    reader.push('12345\n6789');
    expect(reader.isOver()).toBe(false);
    reader.push('0');
    expect(reader.isOver()).toBe(true);
    expect(reader.next()).toBe('12345');
    expect(reader.isOver()).toBe(false);
    expect(reader.hasRest()).toBe(true);
  });
});

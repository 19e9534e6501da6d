// Responses as the wire gets them (RFC 3261 §8.2.6), of single requests and of any: each has a valid answer or none, that
// is hardly larger than its request, and the core never throws.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMessage } from '../../../src/core/sip/format.ts';
import { headerRows, headerValue } from '../../../src/core/sip/headers.ts';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import type { SipRequest, SipResponse } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { answerTo, answerToBroken } from '../../../src/core/uas/answer.ts';
import { refusal, responseOf, TRYING } from '../../../src/core/uas/response.ts';
import { request, requestText, SOURCE, type Wanted } from './requests.ts';

const TAG = '0123456789abcdef';
/** The fields that an answer adds, and the long names of compact fields. */
const MAX_GROWTH = 1_200;

const OK = refusal(200, 'OK');

function respond(method: string, wanted: Wanted = {}, answer = OK): SipResponse {
  return responseOf(request(method, wanted), SOURCE, answer, TAG);
}

/** What an agent with one account would send; null: nothing. */
function reply(message: SipRequest): Uint8Array | null {
  const fields = checkRequest(message);
  if (message.method === 'ACK') return null;
  const answer = fields.ok
    ? answerTo(message, fields.value, { answers: new Map(), isMerged: false })
    : answerToBroken(message, fields.error);
  return answer === null ? null : formatMessage(responseOf(message, SOURCE, answer, TAG));
}

function expectSound(bytes: Uint8Array): void {
  const parsed = parseMessage(bytes);
  const answer = parsed.ok ? reply(parsed.value as SipRequest) : null;
  if (!parsed.ok || parsed.value.kind !== 'request' || answer === null) return;
  const response = parseMessage(answer);
  expect(response).toMatchObject({ ok: true, value: { kind: 'response' } });
  if (!response.ok || response.value.kind !== 'response') return;
  expect(response.value.status).toBeGreaterThanOrEqual(200);
  expect(headerValue(response.value.headers, 'Require')).toBeNull();
  expect(answer.length).toBeLessThanOrEqual(bytes.length + MAX_GROWTH);
}

describe('a response', () => {
  it('R081 copies Via, From, Call-ID and CSeq', () => {
    const vias = ['SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb, SIP/2.0/TCP 10.0.0.2', 'SIP/2.0/TLS 10.0.0.3;x'];
    const wanted = { via: 'SIP/2.0/UDP 192.0.2.7', headers: vias.map((via) => `v: ${via}`) };
    const { headers } = respond('OPTIONS', wanted);
    expect(headerRows(headers, 'Via')).toEqual(['SIP/2.0/UDP 192.0.2.7', ...vias]);
    expect(headerValue(headers, 'From')).toBe('"Bob" <sip:bob@example.com>;tag=b1');
    expect(headerValue(headers, 'Call-ID')).toBe('c1@192.0.2.7');
    expect(headerValue(headers, 'CSeq')).toBe('1 OPTIONS');
  });

  it('R082 has a To tag, its own or that of the request', () => {
    const to = (wanted: Wanted, answer = OK) => headerValue(respond('INVITE', wanted, answer).headers, 'To');
    expect(to({})).toBe(`<sip:alice@example.com>;tag=${TAG}`);
    expect(to({ to: '<sip:alice@example.com>;tag=theirs' })).toBe('<sip:alice@example.com>;tag=theirs');
    expect(to({ to: 'sip:alice@example.com' })).toBe(`sip:alice@example.com;tag=${TAG}`);
    expect(to({}, TRYING)).toBe('<sip:alice@example.com>');
  });

  it('R083 copies Timestamp into a 100 only', () => {
    const headers = ['Timestamp: 54.21'];
    expect(headerValue(respond('INVITE', { headers }, TRYING).headers, 'Timestamp')).toBe('54.21');
    expect(headerValue(respond('INVITE', { headers }).headers, 'Timestamp')).toBeNull();
  });

  it('R169 R251 says where the request came from', () => {
    const via = (value: string) => headerValue(respond('OPTIONS', { via: value }).headers, 'Via');
    expect(via('SIP/2.0/UDP pbx.test;branch=z9hG4bKx')).toBe(
      'SIP/2.0/UDP pbx.test;branch=z9hG4bKx;received=192.0.2.7',
    );
    expect(via('SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bKx')).toBe(
      'SIP/2.0/UDP 192.0.2.7;rport=5060;branch=z9hG4bKx;received=192.0.2.7',
    );
  });

  it('copies nothing else: no route, no body, no secret', () => {
    const headers = ['Record-Route: <sip:p;lr>', 'Authorization: Digest response="x"', 'X-Junk: y'];
    const names = respond('INVITE', { headers, body: 'v=0' }).headers.map(({ name }) => name);
    expect(names).toEqual(['Via', 'From', 'To', 'Call-ID', 'CSeq']);
  });
});

describe('any request', () => {
  const text = fc.string({ maxLength: 40 });
  const oneLine = text.map((value) => value.replace(/[\r\n]/g, ' '));
  const method = fc.constantFrom('INVITE', 'OPTIONS', 'NOTIFY', 'BYE', 'REGISTER', 'ACK', 'CANCEL', 'DANCE');

  it('R080 R084 R441 has a final answer that can be read and requires nothing, or none', () => {
    const wanted = fc.record(
      {
        uri: fc.oneof(fc.constantFrom('sip:a', 'sip:a@b;x=y?z', 'tel:1'), oneLine),
        from: oneLine,
        to: oneLine,
        callId: oneLine,
        via: oneLine,
        cseq: oneLine,
        headers: fc.array(
          fc
            .tuple(fc.constantFrom('Require', 'Event', 'Content-Type', 'v', 'Timestamp', 'k'), oneLine)
            .map(([name, value]) => `${name}: ${value}`),
          { maxLength: 8 },
        ),
        body: text,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(method, wanted, (name, fields) => {
        expectSound(new TextEncoder().encode(requestText(name, fields)));
      }),
      { numRuns: 500 },
    );
  });

  it('R457 is answered with little more than it brought, also when it is long', () => {
    const tags = Array.from({ length: 1_000 }, (_, index) => `tag${index}`).join(',');
    const vias = Array.from({ length: 240 }, (_, index) => `v:SIP/2.0/UDP h${index}`);
    expectSound(new TextEncoder().encode(requestText('OPTIONS', { headers: [`Require: ${tags}`] })));
    expectSound(new TextEncoder().encode(requestText('OPTIONS', { headers: vias })));
  });

  it('has an answer or none after its bytes were changed', () => {
    const original = new TextEncoder().encode(
      requestText('INVITE', { headers: ['Require: x'], body: 'v=0' }),
    );
    const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = original.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        expectSound(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('R472 of RFC 4475 has the answer that the RFC asks for', () => {
    const folder = new URL('../../vectors/rfc4475/', import.meta.url);
    const { messages } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8'));
    const wrong: object[] = [];
    for (const { file, endpointResponse } of messages) {
      const parsed = parseMessage(Uint8Array.from(readFileSync(new URL(file, folder))));
      const message = parsed.ok ? parsed.value : parsed.error.head;
      if (message?.kind !== 'request') continue;
      const status = statusOf(parsed.ok ? reply(message) : null) ?? (parsed.ok ? 'drop' : 400);
      const isNormal = endpointResponse.includes('normal') && [200, 405, 480, 481].includes(Number(status));
      if (!isNormal && !endpointResponse.includes(status)) wrong.push({ file, status, endpointResponse });
    }
    expect(messages.length).toBeGreaterThan(40);
    expect(wrong).toEqual([]);
  });
});

function statusOf(answer: Uint8Array | null): number | null {
  const parsed = answer === null ? null : parseMessage(answer);
  return parsed?.ok && parsed.value.kind === 'response' ? parsed.value.status : null;
}

// What a request must have, and how one that lacks it is refused.

import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import { parsedRequest, requestText, unwrapped } from './vectors.ts';

const check = (text: string): ReturnType<typeof checkRequest> => checkRequest(parsedRequest(text));
const without = (name: string): string => requestText().replace(new RegExp(`^${name}:.*\r\n`, 'm'), '');

describe('checkRequest', () => {
  it('returns the fields that every request has', () => {
    expect(unwrapped(check(requestText()))).toMatchObject({
      via: { transport: 'UDP', host: '192.0.2.1', port: 5060 },
      from: { uri: 'sip:alice@example.com' },
      to: { uri: 'sip:bob@example.com' },
      callId: '3848276298220188511@example.com',
      cseq: { number: 2, method: 'OPTIONS' },
    });
  });

  it.each(['From', 'To', 'Call-ID', 'CSeq'])('R087 without %s it is answered with 400', (name) => {
    expect(check(without(name))).toEqual({
      ok: false,
      error: { status: 400, reason: `${name} Missing or Repeated`, answerable: true },
    });
  });

  it('R087 without Via no answer can be formed', () => {
    expect(check(without('Via'))).toMatchObject({ ok: false, error: { status: 400, answerable: false } });
  });

  it.each(['INVITE', 'options', 'OPTIONSX'])(
    'R019 R087 a CSeq for %s does not belong to an OPTIONS',
    (method) => {
      const text = requestText().replace('CSeq: 2 OPTIONS', `CSeq: 2 ${method}`);
      expect(check(text)).toMatchObject({ ok: false, error: { status: 400, reason: 'CSeq Method Differs' } });
    },
  );

  it.each(['SIP/7.0', 'SIP/2.1', 'SIP/1.0'])('R089 the version %s gets 505', (version) => {
    const text = requestText().replace('example.com SIP/2.0', `example.com ${version}`);
    expect(check(text)).toMatchObject({ ok: false, error: { status: 505, answerable: true } });
  });

  it('R002 the version has no case', () => {
    expect(check(requestText().replace('example.com SIP/2.0', 'example.com sip/2.0')).ok).toBe(true);
  });

  it.each([
    ['Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK74bf9', 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK'],
    ['Via: SIP/2.0/UDP 192.0.2.1', 'Via: 192.0.2.1'],
    ['From: <sip:alice@example.com>', 'From: alice'],
    ['To: <sip:bob@example.com>', 'To: "Bob <sip:bob@example.com>'],
    ['Call-ID: 3848276298220188511', 'Call-ID: a b'],
    ['CSeq: 2 ', 'CSeq: 4294967296 '],
    ['OPTIONS sip:bob@example.com', 'OPTIONS <sip:bob@example.com>'],
    ['OPTIONS sip:bob@example.com', 'OPTIONS sip:bob@example.com; lr'],
    ['OPTIONS sip:bob@example.com', 'OPTIONS bob'],
  ])('R087 with "%s" as "%s" it is answered with 400', (good, bad) => {
    expect(check(requestText().replace(good, bad))).toMatchObject({
      ok: false,
      error: { status: 400, answerable: true },
    });
  });

  it('a scheme that is not SIP gets 416', () => {
    const text = requestText().replace('OPTIONS sip:bob@example.com', 'OPTIONS soap.beep://192.0.2.103:3002');
    expect(check(text)).toMatchObject({ ok: false, error: { status: 416, answerable: true } });
  });

  it('an ACK is never answered', () => {
    const text = without('To').replaceAll('OPTIONS', 'ACK');
    expect(check(text)).toMatchObject({ ok: false, error: { status: 400, answerable: false } });
  });
});

// The bytes of a REGISTER, parsed back.

import { describe, expect, it } from 'vitest';
import { parseAuthorization, verifyAuthorization } from '../../../src/core/digest/verification.ts';
import { NO_BODY } from '../../../src/core/sip/message.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import { ALICE, challenge, FIRST, granted, type SeenRequest, script, uri } from './script.ts';

/** What an IMS client puts into its REGISTER. */
const IMS = {
  aor: 'sip:alice@ims.example.com',
  registrar: uri('sip:ims.example.com'),
  initialAuthorization: { username: 'alice@ims.example.com', realm: 'ims.example.com' },
  contact: {
    uri: null,
    user: 'alice',
    uriParams: [],
    params: [
      { name: '+g.3gpp.smsip', value: null },
      { name: '+sip.instance', value: '"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"' },
      { name: 'q', value: '0.8' },
    ],
  },
  headers: [
    { name: 'Privacy', value: 'none' },
    { name: 'P-Access-Network-Info', value: 'IEEE-802.11;i-wlan-node-id=ffeeddccbbaa' },
    { name: 'P-Preferred-Identity', value: '<sip:alice@ims.example.com>' },
    { name: 'supported', value: 'sec-agree, path' },
  ],
};

const names = (request: SeenRequest): readonly string[] => request.message.headers.map(({ name }) => name);

function isRight(request: SeenRequest, name = 'Authorization', index = 0, credential = ALICE): boolean {
  const authorization = parseAuthorization(request.rows(name)[index] ?? '');
  if (authorization === null) return false;
  const { username, secret } = credential;
  return verifyAuthorization(
    { authorization, username, secret, method: 'REGISTER', body: NO_BODY },
    nodeHash,
  );
}

describe('a REGISTER on the wire', () => {
  it('R001 R002 R003 R004 R008 R009 is well-formed', () => {
    const line = script();
    line.begin();
    const { text, message } = line.request();
    expect(text.endsWith('\r\n\r\n')).toBe(true);
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const [start, ...rows] = text.slice(0, -4).split('\r\n');
    expect(start).toBe('REGISTER sip:pbx.example.com SIP/2.0');
    expect(rows.every((row) => /^[A-Za-z-]+: \S/.test(row))).toBe(true);
    expect(rows[0]).toMatch(/^Via: SIP\/2\.0\/UDP /);
    expect(message.headers.filter(({ name }) => /Content-Type|Transfer-Encoding/i.test(name))).toEqual([]);
    expect(rows).toContain('Content-Length: 0');
  });

  it('R024 R025 R028 R029 R032 R034 R039 R106 R107 has every mandatory field, and none twice', () => {
    const line = script();
    line.begin();
    const request = line.request();
    expect(names(request)).toEqual([
      'Via',
      'Max-Forwards',
      'From',
      'To',
      'Call-ID',
      'CSeq',
      'Contact',
      'Expires',
      'Supported',
      'User-Agent',
      'Content-Length',
    ]);
    expect(request.row('Max-Forwards')).toBe('70');
    expect(request.row('From')).toBe('<sip:alice@example.com>;tag=tag-1');
    expect(request.row('To')).toBe('<sip:alice@example.com>');
    expect(request.row('Call-ID')).toBe('call-1');
    expect(request.row('CSeq')).toBe('1 REGISTER');
    expect(request.row('User-Agent')).toBe('sipreg/test');
  });

  it('R030 R249 R165 R338 names the sender and its transaction in the Via', () => {
    const line = script({ local: { address: 'fe80::7%eth0', port: 5062 } });
    line.begin();
    expect(line.request().row('Via')).toMatch(
      /^SIP\/2\.0\/UDP \[fe80::7\]:5062;rport;branch=z9hG4bK[0-9a-f]{24}$/,
    );
  });

  it('R030 never uses a branch twice', () => {
    const line = script();
    for (let round = 0; round < 20; round++) {
      line.begin();
      line.answer(404);
    }
    expect(new Set(line.sent.map(({ branch }) => branch)).size).toBe(20);
  });

  it('R105 has a Request-URI without user and parameters', () => {
    const line = script({ plan: { registrar: uri('sip:bob@pbx.example.com:5080;transport=tcp?x=y') } });
    line.begin();
    expect(line.request().message.uri).toBe('sip:pbx.example.com:5080');
  });

  it('R106 has the AOR in To and, for a third party, another From', () => {
    const line = script({ plan: { from: uri('sip:boss@example.com') } });
    line.begin();
    const request = line.request();
    expect(request.row('From')).toBe('<sip:boss@example.com>;tag=tag-1');
    expect(request.row('To')).toBe('<sip:alice@example.com>');
  });

  it('R035 R037 R041 goes to the first Route, with the Request-URI as it is', () => {
    const proxies = [uri('sip:edge.example.net;lr'), uri('sip:core.example.net;lr')];
    const line = script({ plan: { proxies } });
    line.begin();
    const request = line.request();
    expect(request.message.uri).toBe('sip:pbx.example.com');
    expect(request.rows('Route')).toEqual(['<sip:edge.example.net;lr>', '<sip:core.example.net;lr>']);
    expect(line.effects.find(({ type }) => type === 'resolve')).toMatchObject({
      hop: { host: 'edge.example.net', domain: 'edge.example.net' },
    });
  });

  it('R394 goes over TLS to a sips Route, though the Request-URI is sip', () => {
    const line = script({ plan: { proxies: [uri('sips:edge.example.net;lr')] } });
    line.begin();
    expect(line.request().message.uri).toBe('sip:pbx.example.com');
    expect(line.effects.find(({ type }) => type === 'resolve')).toMatchObject({ hop: { secure: true } });
  });

  it.each([
    ['registrar', { registrar: uri('sips:pbx.example.com') }],
    ['AOR', { aor: 'sips:alice@example.com' }],
    ['first Route', { proxies: [uri('sips:edge.example.net;lr')] }],
  ])('R038 R117 R392 has a sips Contact when the %s is sips', (_, plan) => {
    const line = script({ plan, targets: [{ ...FIRST, transport: 'tls', port: 5061 }] });
    line.begin();
    expect(line.request().row('Contact')).toBe('<sips:alice@10.0.0.5:5070>;expires=3600');
  });

  it.each([
    ['udp', '<sip:alice@10.0.0.5:5070>;expires=3600'],
    ['tcp', '<sip:alice@10.0.0.5:5070;transport=tcp>;expires=3600'],
    ['tls', '<sip:alice@10.0.0.5:5070;transport=tls>;expires=3600'],
    ['ws', '<sip:alice@10.0.0.5:5070;transport=ws>;expires=3600'],
    ['wss', '<sip:alice@10.0.0.5:5070;transport=ws>;expires=3600'],
  ] as const)('R118 names the flow in the Contact: %s', (transport, contact) => {
    const line = script({ targets: [{ ...FIRST, transport }] });
    line.begin();
    expect(line.request().row('Contact')).toBe(contact);
  });

  it('registers a whole Contact for another host as it stands', () => {
    const contact = { uri: uri('sip:trunk@203.0.113.9:5090;x=1'), user: '', uriParams: [], params: [] };
    const line = script({ plan: { contact } });
    line.begin();
    expect(line.request().row('Contact')).toBe('<sip:trunk@203.0.113.9:5090;x=1>;expires=3600');
  });

  it('has a Contact without user when none is configured', () => {
    const uriParams = [{ name: 'line', value: 'x7' }];
    const line = script({ plan: { contact: { uri: null, user: '', uriParams, params: [] } } });
    line.begin();
    expect(line.request().row('Contact')).toBe('<sip:10.0.0.5:5070;line=x7>;expires=3600');
  });

  it('R007 R302 R313 R314 R115 R116 R468 makes the first REGISTER of an IMS client', () => {
    const line = script({ plan: IMS });
    line.begin();
    const first = line.request();
    expect(first.row('Authorization')).toBe(
      'Digest username="alice@ims.example.com", realm="ims.example.com", uri="sip:ims.example.com", nonce="", response=""',
    );
    expect(first.row('Contact')).toBe(
      '<sip:alice@10.0.0.5:5070>;+g.3gpp.smsip;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";q=0.8;expires=3600',
    );
    expect(first.row('Supported')).toBe('path, sec-agree');
    for (const { name, value } of IMS.headers.slice(0, 3)) expect(first.row(name)).toBe(value);
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    const second = line.request();
    expect(isRight(second)).toBe(true);
    expect(second.row('Authorization')).toContain('nonce="n1"');
    line.answer(200, granted(60));
    line.pass(30_000);
    const refresh = line.request();
    expect(refresh.row('Contact')).toBe(first.row('Contact'));
    for (const { name, value } of IMS.headers.slice(0, 3)) expect(refresh.row(name)).toBe(value);
  });

  it('R039 leaves User-Agent out when it is turned off', () => {
    const line = script({ plan: { userAgent: null } });
    line.begin();
    expect(line.request().rows('User-Agent')).toEqual([]);
  });

  it('R112 sends the star alone, with Expires: 0', () => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:6000' } });
    line.begin('remove-all');
    const request = line.request();
    expect(request.rows('Contact')).toEqual(['*']);
    expect(request.row('Expires')).toBe('0');
  });

  it('R119 asks without Contact and without Expires', () => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:6000' } });
    line.begin('query');
    const request = line.request();
    expect([...request.rows('Contact'), ...request.rows('Expires')]).toEqual([]);
    line.answer(200, { Contact: '<sip:bob@10.0.0.9>;expires=5' });
    expect(line.registration().boundContact).toBe('sip:alice@10.0.0.5:6000');
    expect(line.registration().binding).toBeNull();
    expect(line.outcome()).toEqual({
      type: 'listed',
      bindings: [{ uri: 'sip:bob@10.0.0.9', expires: 5, own: false }],
    });
  });

  it('R005 R006 R193 R197 R199 R200 keeps the answers to proxy and registrar apart, each in its own row', () => {
    const line = script();
    line.begin();
    line.request();
    line.answer(407, { 'Proxy-Authenticate': challenge('p1').replace('example.com', 'proxy') });
    const second = line.request();
    expect(isRight(second, 'Proxy-Authorization')).toBe(true);
    line.answer(401, {
      'WWW-Authenticate': [
        challenge('a1').replace('example.com', 'one'),
        challenge('b1').replace('example.com', 'two'),
      ],
    });
    const third = line.request();
    expect(third.rows('Authorization').length).toBe(2);
    expect([
      isRight(third),
      isRight(third, 'Authorization', 1),
      isRight(third, 'Proxy-Authorization'),
    ]).toEqual([true, true, true]);
    expect(third.row('Proxy-Authorization')).toContain('nc=00000002');
    expect(third.rows('Authorization')[0]).toContain('uri="sip:pbx.example.com"');
    const order = names(third);
    expect(order.indexOf('Proxy-Authorization')).toBeLessThan(order.indexOf('From'));
    line.answer(200, granted(300));
    expect(line.state()).toBe('registered');
  });

  it('R200 R201 sends neither qop nor nc nor cnonce when no qop was offered', () => {
    const line = script();
    line.begin();
    line.request();
    line.answer(401, { 'WWW-Authenticate': 'Digest realm="example.com", nonce="n1"' });
    const second = line.request();
    expect(second.row('Authorization')).not.toMatch(/qop|nc=|cnonce/);
    expect(isRight(second)).toBe(true);
  });

  it('R146 R219 repeats the request byte for byte on the same flow, after one lookup', () => {
    const line = script();
    line.begin();
    const first = line.request();
    line.pass(31_900);
    expect(line.copies.length).toBe(10);
    expect(line.copies.every(({ text, flowId }) => text === first.text && flowId === first.flowId)).toBe(
      true,
    );
    expect(line.effects.filter(({ type }) => type === 'resolve')).toHaveLength(1);
    line.silence();
  });

  it('R111 R303 R305 R311 puts nothing of the answer into the next Route or Path', () => {
    const line = script();
    line.begin();
    line.request();
    line.answer(200, {
      ...granted(60),
      'Record-Route': '<sip:evil.example;lr>',
      'Service-Route': ['<sip:a.example;lr>, <sip:b.example;lr>'],
      Path: '<sip:edge.example;lr>',
    });
    expect(line.outcome()).toMatchObject({
      learned: {
        serviceRoute: ['<sip:a.example;lr>', '<sip:b.example;lr>'],
        path: ['<sip:edge.example;lr>'],
      },
    });
    line.pass(30_000);
    const refresh = line.request();
    expect([...refresh.rows('Route'), ...refresh.rows('Path')]).toEqual([]);
  });
});

// The registrar's rules (RFC 3261 §10.3), one by one, with everybody believed; credentials are in authentication.test.ts.

import { describe, expect, it } from 'vitest';
import { NO_BODY, type SipRequest } from '../../src/core/sip/message.ts';
import { answerBroken } from '../../src/registrar/registrar.ts';
import { drive, openSettings, register, SOURCE, values } from './driver.ts';

const PHONE = '<sip:alice@192.0.2.7:5999>';
const DESK = '<sip:alice@192.0.2.8:5060>';

describe('which requests are taken', () => {
  it('refuses other methods with 405 and Allow, and answers OPTIONS', () => {
    const registrar = drive(openSettings());
    const refused = registrar.send(register({ method: 'INVITE' }));
    expect([refused.status, values(refused, 'Allow')]).toEqual([405, ['REGISTER, OPTIONS']]);
    const options = registrar.send(register({ method: 'OPTIONS' }));
    expect([options.status, values(options, 'Allow')]).toEqual([200, ['REGISTER, OPTIONS']]);
    expect(registrar.bound()).toEqual([]);
  });

  it('never answers an ACK', () => {
    expect(drive(openSettings()).reply(register({ method: 'ACK' }))).toBeNull();
  });

  it.each([
    ['another domain in the Request-URI', { uri: 'sip:elsewhere.test' }],
    ['a user that is not known', { user: 'carol' }],
    ['another domain in the To', { to: '<sip:alice@elsewhere.test>' }],
    ['a To without a user', { to: '<sip:example.test>' }],
    ['a To that is no SIP URI', { to: '<tel:+431234>' }],
  ])('answers 404 to %s', (_what, fields) => {
    const registrar = drive(openSettings());
    expect(registrar.send(register(fields)).status).toBe(404);
    expect(registrar.bound()).toEqual([]);
  });

  it('knows its domain in any case, and a user by the decoded name without parameters', () => {
    const registrar = drive(openSettings());
    const request = register({ uri: 'sip:EXAMPLE.test:5070', to: '<sip:%61lice@Example.Test;user=phone>' });
    expect(registrar.send(request).status).toBe(200);
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('refuses what it does not support with 420, and names it', () => {
    const registrar = drive(openSettings());
    const require = { name: 'Require', value: 'outbound, path, gruu' };
    const response = registrar.send(register({ extra: [require] }));
    expect([response.status, values(response, 'Unsupported')]).toEqual([420, ['outbound, gruu']]);
    expect(registrar.bound()).toEqual([]);
  });

  it.each([
    [400, 'CSeq', '1 INVITE'],
    [400, 'CSeq', 'one REGISTER'],
    [400, 'To', '<sip:alice@example.test'],
    [400, 'Call-ID', ''],
    [400, 'Contact', '<sip:alice@192.0.2.7'],
  ])('answers %i to the %s "%s"', (status, name, value) => {
    const registrar = drive(openSettings());
    const request = register();
    const headers = request.headers.map((header) => (header.name === name ? { name, value } : header));
    expect(registrar.send({ ...request, headers }).status).toBe(status);
    expect(registrar.bound()).toEqual([]);
  });

  it('answers 505 to another version and 416 to another scheme', () => {
    const registrar = drive(openSettings());
    expect(registrar.send({ ...register(), version: 'SIP/3.0' }).status).toBe(505);
    expect(registrar.send(register({ uri: 'tel:+431234' })).status).toBe(416);
  });

  it('answers what breaks off after the head with 400, where that is possible', () => {
    const registrar = drive(openSettings());
    const broken = (request: SipRequest) =>
      answerBroken({ request, source: SOURCE }, 'Message Malformed', registrar.env());
    expect(broken(register())?.response.status).toBe(400);
    expect(broken(register({ method: 'ACK' }))).toBeNull();
    expect(broken({ ...register(), headers: [] })).toBeNull();
  });
});

describe('answers', () => {
  it('copy Via, From, To with a tag, Call-ID and CSeq', () => {
    const response = drive(openSettings()).send(
      register({
        via: 'SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKx, SIP/2.0/TCP proxy.test;branch=z9hG4bKy',
        extra: [{ name: 'Via', value: 'SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKz' }],
      }),
    );
    expect(values(response, 'Via')).toEqual([
      'SIP/2.0/UDP 10.0.0.1:5060;rport=5999;branch=z9hG4bKx;received=192.0.2.7, SIP/2.0/TCP proxy.test;branch=z9hG4bKy',
      'SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKz',
    ]);
    expect(values(response, 'From')).toEqual(['<sip:alice@example.test>;tag=1']);
    expect(values(response, 'To')[0]).toMatch(/^<sip:alice@example\.test>;tag=[0-9a-f]{16}$/);
    expect(values(response, 'Call-ID')).toEqual(['call-1']);
    expect(values(response, 'CSeq')).toEqual(['1 REGISTER']);
    expect(response.body).toBe(NO_BODY);
  });

  it('keep a To tag that is there', () => {
    const response = drive(openSettings()).send(register({ to: '<sip:alice@example.test>;tag=mine' }));
    expect(values(response, 'To')).toEqual(['<sip:alice@example.test>;tag=mine']);
  });

  it('are the same for a retransmission, which changes nothing', () => {
    const registrar = drive(openSettings());
    const request = register();
    const first = registrar.reply(request);
    registrar.wait(31);
    expect(registrar.reply(request)).toEqual({ ...first, repeated: true });
    expect(registrar.bound()).toEqual(['sip:alice@192.0.2.7:5999 3569']);
  });

  it('are made anew after 32 s, when no retransmission can come any more', () => {
    const registrar = drive(openSettings());
    const request = register();
    registrar.send(request);
    registrar.wait(32);
    expect(registrar.reply(request)).toMatchObject({ repeated: false, response: { status: 500 } });
  });

  it('are made anew for the same branch with another CSeq', () => {
    const registrar = drive(openSettings());
    const via = 'SIP/2.0/UDP 192.0.2.7:5999;branch=z9hG4bKsame';
    registrar.send(register({ via }));
    expect(registrar.reply(register({ via, cseq: 2 }))).toMatchObject({ repeated: false });
  });
});

describe('expiry', () => {
  it.each([
    ['the Contact parameter wins over Expires', `${PHONE};expires=120`, 600, 120],
    ['Expires counts for a Contact without its own', PHONE, 600, 600],
    ['neither: the default', PHONE, undefined, 1800],
    ['more than the maximum is cut', `${PHONE};expires=86400`, undefined, 7200],
    ['a malformed parameter counts as an hour', `${PHONE};expires=soon`, 600, 3600],
    ['a malformed Expires counts as an hour', PHONE, 'soon', 3600],
  ])('%s', (_what, contact, expires, granted) => {
    const settings = openSettings({ expires: { defaultSeconds: 1800, minSeconds: 60, maxSeconds: 7200 } });
    const registrar = drive(settings);
    const response = registrar.send(
      register({ contacts: [contact], ...(expires === undefined ? {} : { expires }) }),
    );
    expect(values(response, 'Contact')).toEqual([`${PHONE};expires=${granted}`]);
  });

  it('refuses less than the minimum with 423 and Min-Expires', () => {
    const registrar = drive(openSettings());
    const response = registrar.send(register({ expires: 59 }));
    expect([response.status, values(response, 'Min-Expires')]).toEqual([423, ['60']]);
    expect(registrar.bound()).toEqual([]);
    expect(registrar.send(register({ expires: 60, cseq: 2 })).status).toBe(200);
  });

  it('never finds an hour too brief', () => {
    const expires = { defaultSeconds: 7200, minSeconds: 7200, maxSeconds: 7200 };
    const registrar = drive(openSettings({ expires }));
    expect(registrar.send(register({ expires: 3600 })).status).toBe(200);
    expect(registrar.send(register({ expires: 3599, cseq: 2 })).status).toBe(423);
  });

  it('ends a binding at its time, and counts down until then', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ expires: 60 }));
    registrar.wait(59.999);
    expect(registrar.bound()).toEqual(['sip:alice@192.0.2.7:5999 1']);
    registrar.wait(0.001);
    expect(registrar.bound()).toEqual([]);
    expect(values(registrar.send(register({ contacts: [], cseq: 2 })), 'Contact')).toEqual([]);
  });
});

it('a binding ends at its time beside one that stays', () => {
  const registrar = drive(openSettings());
  registrar.send(register({ contacts: [`${PHONE};expires=60`, `${DESK};expires=90`] }));
  registrar.wait(60);
  expect(registrar.bound()).toEqual(['sip:alice@192.0.2.8:5060 30']);
});

describe('bindings', () => {
  it('are all listed in a 2xx, with the parameters they came with', () => {
    const registrar = drive(openSettings());
    const instance = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000000>"';
    registrar.send(register({ contacts: [`"Phone" ${PHONE};q=0.5;${instance};expires=100`] }));
    registrar.wait(40);
    const response = registrar.send(register({ contacts: [`${DESK};expires=70`], callId: 'call-2' }));
    expect(values(response, 'Contact')).toEqual([
      `${PHONE};q=0.5;${instance};expires=60`,
      `${DESK};expires=70`,
    ]);
  });

  it('are asked for without a Contact, which changes nothing, whatever the CSeq', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ cseq: 9 }));
    const response = registrar.send(register({ cseq: 3, contacts: [], expires: 0 }));
    expect([response.status, values(response, 'Contact')]).toEqual([200, [`${PHONE};expires=3600`]]);
    expect(registrar.bound()).toHaveLength(1);
  });

  it('are found by URI comparison, so that another spelling refreshes', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ contacts: ['<sip:alice@Phone.example.test;transport=tcp>'] }));
    registrar.wait(1000);
    registrar.send(register({ contacts: ['<sip:%61lice@phone.EXAMPLE.test;Transport=TCP>'], cseq: 2 }));
    expect(registrar.bound()).toEqual(['sip:%61lice@phone.EXAMPLE.test;Transport=TCP 3600']);
    registrar.send(register({ contacts: ['<sip:alice@phone.example.test>'], cseq: 3 }));
    expect(registrar.bound()).toHaveLength(2);
  });

  it('may have any scheme', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ contacts: ['<mailto:alice@example.test>'] }));
    registrar.send(register({ contacts: ['<mailto:alice@example.test>'], cseq: 2 }));
    expect(registrar.bound()).toEqual(['mailto:alice@example.test 3600']);
  });

  it('are removed by expires=0, one at a time', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ contacts: [PHONE, DESK] }));
    const response = registrar.send(register({ contacts: [`${PHONE};expires=0`], cseq: 2 }));
    expect(values(response, 'Contact')).toEqual([`${DESK};expires=3600`]);
  });

  it('change places in one request', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ contacts: [PHONE] }));
    registrar.send(register({ contacts: [DESK, `${PHONE};expires=0`], cseq: 2 }));
    expect(registrar.bound()).toEqual(['sip:alice@192.0.2.8:5060 3600']);
  });

  it('are removed together by "*" with Expires 0', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ contacts: [PHONE] }));
    registrar.send(register({ contacts: [DESK], callId: 'call-2' }));
    const response = registrar.send(register({ contacts: ['*'], expires: 0, cseq: 2 }));
    expect([response.status, values(response, 'Contact')]).toEqual([200, []]);
    expect(registrar.bound()).toEqual([]);
  });

  it.each([
    ['without Expires', { contacts: ['*'] }],
    ['with another Expires', { contacts: ['*'], expires: 60 }],
    ['beside a Contact', { contacts: ['*', DESK], expires: 0 }],
    ['twice', { contacts: ['*', '*'], expires: 0 }],
    ['with a parameter', { contacts: ['*;expires=0'], expires: 0 }],
  ])('are kept when "*" comes %s: 400', (_what, fields) => {
    const registrar = drive(openSettings());
    registrar.send(register());
    expect(registrar.send(register({ ...fields, cseq: 2 })).status).toBe(400);
    expect(registrar.bound()).toHaveLength(1);
  });

  it.each([
    ['the same CSeq', { cseq: 5 }],
    ['a lower CSeq', { cseq: 4 }],
    ['a removal with a lower CSeq', { cseq: 4, expires: 0 }],
    ['"*" with the same CSeq', { cseq: 5, contacts: ['*'], expires: 0 }],
    ['"*" with a lower CSeq', { cseq: 4, contacts: ['*'], expires: 0 }],
    ['a new Contact beside an old one', { cseq: 4, contacts: [DESK, PHONE] }],
  ])('are left alone by %s of the same Call-ID: 500 that names the CSeq', (_what, fields) => {
    const registrar = drive(openSettings());
    registrar.send(register({ cseq: 5 }));
    const response = registrar.send(register(fields));
    expect([response.status, response.reason]).toEqual([500, 'CSeq Out of Order']);
    expect(registrar.bound()).toEqual(['sip:alice@192.0.2.7:5999 3600']);
  });

  it('are taken over by another Call-ID, whatever its CSeq', () => {
    const registrar = drive(openSettings());
    registrar.send(register({ cseq: 5 }));
    expect(registrar.send(register({ cseq: 1, callId: 'call-2' })).status).toBe(200);
    expect(registrar.bindings()).toMatchObject([{ callId: 'call-2', cseq: 1 }]);
  });

  it('are changed as a whole or not at all', () => {
    const registrar = drive(openSettings());
    expect(registrar.send(register({ contacts: [PHONE, `${DESK};expires=1`] })).status).toBe(423);
    expect(registrar.bound()).toEqual([]);
  });

  it('are limited: one more is refused with 403', () => {
    const registrar = drive(openSettings({ maxContacts: 2 }));
    registrar.send(register({ contacts: [PHONE, DESK] }));
    const third = register({ contacts: ['<sip:alice@192.0.2.9>'], cseq: 2 });
    expect(registrar.send(third).status).toBe(403);
    expect(registrar.bound()).toHaveLength(2);
    expect(registrar.send(register({ contacts: [PHONE], cseq: 3 })).status).toBe(200);
  });

  it('of different users stand apart', () => {
    const registrar = drive(openSettings());
    registrar.send(register());
    registrar.send(register({ user: 'bob', contacts: [DESK] }));
    expect([registrar.bound('alice'), registrar.bound('bob')]).toEqual([
      ['sip:alice@192.0.2.7:5999 3600'],
      ['sip:alice@192.0.2.8:5060 3600'],
    ]);
  });
});

describe('Path (RFC 3327)', () => {
  const path = { name: 'Path', value: '<sip:edge.test;lr>, <sip:core.test;lr>' };
  const supported = { name: 'Supported', value: 'path' };

  it('is kept in order and sent back', () => {
    const registrar = drive(openSettings());
    const response = registrar.send(register({ extra: [path, supported] }));
    expect(values(response, 'Path')).toEqual(['<sip:edge.test;lr>', '<sip:core.test;lr>']);
    expect(registrar.bindings()[0]?.path).toEqual(['<sip:edge.test;lr>', '<sip:core.test;lr>']);
    expect(values(response, 'Supported')).toEqual(['path']);
  });

  it('is refused with 420 when the user agent does not support it', () => {
    const response = drive(openSettings()).send(register({ extra: [path] }));
    expect([response.status, values(response, 'Unsupported')]).toEqual([420, ['path']]);
  });

  it('is refused when it is too long', () => {
    const long = { name: 'Path', value: `<sip:${'a'.repeat(3000)}.test;lr>` };
    expect(drive(openSettings()).send(register({ extra: [long, supported] })).status).toBe(400);
  });
});

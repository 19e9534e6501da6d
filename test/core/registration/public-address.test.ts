// What the registrar sees of us, and what a round makes of it (behaviour.md §15).

import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/core/sip/transport.ts';
import { receivedAddress } from '../../../src/core/sip/via.ts';
import { breakFlow, challenge, granted, LOCAL, OWN_CONTACT, type Script, script, uri } from './script.ts';

describe('the public address', () => {
  const SEEN = ';received=203.0.113.5;rport=40112';
  const PUBLIC = 'sip:alice@203.0.113.5:40112';

  it('R253 of the 401 is in the Contact of the answer', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via: SEEN });
    expect(line.sent.at(-1)?.rows('Contact')).toEqual([`<${PUBLIC}>;expires=3600`]);
  });

  it('R129 R130 of the 200 is registered in place of the old one, new first, once', () => {
    const line = script();
    line.begin();
    line.request();
    line.answer(200, granted(300), { via: SEEN });
    const second = line.request();
    expect(second.rows('Contact')).toEqual([`<${PUBLIC}>;expires=3600`, `<${OWN_CONTACT}>;expires=0`]);
    expect(second.row('Expires')).toBe('3600');
    line.answer(200, granted(300, PUBLIC), { via: ';received=203.0.113.5;rport=40999' });
    line.silence();
    expect(line.outcome()).toMatchObject({ type: 'registered', binding: { contact: PUBLIC } });
    line.pass(280_000);
    expect(line.request().rows('Contact')[1]).toBe(`<${PUBLIC}>;expires=0`);
  });

  it('R130 is registered on the flow that takes the place of one that broke after it was followed (seed 4064)', () => {
    const line = script({ plan: { outbound: 'auto' } });
    const outbound = { Require: 'outbound', ...granted(300) };
    line.begin();
    line.answer(200, outbound);
    line.begin();
    line.answer(200, outbound, { via: SEEN });
    breakFlow(line);
    expect(line.sent.at(-1)?.flowId).toBe(2);
    line.answer(200, outbound, { via: ';received=203.0.113.5;rport=40999' });
    expect(line.sent.at(-1)?.row('Contact')).toContain('<sip:alice@203.0.113.5:40999>');
    const requests = line.sent.length;
    line.answer(200, outbound, { via: ';received=203.0.113.5;rport=41000' });
    expect(line.state()).toBe('registered');
    expect(line.sent.length).toBe(requests);
  });

  it.each([400, 500])('is registered alone when both together are refused with %i', (status) => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000' } });
    line.begin();
    expect(line.request().rows('Contact').length).toBe(2);
    line.answer(status);
    expect(line.request().rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`]);
    line.answer(status);
    expect(line.failure()?.status).toBe(status);
  });

  it('R065 keeps the Retry-After of that refusal, whatever becomes of it alone (seed 17109)', () => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000' } });
    line.begin();
    line.answer(500, { 'Retry-After': '600' });
    line.pass(32_000);
    expect(line.failure()).toMatchObject({ code: 'register.timeout', retryAfterSeconds: 600 });
    expect((line.wakeAt() ?? 0) - line.now()).toBeGreaterThanOrEqual(600_000);
  });

  it('is not looked for when nat is off', () => {
    const line = script({ plan: { nat: 'off' } });
    line.begin();
    line.answer(200, granted(300), { via: SEEN });
    expect(line.state()).toBe('registered');
    expect(line.registration().publicAddress).toBeNull();
  });

  it('changes nothing for a Contact of another host', () => {
    const contact = { uri: uri('sip:trunk@198.51.100.1'), user: '', uriParams: [], params: [] };
    const line = script({ plan: { contact } });
    line.begin();
    line.answer(200, granted(300, 'sip:trunk@198.51.100.1'), { via: SEEN });
    expect(line.outcomes.length).toBe(1);
  });

  it.each([
    ['R254 T18 IPv6 in brackets', ';received=[2001:db8::5];rport=40112', 'sip:alice@[2001:db8::5]:40112'],
    ['R254 IPv6 without brackets', ';received=2001:db8::5;rport=40112', 'sip:alice@[2001:db8::5]:40112'],
    ['R254 received alone', ';received=203.0.113.5', 'sip:alice@203.0.113.5:5070'],
    ['R254 rport alone', ';rport=40112', 'sip:alice@10.0.0.5:40112'],
    ['R253 a name', ';received=evil.example;rport=5070', OWN_CONTACT],
    ['R253 the unspecified address', ';received=0.0.0.0;rport=40112', OWN_CONTACT],
    ['R253 the unspecified address of IPv6', ';received=[::];rport=40112', OWN_CONTACT],
    ['R253 multicast', ';received=224.0.1.75;rport=40112', OWN_CONTACT],
    ['R253 multicast of IPv6', ';received=ff02::1;rport=40112', OWN_CONTACT],
    ['R253 a port beyond 65535', ';received=10.0.0.5;rport=70000', OWN_CONTACT],
    ['its own address', ';received=10.0.0.5;rport=5070', OWN_CONTACT],
  ])('understands %s', (_, via, contact) => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via });
    expect(line.sent.at(-1)?.rows('Contact')[0]).toBe(`<${contact}>;expires=3600`);
  });

  it('is forgotten when the registrar sees us as we are', () => {
    const line = script({
      beginnings: { publicAddress: { from: LOCAL, seen: { address: '203.0.113.5', port: 40_112 } } },
    });
    line.begin();
    expect(line.sent[0]?.row('Contact')).toContain(PUBLIC);
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via: ';received=10.0.0.5;rport=5070' });
    expect(line.sent[1]?.row('Contact')).toContain(OWN_CONTACT);
    expect(line.registration().publicAddress).toBeNull();
  });

  it('of another port of ours says nothing about this one', () => {
    const from = { ...LOCAL, port: 1111 };
    const line = script({
      beginnings: { publicAddress: { from, seen: { address: '203.0.113.5', port: 1 } } },
    });
    line.begin();
    expect(line.sent[0]?.row('Contact')).toContain(OWN_CONTACT);
  });

  it('is read from the Via that was sent', () => {
    const line = script();
    line.begin();
    const via = { version: 'SIP/2.0', transport: 'UDP', host: 'x', port: null, params: [] };
    expect(receivedAddress(via)).toEqual({ address: null, port: null });
    line.answer(404, {}, { via: ';received=192.0.2.77' });
    expect(line.registration().publicAddress?.seen).toEqual({ address: '192.0.2.77', port: 5070 });
  });
});

describe('the first STUN answer on the flow', () => {
  const SEEN = ';received=203.0.113.5;rport=40112';
  const PUBLIC = 'sip:alice@203.0.113.5:40112';
  const MOVED = { address: '203.0.113.5', port: 40_999 };

  /** Registered, and the registrar saw the request come from 203.0.113.5:40112. */
  function registered(setting: Parameters<typeof script>[0] = {}): Script {
    const line = script(setting);
    line.begin();
    line.answer(200, granted(300), { via: SEEN });
    if (line.lifecycle().round !== null) line.answer(200, granted(300, PUBLIC), { via: SEEN });
    return line;
  }
  function mapped(line: Script, address: SocketAddress, flowId = 1): number {
    const sent = line.sent.length;
    line.pass(20_000);
    line.step({ type: 'flowMapped', flowId, mapped: address, refreshAt: line.now() });
    line.pass(0);
    return line.sent.length - sent;
  }

  it('R347 that names another address than the 2xx did has the account register again at once', () => {
    const line = registered();
    expect(mapped(line, MOVED)).toBe(1);
    expect(line.state()).toBe('refreshing');
    line.answer(200, granted(300, PUBLIC), { via: ';received=203.0.113.5;rport=40999' });
    expect(line.sent.at(-1)?.rows('Contact')[0]).toBe('<sip:alice@203.0.113.5:40999>;expires=3600');
  });

  it('that names the same changes nothing', () => {
    expect(mapped(registered(), { address: '203.0.113.5', port: 40_112 })).toBe(0);
  });

  it('costs one REGISTER where the registrar stays with what it saw', () => {
    const line = registered();
    expect(mapped(line, MOVED)).toBe(1);
    line.answer(200, granted(300, PUBLIC), { via: SEEN });
    expect((line.wakeAt() ?? 0) - line.now()).toBeGreaterThan(240_000);
  });

  it('moves no REGISTER nearer than five seconds to the one before', () => {
    const line = registered();
    line.step({ type: 'flowMapped', flowId: 1, mapped: MOVED, refreshAt: line.now() });
    expect((line.wakeAt() ?? 0) - line.now()).toBe(5_000);
  });

  it('says nothing of another flow, nor to whose Contact follows no address', () => {
    expect(mapped(registered(), MOVED, 7)).toBe(0);
    expect(mapped(registered({ plan: { nat: 'off' } }), MOVED)).toBe(0);
    const contact = { uri: uri('sip:trunk@198.51.100.1'), user: '', uriParams: [], params: [] };
    expect(mapped(registered({ plan: { contact } }), MOVED)).toBe(0);
  });

  it('says nothing to who is not registered, or registers just now', () => {
    const waiting = registered();
    waiting.begin();
    waiting.step({ type: 'flowMapped', flowId: 1, mapped: MOVED, refreshAt: waiting.now() });
    expect(waiting.state()).toBe('refreshing');
    waiting.answer(503);
    const due = waiting.wakeAt();
    waiting.step({ type: 'flowMapped', flowId: 1, mapped: MOVED, refreshAt: waiting.now() });
    expect(waiting.wakeAt()).toBe(due);
  });
});

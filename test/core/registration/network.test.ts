// Where a round sends to, and what it makes of silence, closed flows and forged answers (behaviour.md §3, §12, §15).

import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { roundWakeAt, startRound, stepRound } from '../../../src/core/registration/round.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import { receivedAddress } from '../../../src/core/sip/via.ts';
import {
  breakFlow,
  challenge,
  FIRST,
  granted,
  LOCAL,
  OWN_CONTACT,
  responseTo,
  type Script,
  SECOND,
  type SeenRequest,
  script,
  uri,
} from './script.ts';

const refused = failureOf('connect.refused', 'nothing listens there');
const openings = (line: Script): readonly Target[] =>
  line.effects.flatMap((effect) => (effect.type === 'openFlow' ? [effect.target] : []));
const STREAM: Target = { ...FIRST, transport: 'tcp' };

describe('the next target', () => {
  it.each([
    ['R043 R233 after 32 s of silence', (line: Script) => line.pass(32_000)],
    ['R044 R147 R233 when the flow breaks', (line: Script) => breakFlow(line)],
    ['R233 after a 503', (line: Script) => line.answer(503)],
  ])('T14 is asked %s, as a new transaction', (_, fail) => {
    const line = script({ targets: [FIRST, SECOND] });
    line.begin();
    const first = line.request();
    fail(line);
    const second = line.request();
    expect(openings(line)).toEqual([FIRST, SECOND]);
    expect(second.branch).not.toBe(first.branch);
    expect(second.cseq).toBe(first.cseq + 1);
    line.answer(200, granted(300));
    expect(line.registration().target).toEqual(SECOND);
  });

  it('R176 is opened at once when one refuses the connection', () => {
    const line = script({ targets: [FIRST, SECOND], manual: ['openFlow'] });
    line.begin();
    line.step({ type: 'flowFailed', target: FIRST, failure: refused });
    expect(openings(line)).toEqual([FIRST, SECOND]);
    line.step({ type: 'flowFailed', target: SECOND, failure: refused });
    expect(line.failure()).toMatchObject({ code: 'connect.refused' });
    expect(line.sent).toEqual([]);
  });

  it('R233 is not asked after any other answer', () => {
    for (const status of [400, 404, 408, 480, 500, 504, 600]) {
      const line = script({ targets: [FIRST, SECOND] });
      line.begin();
      line.answer(status);
      expect(openings(line)).toEqual([FIRST]);
      expect(line.failure()?.status).toBe(status);
    }
  });

  it('R234 is not asked when silence follows a provisional answer', () => {
    const line = script({ targets: [FIRST, SECOND] });
    line.begin();
    line.answer(100);
    line.pass(32_000);
    expect(openings(line)).toEqual([FIRST]);
    expect(line.failure()?.cause).toContain('began to work');
  });

  it('is not taken from an attempt that was given up', () => {
    const line = script({ targets: [FIRST, SECOND], manual: ['openFlow'] });
    line.begin();
    line.step({ type: 'flowFailed', target: FIRST, failure: refused });
    line.step({ type: 'flowFailed', target: FIRST, failure: refused });
    line.step({ type: 'flowOpened', target: FIRST, flow: line.flowTo(FIRST) });
    expect(line.sent).toEqual([]);
    line.step({ type: 'flowOpened', target: SECOND, flow: line.flowTo(SECOND) });
    expect(line.sent.length).toBe(1);
  });

  it('that is none is a verdict of DNS', () => {
    const line = script({ targets: [], plan: { proxies: [uri('sip:edge.example.net;lr')] } });
    line.begin();
    expect(line.failure()).toMatchObject({ code: 'dns.no-address' });
    expect(line.failure()?.cause).toContain('edge.example.net');
    const unknown = script({ manual: ['resolve'] });
    unknown.begin();
    unknown.step({ type: 'resolutionFailed', failure: failureOf('dns.no-such-name', 'no such name') });
    expect(unknown.failure()?.code).toBe('dns.no-such-name');
  });
});

describe('a refresh', () => {
  const registered = (targets: readonly Target[] = [FIRST]): Script => {
    const line = script({ targets });
    line.begin();
    line.answer(200, granted(60));
    line.pass(30_000);
    return line;
  };

  it('R108 R126 R237 goes to the same address over the same flow, with the same Call-ID', () => {
    const line = registered();
    const [first, second] = line.sent;
    expect(openings(line).length).toBe(1);
    expect(second?.flowId).toBe(first?.flowId);
    expect(second?.row('Call-ID')).toBe(first?.row('Call-ID'));
  });

  it('R236 looks the name up again when the flow stays silent', () => {
    const line = registered();
    line.pass(32_000);
    expect(line.effects.filter(({ type }) => type === 'resolve').length).toBe(2);
    expect(line.sent.length).toBe(3);
    line.pass(32_000);
    expect(line.failure()?.code).toBe('register.timeout');
  });

  it('does not ask a target again that has just answered 503', () => {
    const line = registered([FIRST, SECOND]);
    line.answer(503, { 'Retry-After': '120' });
    expect(openings(line)).toEqual([FIRST, SECOND]);
    const lonely = registered();
    lonely.answer(503, { 'Retry-After': '120' });
    expect(openings(lonely)).toEqual([FIRST]);
    expect(lonely.failure()).toMatchObject({ status: 503, retryAfterSeconds: 120 });
  });

  it('T10 keeps the Retry-After of a target that was passed over', () => {
    const line = registered([FIRST, SECOND]);
    line.answer(503, { 'Retry-After': '900' });
    line.pass(32_000);
    expect(line.failure()).toMatchObject({ code: 'register.timeout', retryAfterSeconds: 900 });
    expect(line.wakeAt()).toBeGreaterThanOrEqual(line.now() + 900_000);
  });

  it('is at once when the flow breaks in between', () => {
    const line = script({ targets: [STREAM] });
    line.begin();
    line.answer(200, granted(600));
    line.pass(20_000);
    breakFlow(line);
    expect(line.sent.length).toBe(2);
    expect(line.sent[1]?.flowId).not.toBe(line.sent[0]?.flowId);
  });

  it('is not more often than every 5 s when the server closes after each answer', () => {
    const line = script({ targets: [STREAM] });
    line.begin();
    for (let times = 0; times < 5; times++) {
      line.answer(200, granted(600));
      breakFlow(line);
      line.pass(5000);
    }
    expect(line.sent.map(({ sentAt }) => sentAt - (line.sent[0]?.sentAt ?? 0))).toEqual([
      0, 5000, 10_000, 15_000, 20_000, 25_000,
    ]);
  });

  it('gives up a stream on which nothing comes back', () => {
    const line = script({ targets: [STREAM] });
    line.begin();
    line.pass(32_000);
    expect(line.effects.filter(({ type }) => type === 'closeFlow')).toEqual([
      { type: 'closeFlow', flowId: 1 },
    ]);
    expect(line.registration().flow).toBeNull();
  });

  it('uses no flow that broke while secrets were read', () => {
    const line = script({ manual: ['readSecret'] });
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(401, { 'WWW-Authenticate': challenge('n2') });
    breakFlow(line, 99);
    expect(line.registration().flow).not.toBeNull();
    breakFlow(line);
    expect(line.registration().flow).toBeNull();
  });
});

describe('a round by itself', () => {
  it('goes on elsewhere when its flow breaks while numbers are made durable', () => {
    const identity = { callId: 'c', fromTag: 't', cseq: 5, reservedThrough: 5 };
    const line = script({ targets: [FIRST, SECOND], beginnings: { identity }, manual: ['reserveCseq'] });
    line.begin();
    breakFlow(line, 1);
    expect(openings(line)).toEqual([FIRST, SECOND]);
  });

  it('has nothing to do once it has finished', () => {
    const line = script({ manual: ['resolve'] });
    const { registration, round } = startRound(line.registration(), 'register', line.env(), line.now() + 5);
    const late = { ...line.env(), now: line.now() + 5 };
    const ended = stepRound(registration, round, { type: 'timePassed' }, late);
    expect(ended.effects).toMatchObject([
      { type: 'finished', outcome: { failure: { code: 'dns.timeout' } } },
    ]);
    expect(roundWakeAt(ended.round)).toBeUndefined();
  });
});

describe('the size of a request', () => {
  const long = { headers: [{ name: 'X-Long', value: 'x'.repeat(1300) }] };
  const transports = (line: Script) => line.sent.map((request) => request.row('Via').slice(8, 11));

  it('R160 leads to TCP above 1300 bytes, with the Via of TCP', () => {
    const line = script({ plan: long });
    line.begin();
    expect(openings(line)).toEqual([FIRST, STREAM]);
    expect(transports(line)).toEqual(['TCP']);
    expect(line.sent[0]?.row('Contact')).toContain('transport=tcp');
    expect(
      line.effects.flatMap((effect) => (effect.type === 'openFlow' ? [effect.connectTimeoutMs] : [])),
    ).toEqual([10_000, 4000]);
  });

  it('R160 leaves 1300 bytes to UDP', () => {
    const measure = script({ plan: { headers: [{ name: 'X-Long', value: 'x' }] } });
    measure.begin();
    const size = measure.sent[0]?.text.length ?? 0;
    for (const [more, transport] of [
      [0, 'UDP'],
      [1, 'TCP'],
    ] as const) {
      const line = script({ plan: { headers: [{ name: 'X-Long', value: 'x'.repeat(1301 - size + more) }] } });
      line.begin();
      expect(transports(line)).toEqual([transport]);
    }
  });

  it.each([
    ['refused', (line: Script) => line.step({ type: 'flowFailed', target: STREAM, failure: refused })],
    [
      'reset after it was sent',
      (line: Script) => {
        line.step({ type: 'flowOpened', target: STREAM, flow: line.flowTo(STREAM) });
        breakFlow(line);
      },
    ],
  ])('R161 comes back to UDP when TCP is %s, and stays there', (_, fail) => {
    const line = script({ plan: long, manual: ['openFlow'] });
    line.begin();
    line.step({ type: 'flowOpened', target: FIRST, flow: line.flowTo(FIRST) });
    fail(line);
    expect(transports(line).at(-1)).toBe('UDP');
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    expect(transports(line).slice(-2)).toEqual(['UDP', 'UDP']);
    expect(line.registration().target).toEqual(FIRST);
  });

  it('R162 does not matter to an account that names UDP', () => {
    const line = script({ plan: { ...long, transport: 'udp' } });
    line.begin();
    expect(transports(line)).toEqual(['UDP']);
  });
});

describe('an answer', () => {
  it('R149 after the timeout changes nothing', () => {
    const line = script();
    line.begin();
    const late = line.request();
    line.pass(32_000);
    line.answer(200, granted(300), { to: late });
    expect(line.state()).toBe('waiting');
    expect(line.registration().binding).toBeNull();
  });

  it('R145 that comes twice is taken once', () => {
    const line = script();
    line.begin();
    const first = line.request();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { to: first });
    expect(line.sent.length).toBe(2);
  });

  const tampered: readonly [string, (request: SeenRequest) => string][] = [
    ['R148 of another branch', (request) => request.row('Via').replace(request.branch, 'z9hG4bKother')],
    ['R046 with two Vias', (request) => `${request.row('Via')}, SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKx`],
    ['R047 for another host', (request) => request.row('Via').replace('10.0.0.5', '10.0.0.6')],
    ['R047 for another port', (request) => request.row('Via').replace(':5070', ':5071')],
    ['R047 for no port', (request) => request.row('Via').replace(':5070', '')],
    ['with a Via that is none', () => 'nonsense'],
  ];
  it.each(tampered)('%s is dropped', (_, via) => {
    const line = script();
    line.begin();
    const request = line.request();
    const response = responseTo(request, 200, granted(300));
    const headers = response.headers.map((header) =>
      header.name === 'Via' ? { ...header, value: via(request) } : header,
    );
    line.step({ type: 'responseReceived', response: { ...response, headers } });
    expect(line.outcomes).toEqual([]);
  });

  it.each(['1 OPTIONS', 'x', null])('R148 with the CSeq %s is dropped', (cseq) => {
    const line = script();
    line.begin();
    const response = responseTo(line.request(), 200, granted(300));
    const headers = response.headers.flatMap((header) =>
      header.name !== 'CSeq' ? [header] : cseq === null ? [] : [{ ...header, value: cseq }],
    );
    line.step({ type: 'responseReceived', response: { ...response, headers } });
    expect(line.outcomes).toEqual([]);
  });
});

describe('the public address', () => {
  const SEEN = ';received=203.0.113.5;rport=40112';
  const PUBLIC = 'sip:alice@203.0.113.5:40112';

  it('R253 of the 401 is in the Contact of the answer', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via: SEEN });
    expect(line.sent.at(-1)?.rows('Contact')).toEqual([`<${PUBLIC}>;expires=3600`]);
  });

  it('R129 of the 200 is registered in place of the old one, new first, once', () => {
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

  it.each([400, 500])('is registered alone when both together are refused with %i', (status) => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000' } });
    line.begin();
    expect(line.request().rows('Contact').length).toBe(2);
    line.answer(status);
    expect(line.request().rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`]);
    line.answer(status);
    expect(line.failure()?.status).toBe(status);
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

describe('a redirection', () => {
  it('R050 R051 R052 is followed to the best new place, with the same identity', () => {
    const line = script();
    line.begin();
    const first = line.request();
    line.answer(302, {
      Contact: [
        '<sip:pbx.example.com>;q=1.0',
        '<sip:low.example.com>;q=0.2, <sip:u@best.example.com;method=INVITE;transport=tcp?Subject=x>;q=0.9',
        '<tel:+123>;q=1',
        '<sip:odd.example.com>;q=high',
      ],
    });
    const second = line.request();
    expect(second.message.uri).toBe('sip:best.example.com;transport=tcp');
    for (const name of ['To', 'From', 'Call-ID']) expect(second.row(name)).toBe(first.row(name));
    expect(second.cseq).toBe(first.cseq + 1);
  });

  it.each([
    ['R050 back to where we were', 302, { Contact: '<sip:PBX.example.com>' }, 'where we have been'],
    ['R390 from sips to sip', 301, { Contact: '<sip:a.example>' }, 'sips to sip'],
    ['nowhere', 300, {}, 'no contact'],
    ['to a proxy', 305, { Contact: '<sip:a.example>' }, 'this kind'],
    ['to another service', 380, { Contact: '<sip:a.example>' }, 'this kind'],
  ])('%s ends the round', (name, status, headers, cause) => {
    const line = script(name.includes('sips') ? { plan: { registrar: uri('sips:pbx.example.com') } } : {});
    line.begin();
    line.answer(status, headers as Readonly<Record<string, string>>);
    expect(line.failure()).toMatchObject({ code: 'register.redirected', status });
    expect(line.failure()?.cause).toContain(cause);
  });

  it('R045 of an unknown kind counts as 300', () => {
    const line = script();
    line.begin();
    line.answer(399, { Contact: '<sip:a.example>' });
    expect(line.sent.length).toBe(2);
  });

  it('is followed five times', () => {
    const line = script();
    line.begin();
    for (let hop = 0; hop < 9 && line.outcomes.length === 0; hop++)
      line.answer(302, { Contact: `<sip:h${hop}.example>` });
    expect(line.sent.length).toBe(6);
    expect(line.failure()?.cause).toContain('redirection 6');
  });

  it('R053 with 302 holds once: the refresh asks at the first place again', () => {
    const line = script();
    line.begin();
    line.answer(302, { Contact: '<sip:other.example.com>' });
    line.answer(200, granted(60));
    line.pass(30_000);
    expect(line.sent.map(({ message }) => message.uri)).toEqual([
      'sip:pbx.example.com',
      'sip:other.example.com',
      'sip:pbx.example.com',
    ]);
    expect(openings(line).length).toBe(3);
  });
});

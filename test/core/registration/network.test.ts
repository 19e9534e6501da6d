// Where a round sends to, and what it makes of silence, closed flows and forged answers (behaviour.md §3, §12).

import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { stepLifecycle } from '../../../src/core/registration/lifecycle.ts';
import { roundWakeAt, startRound, stepRound } from '../../../src/core/registration/round.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import {
  breakFlow,
  challenge,
  FIRST,
  granted,
  onward,
  openings,
  responseReceived,
  responseTo,
  type Script,
  SECOND,
  type SeenRequest,
  script,
  uri,
} from './script.ts';

const refused = failureOf('connect.refused', 'nothing listens there');
const STREAM: Target = { ...FIRST, transport: 'tcp' };

describe('the next target', () => {
  it.each([
    ['R043 R233 after 32 s of silence', (line: Script) => line.pass(32_000)],
    ['R044 R147 R233 when the flow breaks', (line: Script) => breakFlow(line)],
    ['R066 R233 after a 503', (line: Script) => line.answer(503)],
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

  it('R108 R126 R237 R448 goes to the same address over the same flow, with the same Call-ID', () => {
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

  it.each([
    [{ 'Retry-After': '120' }, 120],
    [{}, null],
  ])('does not ask a target again that has just answered 503 with %j', (headers, retryAfterSeconds) => {
    const line = registered([FIRST, SECOND]);
    line.answer(503, headers);
    expect(openings(line)).toEqual([FIRST, SECOND]);
    const lonely = registered();
    lonely.answer(503, headers);
    expect(openings(lonely)).toEqual([FIRST]);
    expect(lonely.failure()).toMatchObject({ status: 503, retryAfterSeconds });
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
    expect(line.wakeAt()).toBe(line.now());
    line.pass(0);
    expect(line.sent.length).toBe(2);
    expect(line.sent[1]?.flowId).not.toBe(line.sent[0]?.flowId);
  });

  it('holds a connection of an earlier round that breaks against nobody, but silence against its target', () => {
    const failed = (line: Script) => line.effects.filter(({ type }) => type === 'targetFailed').length;
    const line = registered([STREAM, SECOND]);
    breakFlow(line);
    expect(openings(line)).toEqual([STREAM, STREAM]);
    expect(failed(line)).toBe(0);
    const silent = registered([STREAM, SECOND]);
    silent.pass(32_000);
    expect(failed(silent)).toBe(1);
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
      { type: 'closeFlow', flowId: 1, silentSince: line.sent[0]?.sentAt },
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
    // So does the refresh over the same flow: TCP is not asked for again, at the cost of seconds each time.
    line.answer(200, granted(300));
    const opened = openings(line).length;
    onward(line);
    expect(transports(line).at(-1)).toBe('UDP');
    expect(openings(line)).toHaveLength(opened);
  });

  it('asks for TCP again when UDP fails it too', () => {
    const line = script({ plan: long, manual: ['openFlow'] });
    line.begin();
    line.step({ type: 'flowOpened', target: FIRST, flow: line.flowTo(FIRST) });
    line.step({ type: 'flowFailed', target: STREAM, failure: refused });
    line.answer(200, granted(300));
    onward(line);
    line.pass(32_000);
    line.step({ type: 'flowOpened', target: FIRST, flow: line.flowTo(FIRST) });
    expect(openings(line).at(-1)).toEqual(STREAM);
  });

  it('R162 does not matter to an account that names UDP', () => {
    const line = script({ plan: { ...long, transport: 'udp' } });
    line.begin();
    expect(transports(line)).toEqual(['UDP']);
  });
});

describe('an answer', () => {
  it('R043 that is no SIP ends as one, not as silence', () => {
    const line = script();
    line.begin();
    const env = { ...line.env(), now: line.now() + 32_000 };
    const { effects } = stepLifecycle(line.lifecycle(), { type: 'timePassed', noise: 'garbage' }, env);
    const [outcome] = effects.flatMap((effect) => (effect.type === 'finished' ? [effect.outcome] : []));
    const cause = 'no SIP answer from 192.0.2.1 port 5060 over UDP within 32 s; what came was garbage';
    expect(outcome).toMatchObject({ type: 'failed', failure: { code: 'register.not-sip', cause } });
  });

  it('R048 R149 after the timeout changes nothing', () => {
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
    line.step(responseReceived({ ...response, headers }));
    expect(line.outcomes).toEqual([]);
  });

  it.each(['1 OPTIONS', 'x', null])('R148 with the CSeq %s is dropped', (cseq) => {
    const line = script();
    line.begin();
    const response = responseTo(line.request(), 200, granted(300));
    const headers = response.headers.flatMap((header) =>
      header.name !== 'CSeq' ? [header] : cseq === null ? [] : [{ ...header, value: cseq }],
    );
    line.step(responseReceived({ ...response, headers }));
    expect(line.outcomes).toEqual([]);
  });
});

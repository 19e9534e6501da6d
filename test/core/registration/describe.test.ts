// The snapshot of a registration.

import { expect, describe as group, it } from 'vitest';
import { conditionOf } from '../../../src/core/health/condition.ts';
import { describe, glanceAt, standpointOf } from '../../../src/core/registration/describe.ts';
import type { Lifecycle } from '../../../src/core/registration/lifecycle-state.ts';
import { breakFlow, challenge, FIRST, granted, OWN_CONTACT, script, uri } from './script.ts';

const dateOf = (at: number): string => `t${at - 1_000_000}`;

group('the snapshot of a registration', () => {
  it('before anything happened has no facts', () => {
    const snapshot = describe([script().lifecycle()], dateOf);
    expect(snapshot).toMatchObject({
      account: 'office',
      aor: 'sip:alice@example.com',
      registrar: 'sip:pbx.example.com',
      state: 'unregistered',
      since: 't0',
      expires: null,
      nextAttempt: null,
      target: null,
      local: null,
      public: null,
      rtt: null,
      auth: null,
      failure: null,
    });
    expect(snapshot.flows[0]).toMatchObject({
      regId: 1,
      proxy: null,
      state: 'unregistered',
      callId: 'call-1',
    });
  });

  it('of a registered account says what was granted, by whom, and how', () => {
    const line = script({ plan: { proxies: [uri('sip:edge.example.net;lr')] } });
    line.begin();
    line.pass(20);
    line.answer(401, { 'WWW-Authenticate': challenge('n1').replace('MD5', 'SHA-256-sess') });
    line.pass(34);
    line.answer(200, granted(300));
    const snapshot = describe([line.lifecycle()], dateOf);
    const { address, host, port } = FIRST;
    expect(snapshot).toMatchObject({
      state: 'registered',
      expires: { requested: 3600, granted: 300, source: 'contact', matchedBy: 'uri', at: 't300020' },
      target: { transport: 'udp', host, address, port },
      local: { address: '10.0.0.5', port: 5070 },
      bindings: [{ uri: OWN_CONTACT, expires: 300, own: true }],
      cseq: 2,
      requests: 2,
      rtt: 0.034,
      auth: { realm: 'example.com', algorithm: 'SHA-256-sess', qop: 'auth' },
    });
    expect(snapshot.flows[0]?.proxy).toBe('sip:edge.example.net;lr');
    expect(snapshot.nextAttempt).toBe(dateOf(line.wakeAt() ?? 0));
  });

  it('names the plain algorithm, the failure, and no target when the flow is gone', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via: ';received=203.0.113.5;rport=9' });
    line.answer(404, { 'Retry-After': '7' }, { reason: 'Not here' });
    const snapshot = describe([line.lifecycle()], dateOf);
    expect(snapshot.auth?.algorithm).toBe('MD5');
    expect(snapshot.public).toEqual({ address: '203.0.113.5', port: 9 });
    expect(snapshot.failure).toMatchObject({
      stage: 'register',
      code: 'register.not-found',
      status: 404,
      reason: 'Not here',
      retryAfter: 7,
      at: 't0',
    });
    breakFlow(line);
    expect(describe([line.lifecycle()], dateOf).target).toBeNull();
  });

  it('lists our own binding as it was granted, and no more when the registrar has taken it away', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    const listed = () => describe([line.lifecycle()], dateOf).bindings;
    expect(listed()).toEqual([{ uri: OWN_CONTACT, expires: 300, own: true }]);
    line.begin();
    line.answer(200, granted(0));
    expect(line.failure()).toMatchObject({ code: 'register.removed' });
    expect(listed()).toEqual([]);
  });

  it('of two flows has the latest list of bindings, in which both are ours, and the time of each', () => {
    const [one, other] = [script(), script({ plan: { proxies: [uri('sip:edge.example.net;lr')] } })];
    for (const line of [one, other]) {
      line.begin();
      line.answer(200, granted(300));
    }
    const first = one.lifecycle();
    const second = other.lifecycle();
    const foreign = { uri: 'sip:alice@192.0.2.77', expires: 90, own: false };
    const sibling = { uri: OWN_CONTACT, expires: 60, own: false };
    const later = { ...second.report, at: first.report.at + 1, bindings: [sibling, foreign] };
    const snapshot = describe([first, { ...second, report: later }], dateOf);
    expect(snapshot.bindings).toEqual([{ ...sibling, own: true }, foreign]);
    expect(snapshot.flows.map(({ nextAttempt }) => nextAttempt)).toEqual(
      [one, other].map((line) => dateOf(line.wakeAt() ?? 0)),
    );
  });
});

group('what an account is judged by', () => {
  /** An account at every turn that these tests know, with one flow and with two. */
  const turns = (): readonly (readonly [Lifecycle, ...Lifecycle[]])[] => {
    const line = script();
    const at: Lifecycle[] = [line.lifecycle()];
    line.begin();
    at.push(line.lifecycle());
    line.pass(20);
    line.answer(401, { 'WWW-Authenticate': challenge('n1') }, { via: ';received=203.0.113.5;rport=9' });
    line.pass(34);
    line.answer(200, granted(300));
    at.push(line.lifecycle());
    line.begin();
    at.push(line.lifecycle());
    line.answer(404, { 'Retry-After': '7' }, { reason: 'Not here' });
    at.push(line.lifecycle());
    breakFlow(line);
    at.push(line.lifecycle());
    return at.flatMap((one) => [[one] as const, ...at.map((other) => [one, other] as const)]);
  };

  it('is what its snapshot says', () => {
    for (const flows of turns()) {
      const { registrar, target, public: seen, expires, rtt, failure, ...snapshot } = describe(flows, dateOf);
      const glance = glanceAt(flows, registrar);
      expect(glance).toMatchObject({ registrar, public: seen, rtt });
      expect(glance.target === null).toBe(target === null);
      expect(glance.target).toMatchObject({ ...target });
      if (expires === null) expect(glance.expires).toBeNull();
      else expect(expires).toMatchObject({ ...glance.expires });
      expect(glance.failure?.code).toBe(failure?.code);
      const standpoint = standpointOf(flows);
      expect(standpoint.state).toBe(snapshot.state);
      expect(conditionOf(standpoint)).toBe(conditionOf({ ...snapshot, failure }));
    }
  });
});

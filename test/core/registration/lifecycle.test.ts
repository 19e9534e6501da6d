// The life of a registration across rounds: refresh, waiting, blocked, stop (behaviour.md §1, §5, §10, §11, §23).

import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/core/assert.ts';
import { failureOf, type VerdictCode } from '../../../src/core/health/verdict.ts';
import { afterCrash, beginLifecycle, isEnded } from '../../../src/core/registration/lifecycle.ts';
import {
  ALICE,
  breakFlow,
  challenge,
  FIRST,
  granted,
  OWN_CONTACT,
  type Script,
  script,
  testPlan,
} from './script.ts';

const MINUTE = 60_000;
/** Minutes until the next round. */
const wait = (line: Script): number => ((line.wakeAt() ?? Number.NaN) - line.now()) / MINUTE;
/** Rings the next alarm. */
const onward = (line: Script): void => line.pass((line.wakeAt() ?? line.now()) - line.now());

/** A round in which the credentials are rejected. */
function rejected(line: Script): void {
  line.answer(401, { 'WWW-Authenticate': challenge('n1') });
  line.answer(401, { 'WWW-Authenticate': challenge('n2') });
}

describe('a registration', () => {
  it('R476 tells every change of its state', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(60));
    line.pass(30_000);
    expect(line.state()).toBe('refreshing');
    line.answer(200, granted(60));
    line.stop();
    line.answer(200);
    expect(
      line.effects.flatMap((effect) => (effect.type === 'stateChanged' ? [effect.previous] : [])),
    ).toEqual(['unregistered', 'registering', 'registered', 'refreshing', 'registered', 'unregistering']);
    expect(line.state()).toBe('unregistered');
    expect(isEnded(line.lifecycle())).toBe(true);
  });

  it('R110 refuses a second REGISTER while one is under way', () => {
    const line = script();
    line.begin();
    expect(() => line.begin()).toThrow(InvariantError);
  });

  it('R120 R124 refreshes before the granted time ends, counted from when it was asked for', () => {
    const line = script();
    line.begin();
    line.pass(20_000);
    line.answer(200, granted(60));
    onward(line);
    expect(line.sent[1]?.sentAt).toBe((line.sent[0]?.sentAt ?? 0) + 30_000);
  });

  it('T1 lets 5 s pass between two refreshes, and says that the binding lapses', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(5));
    expect(line.warnings()).toEqual([expect.stringContaining('lapses')]);
    line.pass(4999);
    expect(line.sent.length).toBe(1);
    line.pass(1);
    expect(line.sent.length).toBe(2);
    line.answer(200, granted(6));
    expect(line.warnings().length).toBe(1);
  });

  it('lets 5 s pass after an answer that came when its time was nearly over', () => {
    const line = script();
    line.begin();
    line.pass(12_000);
    line.answer(200, granted(10));
    expect(line.warnings().length).toBe(1);
    line.pass(4999);
    expect(line.sent.length).toBe(1);
    line.pass(1);
    expect(line.sent.length).toBe(2);
  });

  it('R308 takes Service-Route and Path from each 2xx, and R309 drops them with a refusal', () => {
    const line = script();
    line.begin();
    line.answer(200, { ...granted(60), 'Service-Route': '<sip:a.example;lr>', Path: '<sip:p.example;lr>' });
    expect(line.lifecycle().report).toMatchObject({
      serviceRoute: ['<sip:a.example;lr>'],
      path: ['<sip:p.example;lr>'],
    });
    line.pass(30_000);
    line.pass(32_000);
    line.pass(32_000);
    expect(line.state()).toBe('waiting');
    expect(line.lifecycle().report.serviceRoute).toEqual(['<sip:a.example;lr>']);
    onward(line);
    line.answer(404);
    expect(line.lifecycle().report).toMatchObject({ serviceRoute: [], path: [] });
  });

  it('does nothing while nothing is asked of it', () => {
    const line = script();
    line.step({ type: 'timePassed' });
    line.step({ type: 'targetsResolved', targets: [FIRST] });
    expect([line.effects, line.wakeAt()]).toEqual([[], undefined]);
  });
});

describe('waiting', () => {
  it('R136 R353 R445 R464 after silence, 408 and 5xx is 30-60 s, and longer each time, up to 5 minutes', () => {
    for (const fail of [
      (line: Script) => line.pass(32_000),
      (line: Script) => line.answer(408),
      (line: Script) => line.answer(500),
      (line: Script) => line.answer(503),
    ]) {
      const line = script();
      line.begin();
      const bounds = [
        [0.5, 1],
        [1, 2],
        [2, 4],
        [2.5, 5],
        [2.5, 5],
      ] as const;
      for (const [least, most] of bounds) {
        fail(line);
        expect(line.state()).toBe('waiting');
        expect(wait(line)).toBeGreaterThanOrEqual(least);
        expect(wait(line)).toBeLessThanOrEqual(most);
        onward(line);
      }
      line.answer(200, granted(300));
      expect(line.lifecycle()).toMatchObject({ state: 'registered', failures: 0, failure: null });
    }
  });

  it.each([400, 404, 410, 416, 480, 482, 483, 488, 600, 603, 604, 606])(
    'R140 R465 after %i is at least 5 minutes, and not for ever',
    (status) => {
      const line = script();
      line.begin();
      line.answer(status);
      expect(line.state()).toBe('waiting');
      expect(wait(line)).toBeGreaterThanOrEqual(5);
      expect(wait(line)).toBeLessThanOrEqual(5.5);
    },
  );

  it('R140 after a 403 doubles from 5 to 60 minutes, however often other things failed before', () => {
    const line = script();
    line.begin();
    for (let times = 0; times < 4; times++) {
      line.answer(500);
      onward(line);
    }
    for (const least of [5, 10, 20, 40, 60, 60]) {
      line.answer(403);
      expect(wait(line)).toBeGreaterThanOrEqual(least);
      expect(wait(line)).toBeLessThanOrEqual(Math.min(60, least * 1.1));
      onward(line);
    }
    line.answer(500);
    onward(line);
    line.answer(403);
    expect(wait(line)).toBeLessThanOrEqual(5.5);
  });

  it.each([503, 404, 486])('T10 R353 after %i is never shorter than Retry-After', (status) => {
    const line = script();
    line.begin();
    line.answer(status, { 'Retry-After': '1800 (maintenance)' });
    expect(wait(line)).toBeGreaterThanOrEqual(30);
    expect(wait(line)).toBeLessThanOrEqual(31);
  });

  it('R192 believes a Retry-After of one day at most', () => {
    const line = script();
    line.begin();
    line.answer(503, { 'Retry-After': '999999999' });
    expect(wait(line)).toBeGreaterThanOrEqual(24 * 60);
    expect(wait(line)).toBeLessThanOrEqual(24 * 60 + 1);
  });

  it('T8 after a 503 without Retry-After is as after any outage', () => {
    const line = script();
    line.begin();
    line.answer(503);
    expect(wait(line)).toBeLessThanOrEqual(1);
  });

  it('goes on when the flow breaks, from a new one', () => {
    const line = script();
    line.begin();
    line.answer(404);
    const before = line.wakeAt();
    breakFlow(line);
    expect(line.wakeAt()).toBe(before);
    expect(line.registration().flow).toBeNull();
  });

  it('also comes after a round that could not begin', () => {
    const line = script();
    const failure = failureOf('secret.unreadable', 'no such file');
    line.step({ type: 'roundPrevented', goal: 'register', failure });
    expect([line.state(), line.failure()]).toEqual(['waiting', failure]);
    expect(wait(line)).toBeLessThanOrEqual(1);
  });
});

describe('rejected credentials', () => {
  it('are tried three times over half an hour, then every 6 h', () => {
    const line = script();
    line.begin();
    rejected(line);
    expect([line.state(), wait(line) >= 10, wait(line) <= 11]).toEqual(['waiting', true, true]);
    onward(line);
    rejected(line);
    expect([line.state(), wait(line) >= 20, wait(line) <= 22]).toEqual(['waiting', true, true]);
    onward(line);
    rejected(line);
    expect([line.state(), wait(line)]).toEqual(['blocked', 360]);
    onward(line);
    rejected(line);
    expect([line.state(), wait(line)]).toEqual(['blocked', 360]);
  });

  it('do not come back sooner because of an outage in between', () => {
    const line = script();
    line.begin();
    rejected(line);
    onward(line);
    line.answer(500);
    onward(line);
    rejected(line);
    expect(wait(line)).toBeGreaterThanOrEqual(20);
    onward(line);
    rejected(line);
    onward(line);
    line.answer(500);
    expect([line.state(), wait(line)]).toEqual(['blocked', 360]);
  });

  it('are forgotten when they work', () => {
    const line = script();
    line.begin();
    rejected(line);
    onward(line);
    line.answer(200, granted(300));
    expect(line.lifecycle().rejections).toBe(0);
  });

  it('are not probed when the account says so, and refresh asks at once', () => {
    const retry = { baseSeconds: 30, maxSeconds: null, credentialAttempts: 1, blockedProbeSeconds: 0 };
    const line = script({ plan: { retry } });
    line.begin();
    rejected(line);
    expect([line.state(), line.wakeAt()]).toEqual(['blocked', undefined]);
    line.begin();
    line.answer(200, granted(300));
    expect(line.state()).toBe('registered');
  });

  it('R353 wait for Retry-After when that is longer than the probe', () => {
    const retry = { baseSeconds: 30, maxSeconds: null, credentialAttempts: 1, blockedProbeSeconds: 600 };
    const line = script({ plan: { retry } });
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(403, { 'Retry-After': '7200' });
    expect([line.state(), wait(line) >= 120]).toEqual(['blocked', true]);
  });

  it.each<VerdictCode>(['auth.no-credentials', 'auth.no-algorithm'])('%s blocks at once', (code) => {
    const line = script();
    line.step({ type: 'roundPrevented', goal: 'register', failure: failureOf(code, 'x') });
    expect(line.state()).toBe('blocked');
  });
});

describe('a stop', () => {
  const registered = (): Script => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    return line;
  };
  const hasEnded = (line: Script): boolean => isEnded(line.lifecycle());

  it('R127 removes the binding', () => {
    const line = registered();
    line.stop();
    expect(hasEnded(line)).toBe(false);
    expect(line.sent[1]?.row('Contact')).toBe(`<${OWN_CONTACT}>;expires=0`);
    line.answer(200);
    expect([hasEnded(line), line.state(), line.wakeAt()]).toEqual([true, 'unregistered', undefined]);
  });

  it('T15 ends at its limit when nobody answers, and the binding stays known', () => {
    const line = registered();
    line.stop(10_000);
    line.pass(10_000);
    expect([hasEnded(line), line.state()]).toEqual([true, 'registered']);
    expect(line.registration().boundContact).toBe(OWN_CONTACT);
    breakFlow(line);
    line.pass(3_600_000);
    expect(line.sent.length).toBe(2);
  });

  it('has nothing to remove before the first registration', () => {
    const line = script();
    line.stop();
    expect([hasEnded(line), line.sent.length, line.state()]).toEqual([true, 0, 'unregistered']);
  });

  it.each([['resolve'], ['openFlow'], ['reserveCseq']] as const)(
    'does not wait for a round that waits for %s',
    (type) => {
      const identity = { callId: 'c', fromTag: 't', cseq: 5, reservedThrough: 5 };
      const line = script({ manual: [type], beginnings: { identity } });
      line.begin();
      line.stop();
      expect(hasEnded(line)).toBe(true);
      line.step({ type: 'targetsResolved', targets: [FIRST] });
      line.step({ type: 'flowOpened', target: FIRST, flow: line.flowTo(FIRST) });
      line.step({ type: 'cseqReserved', callId: 'c', firstCseq: 6, lastCseq: 9 });
      expect(line.sent).toEqual([]);
    },
  );

  it('R110 waits for a REGISTER that is under way, then removes what it brought', () => {
    const line = script();
    line.begin();
    line.stop();
    expect(line.sent.length).toBe(1);
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(200, granted(300));
    expect(line.sent[2]?.row('Contact')).toBe(`<${OWN_CONTACT}>;expires=0`);
    line.answer(200);
    expect([hasEnded(line), line.state()]).toEqual([true, 'unregistered']);
  });

  it.each([
    [10_000, 4000],
    [2000, 1000],
  ])('of %i ms waits %i ms for it at most, and keeps its own limit', (withinMs, patience) => {
    const line = registered();
    onward(line);
    expect(line.state()).toBe('refreshing');
    line.stop(withinMs);
    line.pass(patience - 1);
    expect(line.sent.length).toBe(2);
    line.pass(1);
    expect(line.sent[2]?.row('Contact')).toBe(`<${OWN_CONTACT}>;expires=0`);
    line.pass(withinMs - patience);
    expect([hasEnded(line), line.failure()?.code]).toEqual([true, 'register.timeout']);
  });

  it('without any time left ends at once, and says so', () => {
    const line = registered();
    line.stop(0);
    expect(hasEnded(line)).toBe(true);
    expect(line.lifecycle().failure?.failure.cause).toContain('no time was left');
    const busy = registered();
    onward(busy);
    busy.stop(-5);
    busy.pass(0);
    expect([hasEnded(busy), busy.sent.length]).toEqual([true, 2]);
  });

  it('gives a removal that is under way its limit', () => {
    const line = registered();
    line.begin('remove');
    line.stop(1000);
    line.pass(1000);
    expect(hasEnded(line)).toBe(true);
  });

  it('follows a query with the removal', () => {
    const line = registered();
    line.begin('query');
    line.stop();
    line.answer(200, granted(100));
    expect(line.sent.at(-1)?.row('Contact')).toContain('expires=0');
  });

  it('removes what is left when the REGISTER before it failed', () => {
    const line = registered();
    onward(line);
    line.stop();
    line.answer(500);
    expect(line.lifecycle().failure?.failure.status).toBe(500);
    expect(line.sent.at(-1)?.row('Contact')).toContain('expires=0');
  });
});

describe('the end of a round', () => {
  it.each([
    ['resolve', 'dns.timeout'],
    ['openFlow', 'connect.timeout'],
    ['reserveCseq', 'internal.bug'],
  ] as const)('comes although %s never answers', (type, code) => {
    const identity = { callId: 'c', fromTag: 't', cseq: 5, reservedThrough: 5 };
    const line = script({ manual: [type], beginnings: { identity } });
    line.begin();
    line.pass(10 * MINUTE);
    expect(line.failure()?.code).toBe(code);
    expect(line.state()).toBe('waiting');
  });

  it('is the limit of the command', () => {
    const line = script();
    line.begin('register', line.now() + 5000);
    line.pass(5000);
    expect(line.failure()).toMatchObject({ code: 'register.timeout' });
  });
});

describe('a pause', () => {
  it('removes the binding, and lasts until somebody registers again', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    line.stop(10_000, 'paused');
    line.answer(200);
    expect([line.state(), line.wakeAt(), isEnded(line.lifecycle())]).toEqual(['paused', undefined, false]);
    breakFlow(line);
    line.step({ type: 'secretChanged', credentials: [ALICE] });
    line.step({ type: 'targetRecovered' });
    line.step({ type: 'reconfigured', plan: testPlan(), credentials: [ALICE], newFlow: true });
    line.pass(3_600_000);
    expect([line.state(), line.sent.length]).toEqual(['paused', 2]);
    line.begin();
    line.answer(200, granted(300));
    expect(line.state()).toBe('registered');
    expect(line.lifecycle().stop).toBeNull();
  });

  it('is one although the binding could not be removed', () => {
    const line = script({ beginnings: { boundContact: OWN_CONTACT } });
    line.stop(1000, 'paused');
    line.pass(1000);
    expect(line.state()).toBe('paused');
  });
});

describe('what changes from outside', () => {
  it('T9 a changed secret ends blocked and waiting for it at once, but no other wait', () => {
    const line = script();
    line.begin();
    rejected(line);
    line.step({ type: 'secretChanged', credentials: [ALICE] });
    expect([wait(line), line.lifecycle().rejections, line.registration().sessions]).toEqual([0, 0, []]);
    const busy = script();
    busy.begin();
    busy.answer(404);
    busy.step({ type: 'secretChanged', credentials: [ALICE] });
    expect(wait(busy)).toBeGreaterThanOrEqual(5);
    for (const code of ['auth.no-credentials', 'secret.unreadable'] as const) {
      const without = script();
      without.step({ type: 'roundPrevented', goal: 'register', failure: failureOf(code, 'x') });
      without.step({ type: 'secretChanged', credentials: [ALICE] });
      expect(wait(without)).toBe(0);
    }
  });

  it('R353 a target that answers others again wakes who waits for it, but not before its Retry-After', () => {
    const line = script();
    line.begin();
    line.answer(503);
    line.step({ type: 'targetRecovered' });
    expect(wait(line)).toBe(0);
    const told = script();
    told.begin();
    told.answer(503, { 'Retry-After': '600' });
    told.step({ type: 'targetRecovered' });
    expect(wait(told)).toBeGreaterThanOrEqual(10);
    const refused = script();
    refused.begin();
    refused.answer(404);
    refused.step({ type: 'targetRecovered' });
    expect(wait(refused)).toBeGreaterThanOrEqual(5);
  });

  it('other settings register at once, on a new flow when that is needed, and take the old Contact along', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    const contact = { uri: null, user: 'bob', uriParams: [], params: [] };
    line.step({ type: 'reconfigured', plan: testPlan({ contact }), credentials: [ALICE], newFlow: false });
    expect(line.sent[1]?.rows('Contact')[1]).toBe(`<${OWN_CONTACT}>;expires=0`);
    expect(line.sent[1]?.flowId).toBe(1);
    line.answer(200, granted(300, 'sip:bob@10.0.0.5:5070'));
    line.step({ type: 'reconfigured', plan: testPlan({ contact }), credentials: [ALICE], newFlow: true });
    expect(line.sent[2]?.flowId).toBe(2);
  });

  it('R480 a jump of the clock brings everything nearer, and has who is registered look', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(3600));
    const endsAt = line.registration().binding?.endsAt ?? 0;
    line.step({ type: 'clockJumped', byMs: 60_000, recheckAt: line.now() + 3000 });
    expect(line.registration().binding?.endsAt).toBe(endsAt - 60_000);
    line.pass(3000);
    expect(line.state()).toBe('refreshing');
    line.step({ type: 'clockJumped', byMs: 1000, recheckAt: 0 });
    line.answer(503, { 'Retry-After': '600' });
    const before = line.wakeAt() ?? 0;
    line.step({ type: 'clockJumped', byMs: 60_000, recheckAt: line.now() });
    expect(line.wakeAt()).toBe(before - 60_000);
    const idle = script();
    idle.step({ type: 'clockJumped', byMs: 60_000, recheckAt: 0 });
    expect(idle.wakeAt()).toBeUndefined();
  });

  it('a bug of ours is an outage of this account alone', () => {
    const line = script();
    line.begin();
    const after = afterCrash(line.lifecycle(), failureOf('internal.bug', 'x'), line.env());
    expect(after).toMatchObject({ state: 'waiting', round: null, failures: 1 });
    expect(after.registration).toMatchObject({ flow: null, identity: { callId: 'call-1', cseq: 1 } });
  });

  it('a blocked account of an earlier run waits for its probe, if there is one', () => {
    const { registration } = script().lifecycle();
    expect(beginLifecycle(registration, 0, 'blocked').nextAt).toBe(21_600_000);
    expect(beginLifecycle(registration, 0, 'paused').nextAt).toBeUndefined();
    expect(beginLifecycle(registration, 0, 'unregistered', 7).nextAt).toBe(7);
  });
});

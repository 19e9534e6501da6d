// When a registration asks again after a failure, and what makes it ask sooner (behaviour.md §10, §11).

import { describe, expect, it } from 'vitest';
import { failureOf, type VerdictCode } from '../../../src/core/health/verdict.ts';
import { afterCrash } from '../../../src/core/registration/circumstances.ts';
import { beginLifecycle } from '../../../src/core/registration/lifecycle.ts';
import {
  ALICE,
  breakFlow,
  challenge,
  granted,
  OWN_CONTACT,
  onward,
  type Script,
  script,
  testPlan,
} from './script.ts';

const MINUTE = 60_000;
/** Minutes until the next round. */
const wait = (line: Script): number => ((line.wakeAt() ?? Number.NaN) - line.now()) / MINUTE;

/** A round in which the credentials are rejected. */
function rejected(line: Script): void {
  line.answer(401, { 'WWW-Authenticate': challenge('n1') });
  line.answer(401, { 'WWW-Authenticate': challenge('n2') });
}

describe('waiting', () => {
  it('R136 R353 R445 R463 R464 after silence, 408 and 5xx is 30-60 s, and longer each time, up to 5 minutes', () => {
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
      expect(line.lifecycle()).toMatchObject({
        state: 'registered',
        setbacks: { failures: 0 },
        failure: null,
      });
    }
  });

  it.each([400, 430])(
    'R358 after %i the new Contact goes alone, and then it waits for 5 minutes',
    (status) => {
      const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000' } });
      line.begin();
      line.answer(status);
      expect(line.sent[1]?.rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`]);
      line.answer(status);
      expect(line.failure()).toMatchObject({ code: 'register.rejected', status });
      expect(wait(line)).toBeGreaterThanOrEqual(5);
    },
  );

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

  it('R353 is no shorter for a Retry-After that is over sooner', () => {
    const line = script();
    line.begin();
    line.answer(503, { 'Retry-After': '2' });
    expect(wait(line)).toBeGreaterThanOrEqual(0.5);
  });

  it.each([503, 404, 413, 486])('R058 T10 R065 R353 after %i is never shorter than Retry-After', (status) => {
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

  it('T8 R066 after a 503 without Retry-After is as after any outage', () => {
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
    expect(line.lifecycle().setbacks.rejections).toBe(0);
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

describe('what changes from outside', () => {
  it('T9 a changed secret ends blocked and waiting for it at once, but no other wait', () => {
    const line = script();
    line.begin();
    rejected(line);
    line.step({ type: 'secretChanged', credentials: [ALICE] });
    expect([wait(line), line.lifecycle().setbacks.rejections, line.registration().sessions]).toEqual([
      0,
      0,
      [],
    ]);
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
    line.step({ type: 'outageMayBeOver' });
    expect(wait(line)).toBe(0);
    const told = script();
    told.begin();
    told.answer(503, { 'Retry-After': '600' });
    told.step({ type: 'outageMayBeOver' });
    expect(wait(told)).toBeGreaterThanOrEqual(10);
    const refused = script();
    refused.begin();
    refused.answer(404);
    refused.step({ type: 'outageMayBeOver' });
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
    line.step({ type: 'clockJumped', sleptMs: 60_000, recheckAt: line.now() + 3000 });
    expect(line.registration().binding?.endsAt).toBe(endsAt - 60_000);
    line.pass(3000);
    expect(line.state()).toBe('refreshing');
    line.step({ type: 'clockJumped', sleptMs: 1000, recheckAt: 0 });
    line.answer(503, { 'Retry-After': '600' });
    const before = line.wakeAt() ?? 0;
    const { since, failure } = line.lifecycle();
    line.step({ type: 'clockJumped', sleptMs: 60_000, recheckAt: line.now() });
    expect(line.wakeAt()).toBe(before - 60_000);
    // On the wall clock they stay what they were.
    expect(line.lifecycle()).toMatchObject({
      since: since - 60_000,
      failure: { at: (failure?.at ?? 0) - 60_000 },
    });
    const idle = script();
    idle.step({ type: 'clockJumped', sleptMs: 60_000, recheckAt: 0 });
    expect(idle.wakeAt()).toBeUndefined();
  });

  it('R480 a wall clock that was set has who is registered look, and cuts no wait short', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(3600));
    const { endsAt = 0 } = line.registration().binding ?? {};
    line.step({ type: 'clockJumped', sleptMs: 0, recheckAt: line.now() + 3000 });
    expect(line.registration().binding).toMatchObject({ endsAt });
    line.pass(3000);
    expect(line.state()).toBe('refreshing');
    line.answer(503, { 'Retry-After': '600' });
    const before = line.wakeAt();
    line.step({ type: 'clockJumped', sleptMs: 0, recheckAt: line.now() });
    expect(line.wakeAt()).toBe(before);
  });

  it('a bug of ours is an outage of this account alone', () => {
    const line = script();
    line.begin();
    const after = afterCrash(line.lifecycle(), failureOf('internal.bug', 'x'), line.env());
    expect(after).toMatchObject({ state: 'waiting', round: null, setbacks: { failures: 1 } });
    expect(after.registration).toMatchObject({ flow: null, identity: { callId: 'call-1', cseq: 1 } });
  });

  it('begins at rest, or when it is to', () => {
    const { registration } = script().lifecycle();
    expect(beginLifecycle(registration, 0, 'paused').nextAt).toBeUndefined();
    expect(beginLifecycle(registration, 0, 'unregistered', 7).nextAt).toBe(7);
  });
});

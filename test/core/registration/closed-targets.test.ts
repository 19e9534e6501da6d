// Targets that answered 503 with a Retry-After (RFC 3261 §21.5.4): when they are gone back to, and who is asked meanwhile.

import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { closing, NONE_CLOSED, stillClosed } from '../../../src/core/registration/closed-targets.ts';
import { STRAIGHT_WAY } from '../../../src/core/registration/registration.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import {
  breakFlow,
  FIRST,
  granted,
  lookedUp,
  onward,
  open,
  openings,
  refuse,
  type Script,
  SECOND,
  script,
} from './script.ts';

const MINUTE = 60_000;

describe('a target that answered 503 with a Retry-After', () => {
  /** Registered at the second target: the first wants to be left alone for an hour. */
  function left(): Script {
    const line = script({ manual: ['resolve', 'openFlow'] });
    line.begin();
    found(line, [FIRST, SECOND]);
    open(line);
    line.answer(503, { 'Retry-After': '3600' });
    open(line);
    line.answer(200, granted(7200));
    expect(line.registration().target).toEqual(SECOND);
    return line;
  }
  function found(line: Script, targets: readonly Target[], deferredUntil: number | null = null): void {
    line.step(lookedUp(targets, { deferredUntil }));
  }
  /** What is called an hour here, and a little so that not all return as one. */
  function expectAnHour(ms: number): void {
    expect(ms).toBeGreaterThanOrEqual(60 * MINUTE);
    expect(ms).toBeLessThanOrEqual(61 * MINUTE);
  }

  it('R065 is gone back to when that time is over, and not before', () => {
    const line = left();
    const wait = (line.wakeAt() ?? 0) - line.now();
    expectAnHour(wait);
    line.pass(wait);
    found(line, [FIRST, SECOND]);
    expect(openings(line).at(-1)).toEqual(FIRST);
    open(line);
    line.answer(200, granted(7200));
    expect(line.registration()).toMatchObject({ target: FIRST, way: STRAIGHT_WAY });
  });

  it('R065 is gone back to when that time is over also by who was not told it itself', () => {
    const line = script({ manual: ['resolve', 'openFlow'] });
    line.begin();
    found(line, [SECOND, FIRST], line.now() + 60 * MINUTE);
    open(line);
    line.answer(200, granted(7200));
    expectAnHour((line.wakeAt() ?? 0) - line.now());
  });

  it('R065 is not asked in a later round either, in which the other fails', () => {
    const line = left();
    line.pass(10 * MINUTE);
    breakFlow(line);
    line.pass(0);
    found(line, [SECOND, FIRST], line.now() + 50 * MINUTE);
    refuse(line);
    expect(line.failure()).toMatchObject({ code: 'connect.refused', retryAfterSeconds: null });
    expect(openings(line).filter(({ address }) => address === FIRST.address)).toHaveLength(1);
    onward(line);
    // Others may have been served there meanwhile.
    found(line, [FIRST, SECOND]);
    expect(openings(line).at(-1)).toEqual(SECOND);
    open(line);
    line.answer(200, granted(7200));
    const wait = (line.wakeAt() ?? 0) - line.now();
    expect(wait).toBeGreaterThan(40 * MINUTE);
    expect(wait).toBeLessThan(60 * MINUTE);
  });

  it('R065 is waited for where DNS names no other any more, and the reason is told', () => {
    const line = left();
    line.pass(10 * MINUTE);
    breakFlow(line);
    line.pass(0);
    found(line, [FIRST]);
    expect(line.failure()).toMatchObject({
      code: 'register.unavailable',
      status: 503,
      retryAfterSeconds: 3000,
    });
    expect(line.failure()?.cause).toContain('192.0.2.1 port 5060 is not asked for another 3000 s');
    const wait = (line.wakeAt() ?? 0) - line.now();
    expect(wait).toBeGreaterThanOrEqual(50 * MINUTE);
    line.pass(wait);
    found(line, [FIRST]);
    expect(openings(line).at(-1)).toEqual(FIRST);
  });

  it('is asked at once by who is told to', () => {
    const line = left();
    breakFlow(line);
    line.begin();
    found(line, [FIRST, SECOND]);
    expect(openings(line).at(-1)).toEqual(FIRST);
  });

  it.each(['ended', 'paused'] as const)('is told that the binding goes when the account is %s', (into) => {
    const line = script({ targets: [FIRST] });
    line.begin();
    line.answer(200, granted(7200));
    onward(line);
    line.answer(503, { 'Retry-After': '3600' });
    expect(line.state()).toBe('waiting');
    line.stop(10_000, into);
    expect(line.sent.at(-1)?.row('Expires')).toBe('0');
    line.answer(200, {});
    expect(line.registration().boundContact).toBeNull();
  });

  it('R333 keeps the flow of the binding open, over which it is asked again when that time is over', () => {
    const line = script({ targets: [FIRST] });
    line.begin();
    line.answer(200, granted(7200));
    const { flow } = line.registration();
    onward(line);
    line.answer(503, { 'Retry-After': '60' });
    expect(line.state()).toBe('waiting');
    expect(line.registration()).toMatchObject({ flow, target: FIRST });
    onward(line);
    expect(line.state()).toBe('registering');
    expect(openings(line)).toHaveLength(1);
    line.answer(200, granted(7200));
    expect(line.registration().flow).toBe(flow);
  });

  it('R333 does not keep a flow that broke meanwhile, nor one whose binding is over', () => {
    const broken = script({ targets: [FIRST] });
    broken.begin();
    broken.answer(200, granted(7200));
    onward(broken);
    broken.answer(503, { 'Retry-After': '60' });
    breakFlow(broken);
    expect(broken.registration().flow).toBeNull();
    broken.pass(30_000);
    expect(broken.state()).toBe('waiting');

    const lapsed = script({ targets: [FIRST] });
    lapsed.begin();
    lapsed.answer(200, granted(60));
    onward(lapsed);
    lapsed.answer(503, { 'Retry-After': '60' });
    onward(lapsed);
    lapsed.answer(503, { 'Retry-After': '60' });
    expect(lapsed.registration().flow).toBeNull();
  });

  it('R333 is left for another, and its flow with it', () => {
    const line = script({ targets: [FIRST, SECOND] });
    line.begin();
    line.answer(200, granted(7200));
    onward(line);
    line.answer(503, { 'Retry-After': '60' });
    line.answer(200, granted(7200));
    expect(line.registration().target).toEqual(SECOND);
  });

  it('R065 is not asked over the old flow either, when the new one got the 503', () => {
    const line = script({ targets: [FIRST], manual: ['openFlow'] });
    line.begin();
    open(line);
    line.answer(200, granted(7200));
    const { flow } = line.registration();
    line.step({ type: 'flowOutdated', flowId: flow?.id ?? 0, now: true });
    onward(line);
    open(line);
    const asked = line.sent.length;
    line.answer(503, { 'Retry-After': '3600' });
    expect(line.sent).toHaveLength(asked);
    expect(line.registration()).toMatchObject({ flow, way: { outdatedFlow: true } });
    expectAnHour((line.wakeAt() ?? 0) - line.now());
  });

  it('is tried again after the usual quiet time where it names none, or 0', () => {
    for (const headers of [{}, { 'Retry-After': '0' }]) {
      const line = script({ targets: [FIRST, SECOND], manual: ['openFlow'] });
      line.begin();
      open(line);
      line.answer(503, headers);
      open(line);
      line.answer(200, granted(7200));
      expect((line.wakeAt() ?? 0) - line.now()).toBeLessThanOrEqual(6 * MINUTE);
      expect(line.registration().way.closed).toEqual([]);
    }
  });

  it('R065 has so much less of its time left when the clock jumps', () => {
    const line = left();
    line.step({ type: 'clockJumped', sleptMs: 20 * MINUTE, recheckAt: line.now() + 90 * MINUTE });
    const wait = (line.wakeAt() ?? 0) - line.now();
    expect(wait).toBeGreaterThanOrEqual(40 * MINUTE);
    expect(wait).toBeLessThanOrEqual(41 * MINUTE);
    line.pass(wait);
    found(line, [FIRST, SECOND]);
    expect(openings(line).at(-1)).toEqual(FIRST);
  });

  it('is one of 64 that are remembered', () => {
    const failure = { ...failureOf('register.unavailable', 'overloaded'), retryAfterSeconds: 60 };
    let closed = NONE_CLOSED;
    for (let port = 1; port <= 100; port++) closed = closing(closed, { ...FIRST, port }, failure, 0);
    closed = closing(closed, { ...FIRST, port: 100 }, failure, 1_000);
    expect(closed.map(({ target }) => target.port)).toEqual(Array.from({ length: 64 }, (_, at) => 37 + at));
    expect(stillClosed(closed, 60_000).map(({ target }) => target.port)).toEqual([100]);
    expect(stillClosed(closed, 61_000)).toBe(NONE_CLOSED);
  });
});

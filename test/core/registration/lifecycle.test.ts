// The life of a registration across rounds: refresh, stop, pause (behaviour.md §1, §5, §23).

import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/core/assert.ts';
import { isEnded } from '../../../src/core/registration/lifecycle.ts';
import {
  ALICE,
  breakFlow,
  challenge,
  FIRST,
  granted,
  lookedUp,
  OWN_CONTACT,
  onward,
  type Script,
  script,
  testPlan,
} from './script.ts';

const MINUTE = 60_000;

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

  it('R308 R309 takes Service-Route and Path from each 2xx, and drops them with a refusal', () => {
    const line = script();
    line.begin();
    line.answer(200, { ...granted(600), 'Service-Route': '<sip:a.example;lr>', Path: '<sip:p.example;lr>' });
    expect(line.lifecycle().report.learned).toMatchObject({
      serviceRoute: ['<sip:a.example;lr>'],
      path: ['<sip:p.example;lr>'],
    });
    line.begin();
    line.pass(32_000);
    line.pass(32_000);
    expect(line.state()).toBe('waiting');
    expect(line.lifecycle().report.learned.serviceRoute).toEqual(['<sip:a.example;lr>']);
    onward(line);
    line.answer(404);
    expect(line.lifecycle().report.learned).toMatchObject({ serviceRoute: [], path: [] });
  });

  it('R309 drops them when its time is over', () => {
    const line = script();
    line.begin();
    line.answer(200, { ...granted(60), 'Service-Route': '<sip:a.example;lr>', Path: '<sip:p.example;lr>' });
    line.pass(30_000);
    line.pass(64_000);
    expect([line.state(), line.failure()?.status]).toEqual(['waiting', null]);
    expect(line.lifecycle().report.learned).toMatchObject({ serviceRoute: [], path: [] });
  });

  it('R133 is not registered when its time is over and no refresh was answered', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(60));
    line.pass(60_000);
    for (let second = 60; second < 7200; second++) {
      expect(['refreshing', 'waiting', 'registering']).toContain(line.state());
      line.pass(1000);
    }
    expect(line.lifecycle().failure?.failure.code).toBe('register.timeout');
  });

  it('does nothing while nothing is asked of it', () => {
    const line = script();
    line.step({ type: 'timePassed' });
    line.step(lookedUp([FIRST]));
    expect([line.effects, line.wakeAt()]).toEqual([[], undefined]);
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
    expect([hasEnded(line), line.state()]).toEqual([true, 'unregistering']);
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
      line.step(lookedUp([FIRST]));
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
  it('R477 leaves its numbers to others: afterwards new ones are asked for', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    line.stop(10_000, 'paused');
    line.answer(200);
    const asked = () => line.effects.filter(({ type }) => type === 'reserveCseq').length;
    expect(asked()).toBe(0);
    line.begin();
    expect(asked()).toBe(1);
  });

  it('removes the binding, and lasts until somebody registers again', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(300));
    line.stop(10_000, 'paused');
    line.answer(200);
    expect([line.state(), line.wakeAt(), isEnded(line.lifecycle())]).toEqual(['paused', undefined, false]);
    breakFlow(line);
    line.step({ type: 'secretChanged', credentials: [ALICE] });
    line.step({ type: 'outageMayBeOver' });
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

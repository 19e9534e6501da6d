import { describe, expect, it, onTestFinished } from 'vitest';
import { commandDelivery } from '../../../src/agent/notices/command.ts';
import { createDelivery, type DeliveryProblem } from '../../../src/agent/notices/delivery.ts';
import { MAX_ACCOUNTS, type Notice, noticeText } from '../../../src/agent/notices/notice.ts';
import { failure, type Result, success } from '../../../src/core/result.ts';
import { eventually, isDown } from './notices-scene.ts';

function notice(event: Notice['event'], name: string): Notice {
  const accounts = [{ ...isDown(name), downFor: null }];
  const agent = { version: '1.2.3', config: '/etc/sipreg/accounts.json', registered: 0, enabled: 1 };
  return {
    event,
    time: '2026-11-21T13:00:00.000Z',
    count: 1,
    accounts,
    certificates: [name],
    troubles: [],
    agent,
  };
}

/** A place that takes notices when it is told to. */
function slowPlace() {
  const taken: Notice[] = [];
  const waiting: ((outcome: Result<void, DeliveryProblem>) => void)[] = [];
  return {
    taken,
    deliver: (one: Notice): Promise<Result<void, DeliveryProblem>> => {
      taken.push(one);
      return new Promise((resolve) => waiting.push(resolve));
    },
    answer: (outcome: Result<void, DeliveryProblem>) => waiting.shift()?.(outcome),
  };
}

describe('the queue of notices', () => {
  it('brings them one by one, and those of a kind that wait as one', async () => {
    const place = slowPlace();
    const delivery = createDelivery('place', place.deliver, [], () => undefined);
    for (let at = 0; at < 300; at++) delivery.push(notice('down', `line-${at}`));
    delivery.push(notice('up', 'line-0'));
    expect(place.taken).toHaveLength(1);
    place.answer(success(undefined));
    await eventually(() => place.taken.length).toBe(2);
    expect(place.taken[1]).toMatchObject({ event: 'down', count: 299 });
    expect(place.taken[1]?.accounts).toHaveLength(MAX_ACCOUNTS);
    place.answer(success(undefined));
    await eventually(() => place.taken.length).toBe(3);
    expect(place.taken[2]).toMatchObject({ event: 'up', count: 1 });
  });

  it('keeps the words on each certificate when several wait as one', async () => {
    const place = slowPlace();
    const delivery = createDelivery('place', place.deliver, [], () => undefined);
    for (const name of ['first', 'second', 'third']) delivery.push(notice('certificate', name));
    place.answer(success(undefined));
    await eventually(() => place.taken.length).toBe(2);
    expect(place.taken.map(noticeText)).toEqual(['first', 'second; third']);
  });

  it('holds a bounded number, and tells what it leaves out', () => {
    const place = slowPlace();
    const told: string[] = [];
    const delivery = createDelivery('place', place.deliver, [], (text) => told.push(text));
    for (let at = 0; at < 60; at++) delivery.push(notice(at % 2 === 0 ? 'down' : 'up', 'office'));
    expect(told).toHaveLength(9);
    expect(told[0]).toBe('place: too many notices wait for delivery: the oldest is left out');
    delivery.close();
    expect(told.at(-1)).toBe('place: 50 notices were not delivered: the agent ends');
  });

  it('tries again as often as it may, but not what is final', async () => {
    const told: string[] = [];
    const tries: string[] = [];
    const refusing = (isFinal: boolean) => (one: Notice) => {
      tries.push(one.event);
      return Promise.resolve(failure({ text: 'no', isFinal }));
    };
    createDelivery('place', refusing(false), [1, 1], (text) => told.push(text)).push(notice('down', 'a'));
    await eventually(() => told.length).toBe(1);
    expect(tries).toEqual(['down', 'down', 'down']);
    createDelivery('place', refusing(true), [1, 1], (text) => told.push(text)).push(notice('up', 'a'));
    await eventually(() => told.length).toBe(2);
    expect(tries).toHaveLength(4);
    expect(told[0]).toBe('place: a notice was not delivered: no');
  });

  it('survives a bug in the way there', async () => {
    const told: string[] = [];
    const broken = () => Promise.reject(new Error('oops'));
    createDelivery('place', broken, [1], (text) => told.push(text)).push(notice('down', 'a'));
    await eventually(() => told).toEqual(['place: a notice was not delivered: sipreg itself failed: oops']);
  });
});

describe('a command', () => {
  const options = { env: { PATH: process.env.PATH }, printed: () => undefined };

  it('that does not end is ended in time, together with what it has started', async () => {
    const argv = ['/bin/sh', '-c', 'sleep 300 & echo "$!"; wait'];
    const outcome = await commandDelivery({ ...options, argv, withinMs: 300 })(
      notice('down', 'a'),
      new AbortController().signal,
    );
    expect(outcome).toMatchObject({ ok: false, error: { isFinal: true } });
    const text = outcome.ok ? '' : outcome.error.text;
    const [, pid] = /took longer than 0\.3 s: (\d+)$/.exec(text) ?? [];
    expect(Number(pid)).toBeGreaterThan(1);
    await eventually(() => isAlive(Number(pid))).toBe(false);
  });

  it('that leaves something running has ended by itself: that is not waited for, nor ended', async () => {
    const printed: string[] = [];
    const argv = ['/bin/sh', '-c', 'sleep 300 & echo "$!"'];
    const deliver = commandDelivery({ ...options, argv, printed: (text) => printed.push(text) });
    expect(await deliver(notice('down', 'a'), new AbortController().signal)).toEqual({
      ok: true,
      value: undefined,
    });
    const [, pid] = /^\/bin\/sh printed: (\d+)$/.exec(printed.join()) ?? [];
    expect(isAlive(Number(pid))).toBe(true);
    process.kill(Number(pid));
  });

  it('is ended with the agent', async () => {
    const end = new AbortController();
    onTestFinished(() => end.abort());
    const running = commandDelivery({ ...options, argv: ['/bin/sleep', '300'] })(
      notice('down', 'a'),
      end.signal,
    );
    setTimeout(() => end.abort(), 50);
    expect(await running).toMatchObject({
      ok: false,
      error: { text: 'the command /bin/sleep was ended with the agent' },
    });
  });

  it('may print as it likes: little of it is kept', async () => {
    const printed: string[] = [];
    const argv = ['/bin/sh', '-c', 'yes | head -c 3000000'];
    const deliver = commandDelivery({ ...options, argv, printed: (text) => printed.push(text) });
    expect((await deliver(notice('down', 'a'), new AbortController().signal)).ok).toBe(true);
    expect(printed[0]?.length).toBeLessThan(600);
  });
});

describe('a notice in words', () => {
  it('names one account with its cause, and several with their number', () => {
    expect(noticeText(notice('down', 'a'))).toBe(
      'a is down: 192.0.2.7:5061 refused the connection (connect.refused)',
    );
    expect(noticeText(notice('flapping', 'a'))).toMatch(/^a comes and goes: /);
    expect(noticeText({ ...notice('up', 'a'), count: 3 })).toBe('3 accounts are registered again: a, …');
    const up = notice('up', 'a');
    expect(noticeText({ ...up, accounts: up.accounts.map((one) => ({ ...one, downFor: 192 })) })).toBe(
      'a is registered again after 3 min 12 s',
    );
  });
});

/** A killed process whose parent is gone may stay as a zombie for a moment. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// Flows kept open, with flows that only write down what is sent, and a clock that the test moves.

import { describe, expect, it } from 'vitest';
import { FlowKeeping } from '../../src/agent/flow-keeping.ts';
import type { KeepaliveNews } from '../../src/agent/keepalive-news.ts';
import { type Holder, ON_NO_TERMS } from '../../src/agent/shared-terms.ts';
import type { Failure } from '../../src/core/health/verdict.ts';
import type { OptionsRequest } from '../../src/core/keepalive/keepalive.ts';
import { type KeepaliveSettings, NO_PROMISE } from '../../src/core/keepalive/terms.ts';
import { seededRng } from '../../src/core/rng.ts';
import type { SocketAddress, Transport } from '../../src/core/sip/transport.ts';
import { bindingAnswer, bindingRequest } from '../../src/core/stun/binding.ts';
import { parseStun } from '../../src/core/stun/message.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Alarm, Sleeper } from '../../src/runtime/alarm.ts';
import { type Flow, nextFlowId } from '../../src/runtime/transport/flow.ts';

const REMOTE = { address: '192.0.2.7', port: 5060 };
const PROMISE = { ...NO_PROMISE, outbound: true };
const PONG = { type: 'pong' } as const;

/** The alarm of the agent, but for the timer: it rings when the test lets time pass. */
function manualAlarm() {
  let now = 0;
  const sleepers = new Set<Sleeper>();
  let ring: (sleeper: Sleeper) => void = () => {};
  return {
    now: () => now,
    waiting: () => sleepers.size,
    createAlarm: <S extends Sleeper>(_now: () => Millis, wake: (sleeper: S) => void): Alarm<S> => {
      ring = (sleeper) => wake(sleeper as S);
      return {
        set: (sleeper, at) => {
          sleeper.alarmAt = at;
          if (at === undefined) sleepers.delete(sleeper);
          else sleepers.add(sleeper);
        },
        stop: () => sleepers.clear(),
      };
    },
    pass: (ms: Millis): void => {
      const end = now + ms;
      for (;;) {
        const due = [...sleepers].sort((a, b) => (a.alarmAt ?? 0) - (b.alarmAt ?? 0))[0];
        if (due?.alarmAt === undefined || due.alarmAt > end) break;
        now = Math.max(now, due.alarmAt);
        due.alarmAt = undefined;
        sleepers.delete(due);
        ring(due);
      }
      now = end;
    },
  };
}

type Sent = { readonly at: Millis; readonly bytes: Uint8Array; readonly repeated: boolean };

function scene(options: (flow: Flow) => OptionsRequest | null = () => null) {
  const clock = manualAlarm();
  for (const holder of [alice, bob]) holder.keptOn = ON_NO_TERMS;
  const sent: (Sent & { readonly flow: Flow })[] = [];
  const answers: { readonly bytes: Uint8Array; readonly destination: unknown }[] = [];
  const lost: { readonly flow: Flow; readonly failure: Failure; readonly at: Millis }[] = [];
  const proven: Flow[] = [];
  const mapped: { readonly flow: Flow; readonly address: SocketAddress }[] = [];
  const news: KeepaliveNews[] = [];
  const keeping = new FlowKeeping({
    now: clock.now,
    rng: seededRng(3),
    send: (flow, bytes, repeated) => sent.push({ flow, bytes, repeated, at: clock.now() }),
    usersOf: () => [alice, bob],
    options,
    lost: (flow, failure) => lost.push({ flow, failure, at: clock.now() }),
    proven: (flow) => proven.push(flow),
    mapped: (flow, address) => mapped.push({ flow, address }),
    told: (_flow, one) => news.push(one),
    createAlarm: clock.createAlarm,
  });
  const open = (transport: Transport): Flow => ({
    id: nextFlowId(),
    transport,
    local: { address: '192.0.2.1', port: 40_000 },
    remote: REMOTE,
    tls: null,
    send: () => {
      throw new Error('keep-alives go by way of the engine');
    },
    sendTo: (bytes, destination) => answers.push({ bytes, destination }),
    close: () => {},
  });
  /** Lets time pass until `count` keep-alives have gone out; gives how long that took. */
  const untilSent = (count: number): Millis => {
    const began = clock.now();
    const isThere = (): boolean => sent.filter(({ repeated }) => !repeated).length >= count;
    while (!isThere() && clock.now() - began < 200_000) clock.pass(100);
    expect(isThere()).toBe(true);
    return clock.now() - began;
  };
  return { clock, sent, answers, lost, proven, mapped, news, keeping, open, untilSent };
}

const settings = (
  method: KeepaliveSettings['method'] = 'auto',
  intervalSeconds: number | null = null,
): KeepaliveSettings => ({ method, intervalSeconds });

const [alice, bob] = [holderNamed('alice'), holderNamed('bob')];

function holderNamed(name: string): Holder & { readonly name: string } {
  return { name, keptOn: ON_NO_TERMS };
}

describe('a flow that is held', () => {
  it('is pinged again and again, and proven by the first pong', () => {
    const { proven, keeping, open, news, lost, untilSent } = scene();
    const flow = open('tcp');
    keeping.hold(flow, alice, settings());
    for (let ping = 1; ping <= 3; ping++) {
      expect(untilSent(ping)).toBeGreaterThan(90_000);
      keeping.sign(flow, PONG, REMOTE);
    }
    expect(proven).toEqual([flow]);
    expect(lost).toEqual([]);
    expect(news.map(({ code, severity }) => `${severity} ${code}`).slice(0, 2)).toEqual([
      'debug sent',
      'debug answered',
    ]);
  });

  it('R328 is kept from its 2xx on, and by STUN when that promised outbound', () => {
    const { clock, sent, keeping, open, untilSent } = scene();
    const flow = open('udp');
    clock.pass(200_000);
    expect(sent).toEqual([]);
    keeping.hold(flow, alice, settings());
    keeping.promised(flow, alice, { ...NO_PROMISE, outbound: true });
    expect(untilSent(1)).toBeLessThanOrEqual(29_000);
    expect(parseStun(sent[0]?.bytes ?? new Uint8Array())).toMatchObject({ type: 'request' });
  });

  it('R341 is lost, once, when a promised pong does not come, and then left alone', () => {
    const { clock, sent, lost, news, keeping, open } = scene();
    const flow = open('tls');
    keeping.hold(flow, alice, settings());
    keeping.promised(flow, alice, PROMISE);
    clock.pass(600_000);
    expect(lost).toMatchObject([{ flow, failure: { code: 'connect.no-pong' } }]);
    expect(sent).toHaveLength(1);
    expect((lost[0]?.at ?? 0) - (sent[0]?.at ?? 0)).toBe(10_000);
    expect(news.at(-1)).toMatchObject({ severity: 'warning', code: 'connect.no-pong' });
    expect(clock.waiting()).toBe(0);
    keeping.sign(flow, PONG, REMOTE);
    keeping.promised(flow, alice, PROMISE);
    keeping.release(flow, alice);
    expect(clock.waiting()).toBe(0);
  });

  it('R339 is pinged on a stream where STUN was chosen, and that is told once', () => {
    const { keeping, open, news, sent, untilSent } = scene();
    const stream = open('tcp');
    for (const holder of [alice, bob]) keeping.hold(stream, holder, settings('stun'));
    expect(news.filter(({ code }) => code === 'method')).toMatchObject([{ severity: 'info' }]);
    untilSent(1);
    expect(sent[0]?.bytes).toEqual(Uint8Array.from([13, 10, 13, 10]));
    keeping.hold(open('udp'), alice, settings('stun'));
    expect(news.filter(({ code }) => code === 'method')).toHaveLength(1);
  });

  it('R341 waits while messages come', () => {
    const { clock, lost, keeping, open, untilSent } = scene();
    const flow = open('tcp');
    keeping.hold(flow, alice, settings('auto', 10));
    keeping.promised(flow, alice, PROMISE);
    untilSent(1);
    clock.pass(9_000);
    keeping.heard(flow);
    clock.pass(9_000);
    expect(lost).toEqual([]);
    clock.pass(1_000);
    expect(lost).toHaveLength(1);
  });

  it.each(['gone', 'released', 'closed'])('is not pinged any more when it is %s', (how) => {
    const { clock, sent, keeping, open, lost } = scene();
    const flow = open('tcp');
    keeping.hold(flow, alice, settings());
    if (how === 'gone') keeping.gone(flow);
    else if (how === 'released') keeping.release(flow, alice);
    else keeping.close();
    clock.pass(600_000);
    expect(sent).toEqual([]);
    expect(lost).toEqual([]);
    if (how !== 'closed') expect(alice.keptOn).toEqual([]);
  });

  it('is tried at once when the clock has jumped', () => {
    const { clock, sent, keeping, open } = scene();
    for (const transport of ['tcp', 'udp', 'tls'] as const) keeping.hold(open(transport), alice, settings());
    keeping.clockJumped();
    clock.pass(0);
    expect(sent).toHaveLength(3);
  });

  it('is tried at once when it is doubted, and finds out only where keep-alives were answered', () => {
    const { clock, sent, lost, keeping, open, untilSent } = scene();
    const flow = open('tcp');
    keeping.hold(flow, alice, settings());
    expect(keeping.doubted(flow)).toBe(false);
    untilSent(1);
    keeping.sign(flow, { type: 'pong' }, flow.remote);
    expect(keeping.doubted(flow)).toBe(true);
    clock.pass(0);
    expect(sent).toHaveLength(2);
    clock.pass(10_000);
    expect(lost).toHaveLength(1);
    expect(keeping.doubted(flow)).toBe(false);
  });
});

describe('a flow of several accounts', () => {
  it('R342 has one keep-alive, on the strictest terms of those who are left', () => {
    const { clock, sent, keeping, open, untilSent } = scene();
    const flow = open('udp');
    keeping.hold(flow, alice, settings('off'));
    expect(clock.waiting()).toBe(0);
    keeping.hold(flow, bob, settings('auto', 10));
    expect(untilSent(1)).toBeLessThanOrEqual(10_000);
    keeping.hold(flow, alice, settings('stun', 5));
    expect(untilSent(2)).toBeLessThanOrEqual(5_000);
    expect(parseStun(sent[1]?.bytes ?? new Uint8Array())).toMatchObject({ type: 'request' });
    keeping.release(flow, alice);
    keeping.hold(flow, bob, settings('off'));
    const before = sent.length;
    clock.pass(100_000);
    expect(sent).toHaveLength(before);
  });

  it('R360 R361 counts the promise of each, until its own refresh takes it back', () => {
    const { sent, keeping, open, untilSent } = scene();
    const flow = open('udp');
    keeping.hold(flow, alice, settings());
    keeping.hold(flow, bob, settings());
    keeping.promised(flow, alice, { ...NO_PROMISE, keepSeconds: 20 });
    keeping.promised(flow, bob, NO_PROMISE);
    expect(untilSent(1)).toBeLessThanOrEqual(20_000);
    expect(sent[0]?.bytes).toHaveLength(20);
    keeping.promised(flow, alice, NO_PROMISE);
    untilSent(2);
    expect(sent[1]?.bytes).toHaveLength(4);
  });

  it('costs next to nothing for fifty thousand of them', () => {
    const { clock, sent, keeping, open } = scene();
    const flow = open('tcp');
    const started = performance.now();
    const accounts = Array.from({ length: 50_000 }, (_, at) => holderNamed(`${at}`));
    for (const account of accounts) keeping.hold(flow, account, settings());
    for (const account of accounts) keeping.promised(flow, account, PROMISE);
    expect(clock.waiting()).toBe(1);
    clock.pass(120_000);
    expect(sent).toHaveLength(1);
    for (const account of accounts) keeping.release(flow, account);
    expect(clock.waiting()).toBe(0);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('an account', () => {
  it('has its own terms on each of its flows, and shares them with the others there', () => {
    const { keeping, open, clock } = scene();
    const [first, second] = [open('tcp'), open('tcp')];
    for (const account of [alice, bob]) keeping.hold(first, account, settings());
    expect(alice.keptOn).toBe(bob.keptOn);
    keeping.hold(second, alice, settings());
    keeping.promised(second, alice, PROMISE);
    expect(alice.keptOn.map(({ terms }) => terms.promise.outbound)).toEqual([false, true]);
    keeping.gone(first);
    expect(alice.keptOn.map(({ terms }) => terms.promise.outbound)).toEqual([true]);
    expect(bob.keptOn).toEqual([]);
    // Nobody answers the ping that was promised an answer: the flow is lost.
    clock.pass(200_000);
    expect(alice.keptOn).toEqual([]);
  });
});

describe('STUN on a UDP flow', () => {
  const held = () => {
    const all = scene();
    const flow = all.open('udp');
    all.keeping.hold(flow, alice, settings());
    all.keeping.promised(flow, alice, PROMISE);
    const answer = (port: number, source = REMOTE): void => {
      const request = parseStun(all.sent.at(-1)?.bytes ?? new Uint8Array());
      if (request?.type !== 'request') throw new Error('no STUN request went out');
      const bytes = bindingAnswer(request, { address: '203.0.113.7', port });
      all.keeping.sign(flow, { type: 'stun', bytes }, source);
    };
    return { ...all, flow, answer };
  };

  it('R347 is lost when the public address changes', () => {
    const { untilSent, answer, news, lost } = held();
    untilSent(1);
    answer(40_001);
    expect(news.at(-1)).toMatchObject({ code: 'mapped', text: expect.stringContaining('203.0.113.7:40001') });
    untilSent(2);
    answer(40_001);
    untilSent(3);
    answer(40_002);
    expect(lost).toMatchObject([{ failure: { code: 'connect.mapping-changed' } }]);
  });

  it('tells once where its first answer sees it come from', () => {
    const { untilSent, answer, mapped, flow } = held();
    for (const count of [1, 2]) {
      untilSent(count);
      answer(40_001);
    }
    expect(mapped).toEqual([{ flow, address: { address: '203.0.113.7', port: 40_001 } }]);
  });

  it('R435 hears no answer from another place', () => {
    const { clock, answer, lost } = held();
    clock.pass(29_000);
    answer(40_001, { address: '192.0.2.7', port: 5_061 });
    answer(40_001, { address: '192.0.2.8', port: 5_060 });
    clock.pass(39_500);
    expect(lost).toMatchObject([{ failure: { code: 'connect.no-pong' } }]);
  });

  it('R346 marks its copies, so that the flow looks into the silence', () => {
    const { clock, sent } = held();
    clock.pass(31_000);
    expect(sent.map(({ repeated }) => repeated).slice(0, 3)).toEqual([false, true, true]);
  });

  it('R438 answers the peer, and nobody else', () => {
    const { keeping, open, answers } = scene();
    const flow = open('udp');
    const { bytes, transactionId } = bindingRequest(seededRng(1));
    keeping.sign(flow, { type: 'stun', bytes }, { address: '198.51.100.9', port: 5_060 });
    expect(answers).toEqual([]);
    keeping.sign(flow, { type: 'stun', bytes }, REMOTE);
    expect(answers).toMatchObject([{ destination: REMOTE }]);
    expect(parseStun(answers[0]?.bytes ?? new Uint8Array())).toMatchObject({
      type: 'success',
      transactionId,
      mapped: REMOTE,
    });
    const indication = Uint8Array.from(bytes);
    indication[1] = 0x11;
    keeping.sign(flow, { type: 'stun', bytes: indication }, REMOTE);
    keeping.sign(flow, { type: 'stun', bytes: Uint8Array.of(1, 2, 3) }, REMOTE);
    expect(answers).toHaveLength(1);
  });
});

describe('OPTIONS', () => {
  it('takes its own responses, and leaves the others', () => {
    let count = 0;
    const { clock, sent, proven, keeping, open } = scene(() => {
      count += 1;
      return { branch: `z9hG4bK${count}`, bytes: Uint8Array.of(79) };
    });
    const flow = open('udp');
    keeping.hold(flow, alice, settings('options'));
    clock.pass(29_000);
    expect(sent[0]?.bytes).toEqual(Uint8Array.of(79));
    expect(keeping.response('z9hG4bKother', 200)).toBe(false);
    expect(keeping.response('z9hG4bK1', 404)).toBe(true);
    expect(proven).toEqual([flow]);
    expect(keeping.response('z9hG4bK1', 404)).toBe(false);
    clock.pass(29_000);
    keeping.gone(flow);
    expect(keeping.response('z9hG4bK2', 200)).toBe(false);
  });

  it('that nobody answers is told once as a warning, and ends nothing', () => {
    let count = 0;
    const { clock, news, lost, keeping, open } = scene(() => {
      count += 1;
      return { branch: `z9hG4bK${count}`, bytes: Uint8Array.of(79) };
    });
    keeping.hold(open('tcp'), alice, settings('options'));
    clock.pass(600_000);
    const silences = news.filter(({ code }) => code === 'unanswered');
    expect(silences.length).toBeGreaterThan(2);
    expect(silences.map(({ severity }) => severity).filter((one) => one === 'warning')).toHaveLength(1);
    expect(lost).toEqual([]);
  });
});

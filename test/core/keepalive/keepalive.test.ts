// The keep-alive of one flow, step by step.

import { describe, expect, it } from 'vitest';
import { parseStun, type StunMessage } from '../../../src/core/stun/message.ts';
import { type Run, run, terms } from './run.ts';

const OUTBOUND = { outbound: true };

/** The transaction id of the STUN request that went out last. */
function lastTransaction({ of }: Run): string {
  const sent = of('send').at(-1);
  const message = sent?.type === 'send' ? parseStun(sent.bytes) : null;
  if (message?.type !== 'request') throw new Error('no STUN request went out');
  return message.transactionId;
}

function mappedTo(flow: Run, address: string, port: number): StunMessage {
  return { type: 'success', transactionId: lastTransaction(flow), mapped: { address, port }, unknown: [] };
}

const pong = { type: 'pong' } as const;
const double = Uint8Array.of(13, 10, 13, 10);

describe('a ping on a stream', () => {
  it('R340 R343 is a double CRLF after 95 to 120 s, and again', () => {
    const flow = run('tls', terms('auto'));
    let before = 0;
    const intervals: number[] = [];
    for (let ping = 0; ping < 20; ping++) {
      expect(flow.wake()).toEqual([{ type: 'send', method: 'ping', bytes: double, repeated: false }]);
      intervals.push(flow.now() - before);
      before = flow.now();
      flow.pass(30);
      expect(flow.put(pong)).toMatchObject([{ type: 'answered', first: ping === 0, roundTripMs: 30 }]);
    }
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(95_000);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(120_000);
    expect(new Set(intervals).size).toBe(20);
  });

  it.each([
    ['Require: outbound', OUTBOUND],
    ['keep', { keepSeconds: 0 }],
  ])('R341 is a loss without a pong in 10 s, when %s promised one', (_what, promise) => {
    const flow = run('tcp', terms('auto', promise));
    flow.wake();
    const sentAt = flow.now();
    expect(flow.wake()).toMatchObject([
      { type: 'failed', failure: { stage: 'connect', code: 'connect.no-pong' } },
    ]);
    expect(flow.now() - sentAt).toBe(10_000);
    expect(flow.wakeAt()).toBeUndefined();
  });

  it('R341 is a loss when one was answered before', () => {
    const flow = run('tcp', terms('auto'));
    flow.wake();
    flow.put(pong);
    flow.wake();
    expect(flow.wake()).toMatchObject([{ type: 'failed', failure: { code: 'connect.no-pong' } }]);
  });

  it('without an answer is no loss when nobody promised one', () => {
    const flow = run('tcp', terms('auto'));
    flow.wake();
    expect(flow.wake()).toMatchObject([{ type: 'unanswered' }]);
    expect(flow.wake()).toMatchObject([{ type: 'send', method: 'ping' }]);
    expect(flow.of('failed')).toEqual([]);
  });

  it('R341 waits for the pong behind messages, but not for ever', () => {
    const flow = run('tcp', terms('auto', OUTBOUND));
    flow.wake();
    flow.pass(9_999);
    flow.put({ type: 'messageReceived' });
    flow.pass(5_000);
    expect(flow.put({ type: 'timePassed' })).toEqual([]);
    expect(flow.put(pong)).toMatchObject([{ type: 'answered' }]);
    flow.wake();
    const again = flow.now();
    for (let message = 0; message < 10 && flow.of('failed').length === 0; message++) {
      flow.pass(5_000);
      flow.put({ type: 'messageReceived' });
      flow.put({ type: 'timePassed' });
    }
    expect(flow.of('failed')).toMatchObject([{ at: again + 30_000 }]);
  });

  it('R348 is not disturbed by a CRLF that nobody asked for', () => {
    const flow = run('tcp', terms('auto'));
    expect(flow.put(pong)).toEqual([]);
    flow.wake();
    flow.put(pong);
    expect(flow.put(pong)).toEqual([]);
    expect(flow.of('answered')).toHaveLength(1);
  });

  it('R342 follows Flow-Timer', () => {
    const flow = run('tcp', terms('auto', { outbound: true, flowTimerSeconds: 20 }));
    for (let ping = 0; ping < 20; ping++) {
      const before = flow.now();
      flow.wake();
      expect(flow.now() - before).toBeGreaterThanOrEqual(16_000);
      expect(flow.now() - before).toBeLessThanOrEqual(20_000);
      flow.put(pong);
    }
  });
});

describe('a datagram', () => {
  it('R345 is sent over UDP every 24 to 29 s where nobody promised STUN, and nothing is expected', () => {
    const flow = run('udp', terms('auto'));
    for (let sent = 0; sent < 20; sent++) {
      const before = flow.now();
      expect(flow.wake()).toEqual([{ type: 'send', method: 'datagram', bytes: double, repeated: false }]);
      expect(flow.now() - before).toBeGreaterThanOrEqual(24_000);
      expect(flow.now() - before).toBeLessThanOrEqual(29_000);
    }
    expect(flow.effects).toHaveLength(20);
  });
});

describe('STUN', () => {
  it('R344 R434 R346 is sent seven times with doubled waits, and a loss 39.5 s after the first', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    flow.wake();
    const first = flow.now();
    expect(first).toBeGreaterThanOrEqual(24_000);
    expect(first).toBeLessThanOrEqual(29_000);
    while (flow.of('failed').length === 0) flow.wake();
    const sent = flow.of('send');
    expect(sent.map(({ at }) => at - first)).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    expect(flow.of('failed')).toMatchObject([{ at: first + 39_500, failure: { code: 'connect.no-pong' } }]);
    expect(flow.wakeAt()).toBeUndefined();
  });

  it('R433 keeps its transaction id in copies, and has a new one each time', () => {
    const flow = run('udp', terms('stun'));
    flow.wake();
    const id = lastTransaction(flow);
    expect(flow.wake()).toMatchObject([{ type: 'send', repeated: true }]);
    expect(lastTransaction(flow)).toBe(id);
    flow.put({ type: 'stunReceived', message: mappedTo(flow, '203.0.113.7', 5070) });
    flow.wake();
    expect(lastTransaction(flow)).not.toBe(id);
  });

  it('learns the public address, and is content as long as it stays', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    for (let round = 0; round < 3; round++) {
      flow.wake();
      flow.put({ type: 'stunReceived', message: mappedTo(flow, '203.0.113.7', 5070) });
    }
    expect(flow.of('mapped')).toMatchObject([{ address: { address: '203.0.113.7', port: 5070 } }]);
    expect(flow.of('answered')).toMatchObject([{ first: true }, { first: false }, { first: false }]);
    expect(flow.of('failed')).toEqual([]);
  });

  it.each([
    ['port', '203.0.113.7', 5071],
    ['address', '203.0.113.8', 5070],
  ])('R347 is a loss when the public %s changes', (_what, address, port) => {
    const flow = run('udp', terms('auto', OUTBOUND));
    flow.wake();
    flow.put({ type: 'stunReceived', message: mappedTo(flow, '203.0.113.7', 5070) });
    flow.wake();
    expect(flow.put({ type: 'stunReceived', message: mappedTo(flow, address, port) })).toMatchObject([
      { type: 'failed', failure: { code: 'connect.mapping-changed' } },
    ]);
  });

  it('R347 knows an IPv6 address in any spelling', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    flow.wake();
    flow.put({ type: 'stunReceived', message: mappedTo(flow, '2001:db8::1', 5070) });
    flow.wake();
    flow.put({ type: 'stunReceived', message: mappedTo(flow, '2001:DB8:0:0:0:0:0:1', 5070) });
    expect(flow.of('failed')).toEqual([]);
  });

  it.each([500, 420, null])('R346 R440 is a loss when the answer is the error %s', (code) => {
    const flow = run('udp', terms('auto', { keepSeconds: 30 }));
    flow.wake();
    const message: StunMessage = { type: 'error', transactionId: lastTransaction(flow), code };
    expect(flow.put({ type: 'stunReceived', message })).toMatchObject([{ type: 'failed' }]);
  });

  it('R436 is a loss when the answer cannot be understood', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    flow.wake();
    const message: StunMessage = { ...mappedTo(flow, '203.0.113.7', 5070), unknown: [0x7fff] } as StunMessage;
    expect(flow.put({ type: 'stunReceived', message })).toMatchObject([{ type: 'failed' }]);
  });

  it('R435 does not listen to answers that nobody asked for', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    const strange: StunMessage = {
      type: 'success',
      transactionId: 'f'.repeat(24),
      mapped: { address: '198.51.100.1', port: 1 },
      unknown: [],
    };
    expect(flow.put({ type: 'stunReceived', message: strange })).toEqual([]);
    flow.wake();
    expect(flow.put({ type: 'stunReceived', message: strange })).toEqual([]);
    expect(flow.put({ type: 'stunReceived', message: { ...strange, type: 'error', code: 500 } })).toEqual([]);
    const answer = mappedTo(flow, '203.0.113.7', 5070);
    flow.put({ type: 'stunReceived', message: answer });
    expect(flow.put({ type: 'stunReceived', message: answer })).toEqual([]);
    expect(flow.of('answered')).toHaveLength(1);
  });

  it('configured, but never answered, does not end a flow that works', () => {
    const flow = run('udp', terms('stun'));
    while (flow.of('unanswered').length === 0) flow.wake();
    expect(flow.of('failed')).toEqual([]);
    expect(flow.wakeAt()).toBeDefined();
  });

  it('R361 stops when a refresh no longer promises it', () => {
    const flow = run('udp', terms('auto', { keepSeconds: 20 }));
    flow.wake();
    expect(flow.of('send')).toMatchObject([{ method: 'stun' }]);
    flow.put({ type: 'termsChanged', terms: terms('auto') });
    flow.wake();
    expect(flow.of('send')).toMatchObject([{ method: 'stun' }, { method: 'datagram' }]);
  });
});

describe('OPTIONS', () => {
  const request = { branch: 'z9hG4bK1', bytes: Uint8Array.of(79) };

  it.each([200, 401, 404, 405, 503])('is answered by any final response, also %s', (status) => {
    const flow = run('udp', terms('options'));
    expect(flow.wake()).toEqual([{ type: 'makeOptions' }]);
    expect(flow.put({ type: 'optionsMade', request })).toMatchObject([
      { type: 'send', bytes: request.bytes },
    ]);
    flow.put({ type: 'responseReceived', branch: request.branch, status: 100 });
    flow.put({ type: 'responseReceived', branch: 'z9hG4bK2', status });
    expect(flow.of('answered')).toEqual([]);
    flow.put({ type: 'responseReceived', branch: request.branch, status });
    expect(flow.of('answered')).toMatchObject([{ method: 'options', first: true }]);
  });

  it('R141 is sent again as Timer E says, and lost at Timer F', () => {
    const flow = run('udp', terms('options', { keepSeconds: 0 }));
    flow.wake();
    flow.put({ type: 'optionsMade', request });
    const first = flow.now();
    while (flow.of('failed').length === 0) flow.wake();
    expect(
      flow
        .of('send')
        .map(({ at }) => at - first)
        .slice(0, 5),
    ).toEqual([0, 500, 1_500, 3_500, 7_500]);
    expect(flow.of('failed')).toMatchObject([{ at: first + 32_000, failure: { code: 'connect.no-pong' } }]);
  });

  it.each([
    ['tcp', 'ping'],
    ['udp', 'datagram'],
  ] as const)('over %s is a %s when there is nobody to ask for', (transport, method) => {
    const flow = run(transport, terms('options'));
    flow.wake();
    expect(flow.put({ type: 'optionsMade', request: null })).toMatchObject([{ type: 'send', method }]);
  });
});

describe('changed terms', () => {
  it('of a refresh that says the same put nothing off', () => {
    const flow = run('udp', terms('auto', OUTBOUND));
    const due = flow.wakeAt();
    for (let refresh = 0; refresh < 10; refresh++) {
      flow.pass(2_000);
      flow.put({ type: 'termsChanged', terms: terms('auto', OUTBOUND) });
      expect(flow.wakeAt()).toBe(due);
    }
  });

  it('bring the next one forward, but never put it off', () => {
    const flow = run('tcp', terms('auto'));
    flow.put({ type: 'termsChanged', terms: terms('auto', { flowTimerSeconds: 10 }) });
    const soon = flow.wakeAt() ?? 0;
    expect(soon).toBeLessThanOrEqual(10_000);
    flow.put({ type: 'termsChanged', terms: terms('auto') });
    expect(flow.wakeAt()).toBe(soon);
  });

  it('turn it off and on again', () => {
    const flow = run('tcp', terms('off'));
    expect(flow.wakeAt()).toBeUndefined();
    flow.put({ type: 'doubted' });
    expect(flow.wakeAt()).toBeUndefined();
    flow.put({ type: 'termsChanged', terms: terms('auto', OUTBOUND) });
    flow.wake();
    flow.put({ type: 'termsChanged', terms: terms('off', OUTBOUND) });
    expect(flow.wakeAt()).toBeUndefined();
  });
});

describe('a clock that jumped', () => {
  it('asks at once, and gives that one its whole time', () => {
    const flow = run('tcp', terms('auto', OUTBOUND));
    flow.wake();
    flow.pass(9_000);
    flow.put({ type: 'doubted' });
    expect(flow.wake()).toMatchObject([{ type: 'send', method: 'ping' }]);
    expect(flow.wakeAt()).toBe(flow.now() + 10_000);
  });
});

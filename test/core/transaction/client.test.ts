// The non-INVITE client transaction against its published schedule.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClientTransaction,
  responseReceived,
  startTransaction,
  timePassed,
  transactionWakeAt,
} from '../../../src/core/transaction/client.ts';

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/timers.json'), 'utf8')) as {
  readonly nonInviteUdpSendTimesMs_noResponse: readonly number[];
  readonly nonInviteUdpSendCount: number;
  readonly timerFms: number;
  readonly rfc3261: { readonly T2: number; readonly T4: number };
};
const START = 10_000;

/** Rings every alarm; when it sent and how it ended, in milliseconds after the start. */
function run(transaction: ClientTransaction, provisionalAt?: number) {
  const sentAt = [0];
  let current = transaction;
  let told = false;
  for (;;) {
    const at = transactionWakeAt(current);
    if (at === undefined) return { sentAt, endedAt: null, event: null };
    if (provisionalAt !== undefined && !told && START + provisionalAt <= at) {
      told = true;
      const step = responseReceived(current, 100, START + provisionalAt);
      expect(step.event).toBe('provisional');
      current = step.transaction;
      continue;
    }
    const step = timePassed(current, at);
    current = step.transaction;
    if (step.event === 'retransmit') sentAt.push(at - START);
    else return { sentAt, endedAt: at - START, event: step.event };
  }
}

describe('the non-INVITE client transaction', () => {
  it('R141 R143 sends eleven times over UDP and gives up after 32 s', () => {
    const { sentAt, endedAt, event } = run(startTransaction(false, START));
    expect(sentAt).toEqual(vectors.nonInviteUdpSendTimesMs_noResponse);
    expect(sentAt.length).toBe(vectors.nonInviteUdpSendCount);
    expect([event, endedAt]).toEqual(['timedOut', vectors.timerFms]);
  });

  it('R143 R144 sends once over a stream, with the same end', () => {
    expect(run(startTransaction(true, START))).toEqual({
      sentAt: [0],
      endedAt: vectors.timerFms,
      event: 'timedOut',
    });
  });

  it('R142 repeats every T2 after a provisional answer, while Timer F runs on', () => {
    const { sentAt, endedAt, event } = run(startTransaction(false, START), 600);
    // The copy that was due at 1.5 s still goes then; from there on the interval is T2.
    expect(sentAt).toEqual([0, 500, 1500, 5500, 9500, 13_500, 17_500, 21_500, 25_500, 29_500]);
    expect([event, endedAt]).toEqual(['timedOut', vectors.timerFms]);
  });

  it('R145 takes the final answer once, and absorbs copies over UDP for T4', () => {
    const first = responseReceived(startTransaction(false, START), 200, START + 50);
    expect(first.event).toBe('final');
    const copy = responseReceived(first.transaction, 200, START + 60);
    expect(copy).toEqual({ transaction: first.transaction, event: 'absorbed' });
    const end = START + 50 + vectors.rfc3261.T4;
    expect(transactionWakeAt(first.transaction)).toBe(end);
    expect(timePassed(first.transaction, end - 1).event).toBeNull();
    expect(timePassed(first.transaction, end)).toEqual({
      transaction: { name: 'terminated' },
      event: 'ended',
    });
  });

  it('R145 is over with the final answer on a stream', () => {
    const { transaction, event } = responseReceived(startTransaction(true, START), 404, START + 50);
    expect([transaction, event]).toEqual([{ name: 'terminated' }, 'final']);
    expect(transactionWakeAt(transaction)).toBeUndefined();
  });

  it('R149 has nothing to say after its end', () => {
    const ended: ClientTransaction = { name: 'terminated' };
    expect(responseReceived(ended, 200, START).event).toBeNull();
    expect(timePassed(ended, START).event).toBeNull();
  });

  it('changes nothing before its time', () => {
    const transaction = startTransaction(false, START);
    expect(timePassed(transaction, START + 499)).toEqual({ transaction, event: null });
  });

  it('sends one copy after a late wake, not those that it missed', () => {
    const late = timePassed(startTransaction(false, START), START + 9000);
    expect(late.event).toBe('retransmit');
    expect(transactionWakeAt(late.transaction)).toBe(START + 9000 + 1000);
  });

  it('always looks ahead, whatever comes', () => {
    const inputs = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 20_000 }),
        status: fc.option(fc.integer({ min: 100, max: 699 })),
      }),
    );
    fc.assert(
      fc.property(fc.boolean(), inputs, (reliable, steps) => {
        let transaction = startTransaction(reliable, START);
        let now = START;
        for (const { wait, status } of steps) {
          now += wait;
          if (status !== null) transaction = responseReceived(transaction, status, now).transaction;
          transaction = timePassed(transaction, now).transaction;
          const at = transactionWakeAt(transaction);
          if (at !== undefined) expect(at).toBeGreaterThan(now);
        }
      }),
    );
  });
});

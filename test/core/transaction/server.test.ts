// The non-INVITE server transaction against RFC 3261 §17.2.2 and RFC 4320 §4.

import { describe, expect, it } from 'vitest';
import {
  finalGiven,
  requestRepeated,
  type ServerTransaction,
  serverTimePassed,
  serverWakeAt,
  startServer,
} from '../../../src/core/transaction/server.ts';

const UDP = false;
const TCP = true;

function completed(reliable: boolean, now: number): ServerTransaction {
  return finalGiven(startServer(reliable, now), now).transaction;
}

describe('the non-INVITE server transaction', () => {
  it('R154 absorbs copies while trying, and repeats the last response afterwards', () => {
    const trying = startServer(UDP, 0);
    expect(requestRepeated(trying)).toBeNull();
    const proceeding = serverTimePassed(trying, 3_500).transaction;
    expect(requestRepeated(proceeding)).toBe('repeat');
    const answered = finalGiven(proceeding, 4_000);
    expect(answered.event).toBe('final');
    expect(requestRepeated(answered.transaction)).toBe('repeat');
  });

  it('R155 ends 32 s after the final response over UDP, and drops another one', () => {
    const transaction = completed(UDP, 100);
    expect(serverWakeAt(transaction)).toBe(32_100);
    expect(serverTimePassed(transaction, 32_099)).toEqual({ transaction, event: null });
    expect(finalGiven(transaction, 200)).toEqual({ transaction, event: null });
    const ended = serverTimePassed(transaction, 32_100);
    expect(ended).toEqual({ transaction: { name: 'terminated' }, event: 'ended' });
    expect(finalGiven(ended.transaction, 32_200).event).toBeNull();
    expect(requestRepeated(ended.transaction)).toBeNull();
    expect(serverTimePassed(ended.transaction, 99_999).event).toBeNull();
    expect(serverWakeAt(ended.transaction)).toBeUndefined();
  });

  it('R155 is over with its final response on a stream', () => {
    expect(completed(TCP, 0)).toEqual({ name: 'terminated' });
  });

  it.each([UDP, TCP])('R442 R443 sends a 100 after 3.5 s and not before (reliable: %s)', (reliable) => {
    const trying = startServer(reliable, 1_000);
    expect(serverWakeAt(trying)).toBe(4_500);
    expect(serverTimePassed(trying, 4_499).event).toBeNull();
    const step = serverTimePassed(trying, 4_500);
    expect(step).toEqual({ transaction: { name: 'proceeding', reliable }, event: 'trying' });
    expect(serverWakeAt(step.transaction)).toBeUndefined();
    expect(serverTimePassed(step.transaction, 99_999).event).toBeNull();
  });
});

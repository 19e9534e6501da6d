// The INVITE server transaction against RFC 3261 §17.2.1 and RFC 6026 §7.1.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ackReceived,
  type InviteServer,
  inviteFinalGiven,
  inviteRepeated,
  inviteServerWakeAt,
  inviteTimePassed,
  startInviteServer,
} from '../../../src/core/transaction/invite-server.ts';

const UDP = false;
const TCP = true;

function completed(reliable: boolean, now: number): InviteServer {
  return inviteFinalGiven(startInviteServer(reliable, now), 480, now).transaction;
}

/** Wakes the transaction at each of its instants until it ends; when what happened. */
function live(transaction: InviteServer): readonly (readonly [number, string | null])[] {
  const happened: (readonly [number, string | null])[] = [];
  let current = transaction;
  for (let at = inviteServerWakeAt(current); at !== undefined; at = inviteServerWakeAt(current)) {
    const step = inviteTimePassed(current, at);
    happened.push([at, step.event]);
    current = step.transaction;
  }
  return happened;
}

describe('the INVITE server transaction', () => {
  it('R150 sends a 100 after 200 ms, unless the final answer is out by then', () => {
    const proceeding = startInviteServer(UDP, 1_000);
    expect(inviteServerWakeAt(proceeding)).toBe(1_200);
    expect(inviteTimePassed(proceeding, 1_199).event).toBeNull();
    const waiting = inviteTimePassed(proceeding, 1_200);
    expect(waiting.event).toBe('trying');
    expect(inviteServerWakeAt(waiting.transaction)).toBeUndefined();
    expect(inviteTimePassed(completed(UDP, 1_000), 1_200).event).toBeNull();
  });

  it('R151 repeats the final answer over UDP after 0.5, 1, 2, 4, 4 … s', () => {
    const happened = live(completed(UDP, 0));
    const repeats = happened.filter(([, event]) => event === 'repeat').map(([at]) => at);
    expect(repeats).toEqual([500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
  });

  it('R153 gives up after 32 s without an ACK, over UDP and streams', () => {
    expect(live(completed(UDP, 0)).at(-1)).toEqual([32_000, 'unacknowledged']);
    expect(live(completed(TCP, 0))).toEqual([[32_000, 'unacknowledged']]);
  });

  it('R151 answers a copy of the INVITE with the last answer', () => {
    const proceeding = startInviteServer(UDP, 0);
    expect(inviteRepeated(proceeding)).toBeNull();
    expect(inviteRepeated(inviteTimePassed(proceeding, 200).transaction)).toBe('repeat');
    expect(inviteRepeated(completed(UDP, 0))).toBe('repeat');
  });

  it('R152 absorbs everything for 5 s after the ACK over UDP', () => {
    const step = ackReceived(completed(UDP, 0), 600);
    expect(step).toEqual({ transaction: { name: 'confirmed', endsAt: 5_600 }, event: 'acknowledged' });
    expect(inviteRepeated(step.transaction)).toBeNull();
    expect(ackReceived(step.transaction, 700)).toEqual({ transaction: step.transaction, event: null });
    expect(live(step.transaction)).toEqual([[5_600, 'ended']]);
  });

  it('R152 is over with the ACK on a stream', () => {
    expect(ackReceived(completed(TCP, 0), 600).transaction).toEqual({ name: 'terminated' });
  });

  it('keeps to its first final answer', () => {
    const transaction = completed(UDP, 0);
    expect(inviteFinalGiven(transaction, 487, 100)).toEqual({ transaction, event: null });
  });

  it('takes no ACK before its answer', () => {
    const transaction = startInviteServer(UDP, 0);
    expect(ackReceived(transaction, 100)).toEqual({ transaction, event: null });
  });

  it('R454 absorbs copies of the INVITE for 32 s after a 2xx', () => {
    const accepted = inviteFinalGiven(startInviteServer(TCP, 0), 200, 100).transaction;
    expect(inviteRepeated(accepted)).toBeNull();
    expect(ackReceived(accepted, 200).event).toBeNull();
    expect(live(accepted)).toEqual([[32_100, 'ended']]);
  });

  it('sends no burst of copies after a late wake', () => {
    const late = inviteTimePassed(completed(UDP, 0), 20_000);
    expect(late.event).toBe('repeat');
    expect(inviteServerWakeAt(late.transaction)).toBe(21_000);
  });

  it('ends, whatever happens to it and when', () => {
    const happening = fc.record({
      afterMs: fc.integer({ min: 0, max: 10_000 }),
      what: fc.constantFrom('time', 'copy', 'ack', 'final'),
    });
    fc.assert(
      fc.property(fc.boolean(), fc.array(happening, { maxLength: 30 }), (reliable, happenings) => {
        let transaction = startInviteServer(reliable, 0);
        let now = 0;
        for (const { afterMs, what } of happenings) {
          now += afterMs;
          if (what === 'time') transaction = inviteTimePassed(transaction, now).transaction;
          else if (what === 'ack') transaction = ackReceived(transaction, now).transaction;
          else if (what === 'final') transaction = inviteFinalGiven(transaction, 480, now).transaction;
          else inviteRepeated(transaction);
        }
        const answered = inviteFinalGiven(transaction, 480, now).transaction;
        const end = live(answered).at(-1)?.[0] ?? now;
        expect(end).toBeLessThanOrEqual(now + 32_000);
      }),
    );
  });
});

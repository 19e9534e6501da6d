// Which targets stand back, and for how long.

import { describe, expect, it } from 'vitest';
import {
  healthiestFirst,
  NO_FAILED_TARGETS,
  QUIET_PERIOD_MS,
  type TargetHealth,
  targetFailed,
  targetServed,
} from '../../../src/core/resolve/target-health.ts';
import type { Target } from '../../../src/core/sip/transport.ts';

const target = (host: number): Target => ({
  transport: 'udp',
  host: 'example.com',
  address: `10.0.${host >> 8}.${host & 255}`,
  port: 5060,
});
const [A, B, C] = [1, 2, 3].map((host) => ({ target: target(host) })) as [
  { target: Target },
  { target: Target },
  { target: Target },
];

function failed(...targets: readonly Target[]): TargetHealth {
  return targets.reduce((health, one) => targetFailed(health, one, 0), NO_FAILED_TARGETS);
}

describe('the health of targets', () => {
  it('R235 puts those that failed last, in their own order, and says that a better one stands back', () => {
    expect(healthiestFirst(NO_FAILED_TARGETS, [A, B, C], 0)).toEqual({
      ordered: [A, B, C],
      deferredUntil: null,
    });
    expect(healthiestFirst(failed(A.target), [A, B, C], 1)).toEqual({
      ordered: [B, C, A],
      deferredUntil: QUIET_PERIOD_MS,
    });
    expect(healthiestFirst(failed(B.target), [A, B, C], 1)).toEqual({
      ordered: [A, C, B],
      deferredUntil: null,
    });
    expect(healthiestFirst(failed(B.target, A.target), [A, B, C], 1)).toEqual({
      ordered: [C, A, B],
      deferredUntil: QUIET_PERIOD_MS,
    });
  });

  it('R235 leaves the order alone when all have failed, or nothing is there', () => {
    const all = failed(C.target, A.target, B.target);
    expect(healthiestFirst(all, [A, B, C], 1)).toEqual({ ordered: [A, B, C], deferredUntil: null });
    expect(healthiestFirst(all, [], 1)).toEqual({ ordered: [], deferredUntil: null });
  });

  it('R235 tries a failed one in its own place again after five minutes', () => {
    const health = failed(A.target);
    expect(QUIET_PERIOD_MS).toBe(300_000);
    expect(healthiestFirst(health, [A, B], QUIET_PERIOD_MS - 1).ordered).toEqual([B, A]);
    expect(healthiestFirst(health, [A, B], QUIET_PERIOD_MS)).toEqual({
      ordered: [A, B],
      deferredUntil: null,
    });
  });

  it('begins a new quiet period with each failure', () => {
    const again = targetFailed(failed(A.target), A.target, 200_000);
    expect(healthiestFirst(again, [A, B], 499_999).ordered).toEqual([B, A]);
  });

  it('stands back for as long as it asked to, if that is longer', () => {
    const long = targetFailed(NO_FAILED_TARGETS, A.target, 1_000, 3_600_000);
    expect(healthiestFirst(long, [A, B], 3_600_999).ordered).toEqual([B, A]);
    expect(healthiestFirst(long, [A, B], 3_601_000).ordered).toEqual([A, B]);
    const short = targetFailed(NO_FAILED_TARGETS, A.target, 0, 5_000);
    expect(healthiestFirst(short, [A, B], QUIET_PERIOD_MS - 1).ordered).toEqual([B, A]);
    // Whoever goes back goes to the first of them that may be asked again.
    const both = targetFailed(long, B.target, 2_000);
    expect(healthiestFirst(long, [A, B], 2_000).deferredUntil).toBe(3_601_000);
    expect(healthiestFirst(both, [A, B, C], 2_000)).toEqual({
      ordered: [C, A, B],
      deferredUntil: 2_000 + QUIET_PERIOD_MS,
    });
    // It outlives failures that came later, but ended before.
    expect(targetFailed(targetFailed(long, B.target, 2_000), C.target, 1_000_000).size).toBe(2);
  });

  it('forgets a failure when the target has served', () => {
    const health = targetServed(failed(A.target, B.target), A.target);
    expect(healthiestFirst(health, [A, B], 1).ordered).toEqual([A, B]);
    expect(targetServed(NO_FAILED_TARGETS, A.target)).toBe(NO_FAILED_TARGETS);
  });

  it('knows a target by transport, address and port, whatever name led to it', () => {
    const renamed = { target: { ...A.target, host: 'other.example.com' } };
    const overTcp = { target: { ...A.target, transport: 'tcp' as const } };
    expect(healthiestFirst(failed(A.target), [renamed, overTcp], 1).ordered).toEqual([overTcp, renamed]);
  });

  it('remembers a bounded number, and none that no longer counts', () => {
    let health = NO_FAILED_TARGETS;
    for (let host = 0; host < 3000; host++) health = targetFailed(health, target(host), host);
    expect(health.size).toBe(1024);
    const latest = { target: target(2999) };
    expect(healthiestFirst(health, [latest, { target: target(0) }], 3000).deferredUntil).toBe(
      2999 + QUIET_PERIOD_MS,
    );
    expect(targetFailed(health, A.target, 10_000_000).size).toBe(1);
    const again = targetFailed(failed(A.target, B.target), A.target, 200_000);
    expect(targetFailed(again, C.target, 300_000).size).toBe(2);
  });
});

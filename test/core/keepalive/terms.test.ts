// Which method keeps a flow open, and how often.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  intervalOf,
  type KeepalivePromise,
  type KeepaliveSettings,
  type KeepaliveTerms,
  methodOf,
  NO_PROMISE,
  randomInterval,
  strictestTerms,
} from '../../../src/core/keepalive/terms.ts';
import { seededRng } from '../../../src/core/rng.ts';

function terms(
  method: KeepaliveSettings['method'],
  promise: Partial<KeepalivePromise> = {},
  intervalSeconds: number | null = null,
): KeepaliveTerms {
  return { settings: { method, intervalSeconds }, promise: { ...NO_PROMISE, ...promise } };
}

describe('the method', () => {
  it.each(['tcp', 'tls', 'ws', 'wss'] as const)('R339 is a ping over %s, never STUN', (transport) => {
    for (const method of ['auto', 'crlf', 'stun'] as const) {
      expect(methodOf(transport, terms(method, { outbound: true }))).toBe('ping');
    }
    expect(methodOf(transport, terms('options'))).toBe('options');
    expect(methodOf(transport, terms('off', { outbound: true, keepSeconds: 30 }))).toBeNull();
  });

  it('R345 R360 is STUN over UDP only where the server or the operator says so', () => {
    expect(methodOf('udp', terms('auto'))).toBe('datagram');
    expect(methodOf('udp', terms('auto', { flowTimerSeconds: 30 }))).toBe('datagram');
    expect(methodOf('udp', terms('auto', { outbound: true }))).toBe('stun');
    expect(methodOf('udp', terms('auto', { keepSeconds: 0 }))).toBe('stun');
    expect(methodOf('udp', terms('stun'))).toBe('stun');
    expect(methodOf('udp', terms('crlf', { outbound: true }))).toBe('datagram');
    expect(methodOf('udp', terms('options', { outbound: true }))).toBe('options');
  });
});

describe('the interval', () => {
  const seconds = (lowMs: number, highMs: number) => ({ lowMs: lowMs * 1_000, highMs: highMs * 1_000 });

  it('R343 is 95 to 120 s on streams when nobody names another', () => {
    expect(intervalOf('tls', 'ping', terms('auto', { outbound: true }))).toEqual(seconds(95, 120));
    expect(intervalOf('tcp', 'options', terms('options'))).toEqual(seconds(95, 120));
  });

  it('R344 is 24 to 29 s over UDP when nobody names another', () => {
    for (const method of ['stun', 'datagram', 'options'] as const) {
      expect(intervalOf('udp', method, terms('auto', { keepSeconds: 0 }))).toEqual(seconds(24, 29));
    }
  });

  it('R342 R360 is 80 to 100 % of what the server wants', () => {
    expect(intervalOf('tcp', 'ping', terms('auto', { flowTimerSeconds: 300 }))).toEqual(seconds(240, 300));
    expect(intervalOf('udp', 'stun', terms('auto', { keepSeconds: 100 }))).toEqual(seconds(80, 100));
  });

  it('R363 is of the smaller one when Flow-Timer and keep differ', () => {
    const both = terms('auto', { flowTimerSeconds: 100, keepSeconds: 50 });
    expect(intervalOf('tcp', 'ping', both)).toEqual(seconds(40, 50));
    const other = terms('auto', { flowTimerSeconds: 50, keepSeconds: 100 });
    expect(intervalOf('tcp', 'ping', other)).toEqual(seconds(40, 50));
  });

  it('is the configured one, unless the server wants more', () => {
    expect(intervalOf('tcp', 'ping', terms('auto', {}, 200))).toEqual(seconds(160, 200));
    expect(intervalOf('tcp', 'ping', terms('auto', { flowTimerSeconds: 50 }, 200))).toEqual(seconds(40, 50));
    expect(intervalOf('tcp', 'ping', terms('auto', { flowTimerSeconds: 500 }, 200))).toEqual(
      seconds(160, 200),
    );
  });

  it('of a datagram that nobody answers is not made longer by a server', () => {
    expect(intervalOf('udp', 'datagram', terms('crlf', { flowTimerSeconds: 300 }))).toEqual(seconds(24, 29));
    expect(intervalOf('udp', 'datagram', terms('crlf', { flowTimerSeconds: 10 }))).toEqual(seconds(8, 10));
    expect(intervalOf('udp', 'datagram', terms('crlf', {}, 60))).toEqual(seconds(48, 60));
  });

  it('R342 R343 R344 is a new random number each time, within the bounds', () => {
    const named = fc.option(fc.integer({ min: 0, max: 100_000 }));
    fc.assert(
      fc.property(
        fc.constantFrom('udp', 'tcp' as const),
        fc.constantFrom('auto', 'crlf', 'stun', 'options' as const),
        named,
        named,
        named,
        fc.integer(),
        (transport, method, flowTimerSeconds, keepSeconds, configured, seed) => {
          const all = terms(method, { flowTimerSeconds, keepSeconds }, configured);
          const kind = methodOf(transport, all);
          if (kind === null) throw new Error('no method');
          const interval = intervalOf(transport, kind, all);
          const rng = seededRng(seed);
          const chosen = Array.from({ length: 5 }, () => randomInterval(interval, rng));
          for (const one of chosen) {
            expect(one).toBeGreaterThanOrEqual(interval.lowMs);
            expect(one).toBeLessThanOrEqual(interval.highMs);
          }
          expect(new Set(chosen).size).toBe(5);
          expect(interval.lowMs / interval.highMs).toBeCloseTo(0.8, 1);
          for (const wanted of [flowTimerSeconds, keepSeconds, configured]) {
            if (wanted !== null && wanted > 0 && kind !== 'datagram') {
              expect(interval.highMs).toBeLessThanOrEqual(wanted * 1_000);
            }
          }
        },
      ),
    );
  });
});

describe('the terms of a shared flow', () => {
  it('are the strictest of all', () => {
    const shared = strictestTerms([
      terms('off', { keepSeconds: 0 }),
      terms('auto', { flowTimerSeconds: 90, keepSeconds: 60 }, 100),
      terms('auto', { outbound: true }, 30),
    ]);
    expect(shared).toEqual({
      settings: { method: 'auto', intervalSeconds: 30 },
      promise: { flowTimerSeconds: 90, keepSeconds: 60, outbound: true },
    });
    expect(strictestTerms([terms('off'), terms('auto'), terms('crlf')]).settings.method).toBe('crlf');
    expect(strictestTerms([terms('off'), terms('off')]).settings.method).toBe('off');
    expect(strictestTerms([terms('off', { keepSeconds: 0 })]).promise.keepSeconds).toBe(0);
  });
});

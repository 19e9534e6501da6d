// The keep-alive of one flow under any sequence of inputs.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeepaliveInput } from '../../../src/core/keepalive/keepalive.ts';
import { run } from './run.ts';

const double = Uint8Array.of(13, 10, 13, 10);

describe('any sequence', () => {
  const anyTerms = fc
    .record({
      method: fc.constantFrom('auto', 'crlf', 'stun', 'options', 'off' as const),
      intervalSeconds: fc.option(fc.integer({ min: 1, max: 600 })),
      flowTimerSeconds: fc.option(fc.integer({ min: 0, max: 600 })),
      keepSeconds: fc.option(fc.integer({ min: 0, max: 600 })),
      outbound: fc.boolean(),
    })
    .map(({ method, intervalSeconds, ...promise }) => ({ settings: { method, intervalSeconds }, promise }));
  const anyInput: fc.Arbitrary<KeepaliveInput | 'wake'> = fc.oneof(
    { weight: 6, arbitrary: fc.constant('wake' as const) },
    fc.constant<KeepaliveInput>({ type: 'pong' }),
    fc.constant<KeepaliveInput>({ type: 'messageReceived' }),
    fc.constant<KeepaliveInput>({ type: 'doubted' }),
    fc.constant<KeepaliveInput>({ type: 'optionsMade', request: null }),
    fc.constant<KeepaliveInput>({ type: 'responseReceived', branch: 'b', status: 200 }),
    anyTerms.map((changed): KeepaliveInput => ({ type: 'termsChanged', terms: changed })),
  );

  it('R339 leaves at most one under way, keeps to the transport, and ends with the failure', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('udp', 'tcp', 'tls' as const),
        anyTerms,
        fc.array(anyInput, { maxLength: 60 }),
        (transport, first, inputs) => {
          const flow = run(transport, first);
          let hasFailed = false;
          for (const input of inputs) {
            const wakes = flow.wakeAt() !== undefined;
            if (hasFailed) break;
            const told = input === 'wake' ? (wakes ? flow.wake() : []) : flow.put(input);
            for (const effect of told) {
              if (effect.type === 'makeOptions') {
                flow.put({ type: 'optionsMade', request: { branch: 'b', bytes: double } });
              }
              if (effect.type === 'send' && effect.method === 'stun') expect(transport).toBe('udp');
              if (effect.type === 'send' && effect.method === 'ping') expect(transport).not.toBe('udp');
              if (effect.type === 'failed') hasFailed = true;
            }
            expect(told.filter(({ type }) => type === 'send').length).toBeLessThanOrEqual(1);
          }
          expect(hasFailed ? flow.wakeAt() : undefined).toBeUndefined();
        },
      ),
    );
  });
});

// A keep-alive machine with a clock of its own, for the tests of it.

import {
  type Keepalive,
  type KeepaliveEffect,
  type KeepaliveInput,
  keepaliveWakeAt,
  startKeepalive,
  stepKeepalive,
} from '../../../src/core/keepalive/keepalive.ts';
import {
  type KeepalivePromise,
  type KeepaliveSettings,
  type KeepaliveTerms,
  NO_PROMISE,
} from '../../../src/core/keepalive/terms.ts';
import { seededRng } from '../../../src/core/rng.ts';
import type { Transport } from '../../../src/core/sip/transport.ts';

const REMOTE = { address: '192.0.2.7', port: 5060 };
export function terms(
  method: KeepaliveSettings['method'],
  promise: Partial<KeepalivePromise> = {},
  intervalSeconds: number | null = null,
): KeepaliveTerms {
  return { settings: { method, intervalSeconds }, promise: { ...NO_PROMISE, ...promise } };
}

/** A machine with its clock; `effects` is what it has told so far. */
export function run(transport: Transport, first: KeepaliveTerms) {
  const rng = seededRng(7);
  let now = 0;
  let machine: Keepalive = startKeepalive({ transport, remote: REMOTE }, first, { now, rng });
  const effects: (KeepaliveEffect & { readonly at: number })[] = [];
  const put = (input: KeepaliveInput): readonly KeepaliveEffect[] => {
    const step = stepKeepalive(machine, input, { now, rng });
    machine = step.keepalive;
    effects.push(...step.effects.map((effect) => ({ ...effect, at: now })));
    return step.effects;
  };
  const wake = (): readonly KeepaliveEffect[] => {
    const at = keepaliveWakeAt(machine);
    if (at === undefined) throw new Error('it never wakes');
    now = Math.max(now, at);
    return put({ type: 'timePassed' });
  };
  const of = (type: KeepaliveEffect['type']) => effects.filter((effect) => effect.type === type);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { put, wake, of, pass, effects, now: () => now, wakeAt: () => keepaliveWakeAt(machine) };
}

export type Run = ReturnType<typeof run>;

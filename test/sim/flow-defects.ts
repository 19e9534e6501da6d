// Defects of an agent that has several places to go to: in keeping flows open, in choosing targets, and in keeping the
// flows of one account apart.

import { failureOf } from '../../src/core/health/verdict.ts';
import { stepLifecycle } from '../../src/core/registration/lifecycle.ts';
import type { LifecycleStep } from '../../src/core/registration/lifecycle-state.ts';
import { changedWay, type Way } from '../../src/core/registration/registration.ts';
import { type Defect, episode, stepping } from './defects.ts';
import { SOUND } from './machinery.ts';
import type { WorldPlan } from './plan.ts';
import { HOUR, MINUTE, SECOND } from './spans.ts';

export const FLOW_DEFECTS: readonly Defect[] = [
  {
    name: 'keep-alives do not leave',
    breaks: ['the way in is open'],
    make: () => ({ ...SOUND, sendsKeepalives: false }),
    episodes: [],
    needs: (plan) => isBehindNat(plan, 'udp') && plan.accounts[0]?.profile.outbound === 'off',
  },
  {
    name: 'a missing pong changes nothing',
    breaks: ['the way in is open'],
    make: () => ({ ...SOUND, noticesLoss: false }),
    episodes: [episode(5 * HOUR, MINUTE, { type: 'nat-rebinding' })],
    needs: (plan) => isBehindNat(plan, 'tcp'),
  },
  {
    name: 'a changed public address changes nothing',
    breaks: ['the way in is open'],
    make: () => ({ ...SOUND, noticesLoss: false }),
    episodes: [episode(5 * HOUR, MINUTE, { type: 'nat-rebinding' })],
    needs: (plan) =>
      isBehindNat(plan, 'udp') &&
      plan.accounts[0]?.profile.outbound !== 'off' &&
      plan.manners.outbound === 'applied',
  },
  {
    name: 'the first STUN answer is compared with nothing',
    breaks: ['the way in is open'],
    make: () => ({ ...SOUND, noticesMapping: false }),
    episodes: [
      episode(5 * HOUR, 2 * SECOND, { type: 'stop' }),
      episode(5 * HOUR + 20 * SECOND, 10 * SECOND, { type: 'nat-rebinding' }),
    ],
    needs: (plan) =>
      isBehindNat(plan, 'udp') &&
      plan.accounts[0]?.profile.outbound !== 'off' &&
      plan.manners.outbound === 'applied',
  },
  {
    name: 'a handshake that fails is a failure as any other',
    breaks: ['nothing goes in the open after TLS'],
    make: () =>
      stepping((before, input, env) => {
        const isTls = input.type === 'flowFailed' && input.failure.stage === 'tls';
        const failure = failureOf('connect.refused', 'it did not come about');
        return stepLifecycle(before, isTls ? { ...input, failure } : input, env);
      }),
    episodes: [episode(5 * HOUR, HOUR, { type: 'hosts', which: [0, 1], trouble: { type: 'untrusted' } })],
    needs: ({ signposts }) => signposts === 'naptr',
  },
  {
    name: 'a failed handshake is forgotten with its round',
    breaks: ['nothing goes in the open after TLS'],
    make: () =>
      stepping((before, input, env) =>
        onTheWay(stepLifecycle(before, input, env), { tlsFailed: false }, before.round !== null),
      ),
    episodes: [episode(5 * HOUR, HOUR, { type: 'hosts', which: [0, 1], trouble: { type: 'untrusted' } })],
    needs: ({ signposts }) => signposts === 'naptr',
  },
  {
    name: 'TLS that DNS names no more is forgotten',
    breaks: ['the detour ends'],
    make: () => ({ ...SOUND, remembersTls: false }),
    episodes: [
      episode(5 * HOUR, 10 * HOUR, { type: 'dns', fails: 'no-tls' }),
      episode(10 * HOUR, MINUTE, { type: 'connections-reset' }),
    ],
    needs: ({ signposts }) => signposts === 'naptr',
  },
  {
    name: 'nobody goes back to the preferred target',
    breaks: ['the detour ends'],
    make: () =>
      stepping((before, input, env) => onTheWay(stepLifecycle(before, input, env), { detour: null }, true)),
    episodes: [
      episode(
        5 * HOUR,
        HOUR,
        { type: 'hosts', which: [0], trouble: { type: 'silent' } },
        { type: 'refresh' },
      ),
    ],
    needs: ({ signposts }) => signposts === 'srv',
  },
  {
    name: 'a Retry-After is forgotten with its round',
    breaks: ['a closed target is left alone'],
    make: () =>
      stepping((before, input, env) => onTheWay(stepLifecycle(before, input, env), { closed: [] }, true)),
    episodes: [
      episode(
        5 * HOUR,
        MINUTE,
        { type: 'hosts', which: [0], trouble: { type: 'overloaded', retryAfterSeconds: 36_000 } },
        { type: 'refresh' },
      ),
      episode(10 * HOUR, HOUR, { type: 'hosts', which: [0, 1], trouble: { type: 'down' } }),
    ],
    needs: ({ signposts }) => signposts === 'srv',
  },
  {
    name: 'every flow says that it is the first',
    breaks: ['each flow has its binding'],
    make: () =>
      stepping((before, input, env) =>
        stepLifecycle({ ...before, registration: { ...before.registration, regId: 1 } }, input, env),
      ),
    episodes: [],
    needs: ({ signposts, manners }) => signposts === 'edges' && manners.outbound === 'applied',
  },
  {
    name: 'the flows of an account share a Call-ID',
    breaks: ['each flow has its binding'],
    make: () => ({
      ...SOUND,
      reserve: (disk, id, wish, done) =>
        disk.reserve(id, wish, (reserved) => done({ ...reserved, callId: `of-${id.split('/')[0]}` })),
    }),
    episodes: [],
    needs: ({ signposts }) => signposts === 'edges',
  },
];

function isBehindNat({ accounts, natTimeoutMs, signposts }: WorldPlan, transport: 'udp' | 'tcp'): boolean {
  const isPlain = signposts === 'address' && accounts.length < 10;
  return isPlain && natTimeoutMs !== null && accounts[0]?.profile.transport === transport;
}

/** Changes what is special about the way, when `isMeant` and its round is over. */
function onTheWay(step: LifecycleStep, change: Partial<Way>, isMeant: boolean): LifecycleStep {
  const { lifecycle } = step;
  if (!isMeant || lifecycle.round !== null) return step;
  const { registration } = lifecycle;
  const way = changedWay(registration.way, change);
  return { ...step, lifecycle: { ...lifecycle, registration: { ...registration, way } } };
}

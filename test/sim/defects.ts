// Defects that an agent could have, each put in the place of one part of the machinery. The simulation is worth as
// much as it notices of them (defects.test.ts).

import type { DigestSession } from '../../src/core/digest/session.ts';
import type { Env } from '../../src/core/env.ts';
import type { Effect, Outcome } from '../../src/core/registration/effect.ts';
import type { Input } from '../../src/core/registration/input.ts';
import { stepLifecycle } from '../../src/core/registration/lifecycle.ts';
import type {
  Command,
  Lifecycle,
  LifecycleEffect,
  LifecycleStep,
} from '../../src/core/registration/lifecycle-state.ts';
import type { SipResponse } from '../../src/core/sip/message.ts';
import type { Episode } from './episodes.ts';
import { type Machinery, SOUND } from './machinery.ts';
import type { WorldPlan } from './plan.ts';
import { DAY, HOUR, MINUTE } from './spans.ts';
import type { Rule } from './violation.ts';

export type Defect = {
  readonly name: string;
  /** One of these rules breaks. */
  readonly breaks: readonly Rule[];
  readonly make: () => Machinery;
  /** What provokes it, in place of the seed's own week. */
  readonly episodes?: readonly Episode[];
  /** Only such worlds show it; those without a crowd, unless it says otherwise. */
  readonly needs?: (plan: WorldPlan) => boolean;
};

/** Somebody wants many accounts. */
const isCrowd = ({ accounts }: WorldPlan): boolean => accounts.length > 10;

export const episode = (at: number, lastsMs: number, ...faults: Episode['faults']): Episode => ({
  at,
  lastsMs,
  faults,
});
const PASSWORD_CHANGE = episode(HOUR, 9 * HOUR, { type: 'password', healedBy: 'account' });
const KILL = { type: 'kill', moment: null } as const;
const KILLS = [1, 2, 3, 4, 5, 6].map((hour) =>
  episode(hour * HOUR, 1_000, { type: 'kill', moment: hour % 2 === 0 ? 'number-asked' : 'sent' }),
);

export const DEFECTS: readonly Defect[] = [
  {
    name: 'the CSeq starts again after a restart',
    breaks: ['CSeq rises'],
    make: () => {
      let used = new Map<string, number>();
      return {
        ...SOUND,
        recall: (record) => {
          used = new Map();
          return record;
        },
        reserve: (disk, account, wish, done) => {
          const cseq = used.get(account) ?? 0;
          used.set(account, cseq + wish.count);
          disk.reserve(account, wish, (reserved) =>
            done({ ...reserved, firstCseq: cseq + 1, lastCseq: cseq + wish.count }),
          );
        },
      };
    },
    episodes: KILLS,
  },
  {
    name: 'numbers are used before they are durable',
    breaks: ['CSeq rises', 'the Call-ID stays'],
    make: () => ({
      ...SOUND,
      reserve: (disk, account, wish, done) => {
        const known = disk.load(account);
        if (known === null) {
          disk.reserve(account, wish, done);
          return;
        }
        const { callId, cseq } = known;
        disk.reserve(account, wish, () => {});
        done({ callId, firstCseq: cseq + 1, lastCseq: cseq + wish.count, token: '' });
      },
    }),
    episodes: KILLS,
  },
  {
    name: 'a new Call-ID at each restart',
    breaks: ['the Call-ID stays'],
    make: () => {
      let starts = 0;
      return {
        ...SOUND,
        recall: (record) => {
          starts += 1;
          return record;
        },
        reserve: (disk, account, wish, done) =>
          disk.reserve(account, wish, (reserved) =>
            done({ ...reserved, callId: `${reserved.callId}-${starts}` }),
          ),
      };
    },
    episodes: KILLS,
  },
  {
    name: 'one wake in fifty is lost',
    breaks: ['the binding lives', 'the account comes back'],
    make: () => {
      let alarms = 0;
      return {
        ...SOUND,
        alarm: (lifecycle, at) => {
          if (lifecycle.state === 'registered' && at !== undefined) alarms += 1;
          return lifecycle.state === 'registered' && alarms % 50 === 49 ? undefined : at;
        },
      };
    },
  },
  {
    name: 'a second REGISTER while the first is unanswered',
    breaks: ['one REGISTER in flight'],
    make: () =>
      stepping((before, input, env) => {
        const taken = stepLifecycle(before, input, env);
        const repeats = taken.effects.some((effect) => effect.type === 'send' && effect.repeated);
        if (!repeats || before.stop !== null) return taken;
        return stepLifecycle({ ...before, round: null }, { type: 'roundRequested', goal: 'register' }, env);
      }),
  },
  {
    name: 'Retry-After is ignored',
    breaks: ['Retry-After is a floor'],
    make: () =>
      stepping((before, input, env) =>
        stepLifecycle(
          before,
          withResponse(input, (response) => without(response, 'Retry-After')),
          env,
        ),
      ),
    episodes: [
      episode(HOUR, 3 * HOUR, {
        type: 'refusals',
        refusal: { status: 500, reason: 'Not now', retryAfterSeconds: 7_200 },
      }),
      episode(6 * HOUR, 1_000, { type: 'refresh' }),
    ],
  },
  {
    name: 'the refresh comes when the binding has ended',
    breaks: ['the binding lives'],
    make: () =>
      after('registered', ({ registration, ...rest }) => ({
        ...rest,
        registration,
        nextAt: (registration.binding?.endsAt ?? 0) + 500,
      })),
  },
  {
    name: 'the nonce count does not count',
    breaks: ['a nonce count is used once'],
    make: () =>
      stepping((before, input, env) => {
        const taken = stepLifecycle(before, input, env);
        return taken.lifecycle.round === null
          ? withSessions(taken, (one) => ({ ...one, nonceCount: 0 }))
          : taken;
      }),
  },
  {
    name: 'a kept nonce is tried for ever',
    breaks: ['the binding lives', 'the account comes back'],
    make: () =>
      stepping((before, input, env) => {
        const nonce = before.registration.sessions[0]?.nonce;
        const kept = withResponse(input, (response) =>
          nonce === undefined ? response : offering(response, nonce),
        );
        return stepLifecycle(before, kept, env);
      }),
  },
  {
    name: 'stop forgets the binding',
    breaks: ['stop removes the binding'],
    make: () =>
      stepping((before, input, env) => {
        if (input.type !== 'stopRequested') return stepLifecycle(before, input, env);
        const registration = { ...before.registration, boundContact: null };
        return stepLifecycle({ ...before, registration }, input, env);
      }),
    episodes: [],
  },
  {
    name: 'the old Contact stays when the address changes',
    breaks: ['no dead bindings', 'stop removes the binding'],
    make: () =>
      stepping((before, input, env) => {
        if (input.type === 'stopRequested' || before.stop !== null) return stepLifecycle(before, input, env);
        const registration = { ...before.registration, boundContact: null };
        return stepLifecycle({ ...before, registration }, input, env);
      }),
    episodes: [episode(71 * HOUR, MINUTE, { type: 'nat-rebinding' }, { type: 'refresh' })],
  },
  {
    name: 'stop does not keep to its deadline',
    breaks: ['stop ends in time'],
    make: () =>
      stepping((before, input, env) =>
        stepLifecycle(
          before,
          input.type === 'stopRequested' ? { ...input, deadlineAt: input.deadlineAt + MINUTE } : input,
          env,
        ),
      ),
    episodes: [episode(HOUR, HOUR, { type: 'network', conditions: { isCut: true } }, { type: 'stop' })],
  },
  {
    name: 'a grant of 0 seconds is refreshed at once',
    breaks: ['no storm', 'no spin'],
    make: () => afterFailureOf('register.removed', (lifecycle, env) => ({ ...lifecycle, nextAt: env.now })),
    episodes: [episode(2 * HOUR, 10 * HOUR, { type: 'registrar', manners: { grantsZero: true } })],
  },
  {
    name: 'a failure is tried again without a pause',
    breaks: ['no storm', 'no spin'],
    make: () => after('failed', (lifecycle, env) => ({ ...lifecycle, nextAt: env.now + 100 })),
    episodes: [
      episode(HOUR, 20 * HOUR, {
        type: 'refusals',
        refusal: { status: 500, reason: '', retryAfterSeconds: null },
      }),
    ],
  },
  {
    name: 'rejected credentials are tried every minute',
    breaks: ['wrong credentials are tried rarely'],
    make: () =>
      afterFailureOf('auth.rejected', (lifecycle, env) => ({
        ...lifecycle,
        state: 'waiting',
        setbacks: { ...lifecycle.setbacks, rejections: 0 },
        nextAt: env.now + MINUTE,
      })),
    episodes: [PASSWORD_CHANGE],
  },
  {
    name: 'rejections are forgotten when the agent is started again',
    breaks: ['wrong credentials are tried rarely'],
    make: () => ({ ...SOUND, rejection: () => null }),
    episodes: [PASSWORD_CHANGE, ...[1, 2, 3, 4].map((at) => episode(HOUR + at * 7 * MINUTE, 1_000, KILL))],
  },
  {
    name: 'a changed secret is not noticed',
    breaks: ['the account comes back'],
    make: () =>
      stepping((before, input, env) =>
        input.type === 'secretChanged'
          ? { lifecycle: before, effects: [] }
          : stepLifecycle(before, input, env),
      ),
    episodes: [PASSWORD_CHANGE],
  },
  {
    name: 'the password is told in a failure',
    breaks: ['no secret is told'],
    make: () =>
      stepping((before, input, env) => {
        const taken = stepLifecycle(before, input, env);
        const secret = before.registration.credentials[0]?.secret;
        const password = typeof secret === 'string' ? secret : '';
        return { ...taken, effects: taken.effects.map((effect) => telling(effect, password)) };
      }),
    episodes: [PASSWORD_CHANGE],
  },
  {
    name: 'a suspend is not noticed',
    breaks: ['the binding lives', 'the account comes back'],
    make: () =>
      stepping((before, input, env) =>
        input.type === 'clockJumped' ? { lifecycle: before, effects: [] } : stepLifecycle(before, input, env),
      ),
    episodes: [episode(5 * HOUR, DAY, { type: 'suspend' })],
  },
  {
    name: 'a wall clock that is set cuts waits short',
    breaks: ['Retry-After is a floor'],
    make: () =>
      stepping((before, input, env) =>
        stepLifecycle(before, input.type === 'clockJumped' ? { ...input, sleptMs: DAY } : input, env),
      ),
    episodes: [
      episode(5 * HOUR, 9 * HOUR, {
        type: 'refusals',
        refusal: { status: 500, reason: 'Not now', retryAfterSeconds: 7_200 },
      }),
      episode(12 * HOUR, 1_000, { type: 'clock-step', byMs: DAY }),
    ],
  },
  {
    name: 'nobody keeps the pace',
    breaks: ['the pace is kept'],
    make: () => ({ ...SOUND, admit: (_, __, now) => now, first: (_, __, now) => now }),
    needs: isCrowd,
  },
];

type Step = Machinery['step'];

export function stepping(step: Step): Machinery {
  return { ...SOUND, step };
}

/** Changes the lifecycle when a round has ended in that way. */
function after(type: Outcome['type'], change: (lifecycle: Lifecycle, env: Env) => Lifecycle): Machinery {
  return stepping((before, input, env) => {
    const taken = stepLifecycle(before, input, env);
    const ended = outcomeOf(taken)?.type === type && taken.lifecycle.round === null;
    return ended ? { ...taken, lifecycle: change(taken.lifecycle, env) } : taken;
  });
}

function afterFailureOf(code: string, change: (lifecycle: Lifecycle, env: Env) => Lifecycle): Machinery {
  return after('failed', (lifecycle, env) =>
    lifecycle.failure?.failure.code === code ? change(lifecycle, env) : lifecycle,
  );
}

function outcomeOf({ effects }: LifecycleStep): Outcome | undefined {
  return effects.find((effect): effect is Extract<Effect, { type: 'finished' }> => effect.type === 'finished')
    ?.outcome;
}

function withSessions(step: LifecycleStep, change: (session: DigestSession) => DigestSession): LifecycleStep {
  const { registration } = step.lifecycle;
  const sessions = registration.sessions.map(change);
  return { ...step, lifecycle: { ...step.lifecycle, registration: { ...registration, sessions } } };
}

function withResponse(
  input: Input | Command,
  change: (response: SipResponse) => SipResponse,
): Input | Command {
  return input.type === 'responseReceived' ? { ...input, response: change(input.response) } : input;
}

function without(response: SipResponse, name: string): SipResponse {
  return { ...response, headers: response.headers.filter((field) => field.name !== name) };
}

function offering(response: SipResponse, nonce: string): SipResponse {
  const headers = response.headers.map(({ name, value }) => ({
    name,
    value: name === 'WWW-Authenticate' ? value.replace(/nonce="[^"]*"/, `nonce="${nonce}"`) : value,
  }));
  return { ...response, headers };
}

function telling(effect: LifecycleEffect, password: string): LifecycleEffect {
  if (effect.type !== 'finished' || effect.outcome.type !== 'failed') return effect;
  const { failure } = effect.outcome;
  return {
    type: 'finished',
    outcome: { type: 'failed', failure: { ...failure, cause: `${failure.cause} (${password})` } },
  };
}

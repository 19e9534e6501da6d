// Three plain hours of a world: credentials that are wrong, grants of twelve seconds, grants of one.

import { expect, it } from 'vitest';
import type { Millis } from '../../src/core/time.ts';
import type { Episode } from './episodes.ts';
import { accountPlan, CALM, WELL, type WorldPlan } from './plan.ts';
import type { Manners } from './registrar-model.ts';
import { HOUR, MINUTE, SECOND, WEEK } from './spans.ts';
import { createWorld } from './world.ts';

type SeenRegister = { readonly at: Millis; readonly nonceCount: number | null; readonly status: number };

/** One account in a world that is calm but for `episodes`, and what its registrar sees until `end`. */
function watchAlice(manners: Partial<Manners>, episodes: readonly Episode[] = []) {
  const plan: WorldPlan = {
    seed: 1,
    accounts: [accountPlan('alice')],
    pacePerSecond: 100,
    reserveCount: 1_000,
    natTimeoutMs: null,
    signposts: 'address',
    hostCount: 1,
    hasDeadTarget: false,
    conditions: CALM,
    manners: { ...WELL, nonceLifetimeMs: WEEK, ...manners },
    episodes,
    endsAt: WEEK,
  };
  const seen: SeenRegister[] = [];
  const world = createWorld(plan, undefined, (at, request, { status }) => {
    const credentials = request.headers.find(({ name }) => name === 'Authorization')?.value ?? '';
    const count = /\bnc=([0-9a-f]{8})/.exec(credentials)?.[1];
    seen.push({ at, status, nonceCount: count === undefined ? null : Number.parseInt(count, 16) });
  });
  world.schedule();
  const state = () => world.process()?.accounts[0]?.lifecycle.state;
  return { world, seen, state };
}

/** Milliseconds between one REGISTER and the next. */
function gaps(seen: readonly SeenRegister[]): readonly Millis[] {
  return seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
}

it('tries a wrong password three times within an hour, with two REGISTERs each', () => {
  const { world, seen, state } = watchAlice({}, [
    { at: 0, lastsMs: 2 * HOUR, faults: [{ type: 'password', healedBy: 'account' }] },
  ]);
  world.timeline.runUntil(HOUR);
  expect(seen.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
  expect(seen.map(({ nonceCount }) => nonceCount)).toEqual([null, 1, null, 1, null, 1]);
  expect(
    gaps(seen)
      .filter((ms) => ms > MINUTE)
      .every((ms) => ms >= 10 * MINUTE),
  ).toBe(true);
  expect(state()).toBe('blocked');

  world.timeline.runUntil(2 * HOUR + 10 * SECOND);
  expect(seen.slice(6).map(({ status }) => status)).toEqual([401, 200]);
  expect(state()).toBe('registered');
});

it('R195 tries a wrong password three times within an hour, however often it is killed and started again', () => {
  const kill = { type: 'kill', moment: null } as const;
  const kills = Array.from({ length: 25 }, (_, index) => ({
    at: (index + 1) * 4 * MINUTE,
    lastsMs: SECOND,
    faults: [kill],
  }));
  const password = { type: 'password', healedBy: 'account' } as const;
  const { world, seen, state } = watchAlice({}, [{ at: 0, lastsMs: 2 * HOUR, faults: [password] }, ...kills]);
  world.timeline.runUntil(2 * HOUR - SECOND);
  expect(seen.map(({ nonceCount }) => nonceCount)).toEqual([null, 1, null, 1, null, 1]);
  expect(state()).toBe('blocked');

  world.timeline.runUntil(2 * HOUR + 10 * SECOND);
  expect(state()).toBe('registered');
});

it('refreshes a grant of 12 s in time, with the kept nonce and nc 2, 3, …', () => {
  const { world, seen, state } = watchAlice({ maxSeconds: 12 });
  world.timeline.runUntil(SECOND);
  for (let at = SECOND; at <= 10 * MINUTE; at += SECOND) {
    world.timeline.runUntil(at);
    expect(world.registrar.bindings('alice')).toHaveLength(1);
  }
  expect(state()).toBe('registered');
  const [challenged, ...granted] = seen;
  expect(challenged?.status).toBe(401);
  expect(granted.length).toBeGreaterThan(90);
  expect(granted.map(({ nonceCount }) => nonceCount)).toEqual(granted.map((_, index) => index + 1));
  for (const gap of gaps(granted)) expect(gap).toBeLessThan(7 * SECOND);
});

it('does not loop where 1 s is granted: five seconds lie between two refreshes, and it says that the binding lapses', () => {
  const { world, seen } = watchAlice({ maxSeconds: 1 });
  world.timeline.runUntil(10 * MINUTE);
  const granted = seen.filter(({ status }) => status === 200);
  expect(granted.length).toBeGreaterThan(100);
  for (const gap of gaps(granted)) expect(gap).toBeGreaterThanOrEqual(5 * SECOND);
  expect(world.trace.tail().join('\n')).toContain('the binding lapses in between');
});

// What the agent remembers of rejected credentials, so that starting it again is no further try (behaviour.md §10).

import { join } from 'node:path';
import { onTestFinished as END, expect, it } from 'vitest';
import { identityKey } from '../../src/agent/managed-registration.ts';
import { rejectionRecord } from '../../src/agent/rejected-credentials.ts';
import type { Supervisor } from '../../src/agent/supervisor.ts';
import { failureOf } from '../../src/core/health/verdict.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import { type IdentityKey, openIdentityStore } from '../../src/state/identity-store.ts';
import type { RejectionRecord } from '../../src/state/state-document.ts';
import {
  accountOf,
  answered,
  entryAt,
  memberOf,
  openRegistrar,
  openScene,
  type Scene,
  type Supervised,
  until,
  untilState,
} from './supervisor-scene.ts';

const WRONG = { password: 'wrong' };

/** A registrar, and a scene whose account "a" was rejected by it once. */
async function rejectedOnce(rest: object = {}) {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  await scene.write({ a: entryAt(registrar, 'alice', { ...WRONG, ...rest }) });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'waiting', 'a');
  await ended(supervisor);
  expect(answered(registrar)).toHaveLength(2);
  return { registrar, scene, key: keyOf(supervisor) };
}

function keyOf(supervisor: Supervisor): IdentityKey {
  return identityKey(accountOf(supervisor, 'a').lifecycle.registration.plan);
}

/** The process ends, and leaves its bindings. */
async function ended(supervisor: Supervisor): Promise<void> {
  await supervisor.stop(true, AbortSignal.abort());
}

/** The record changed by hand, as time or a damage would. */
async function change(scene: Scene, key: IdentityKey, changes: Partial<RejectionRecord>): Promise<void> {
  const store = await openIdentityStore(join(scene.directory, 'state'), {
    rng: systemRng,
    now: exactNow,
    notify: () => {},
  });
  if (!store.ok) throw new Error(store.error.message);
  const { rejected } = store.value.load(key);
  if (rejected === null) throw new Error('nothing was remembered');
  await store.value.setRejected(key, { ...rejected, ...changes });
}

function fromNow(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

function leftTexts({ events }: Supervised): readonly string[] {
  return events.flatMap((event) =>
    event.type === 'warning' && event.code === 'account.left' ? [event.text] : [],
  );
}

it('waits on with the same password, sends nothing, and says why', async () => {
  const { registrar, scene } = await rejectedOnce();
  for (let start = 0; start < 3; start++) {
    const again = await scene.supervise();
    const detail = again.supervisor.detail('a');
    expect(detail).toMatchObject({
      state: 'waiting',
      failure: {
        code: 'auth.rejected',
        cause: expect.stringMatching(/rejected these credentials once, last at/),
      },
    });
    const seconds = (Date.parse(detail?.nextAttempt ?? '') - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(590);
    expect(seconds).toBeLessThan(661);
    expect(leftTexts(again)).toEqual([expect.stringMatching(/it waits: .*"sipreg refresh a"/)]);
    await ended(again.supervisor);
  }
  expect(answered(registrar)).toHaveLength(2);
});

it('goes on counting when it is refreshed, and blocks at the third', async () => {
  const { registrar, scene, key } = await rejectedOnce();
  for (const state of ['waiting', 'blocked'] as const) {
    const { supervisor } = await scene.supervise();
    supervisor.engine.request(accountOf(supervisor, 'a'), { type: 'roundRequested', goal: 'register' });
    await untilState(supervisor, state, 'a');
    await until(
      () => supervisor.store.load(key).rejected?.isBlocked === (state === 'blocked'),
      () => `it is remembered as ${state}`,
    );
    await ended(supervisor);
  }
  expect(answered(registrar)).toHaveLength(6);
  const last = await scene.supervise();
  expect(last.supervisor.detail('a')).toMatchObject({
    state: 'blocked',
    failure: { cause: expect.stringMatching(/rejected these credentials 3 times/) },
  });
  expect(leftTexts(last)).toEqual([expect.stringMatching(/blocked since .* tried again at/)]);
});

it('tries when its time came while it was down, and counts that', async () => {
  const { registrar, scene, key } = await rejectedOnce();
  await change(scene, key, { lastAt: fromNow(-660_000), nextAt: fromNow(-1_000) });
  const again = await scene.supervise();
  await until(
    () => again.supervisor.store.load(key).rejected?.count === 2,
    () => 'the second rejection was counted',
  );
  expect(leftTexts(again)).toEqual([]);
  expect(answered(registrar)).toHaveLength(4);
});

it('is not locked by a clock that was set back', async () => {
  const { registrar, scene, key } = await rejectedOnce();
  await change(scene, key, { lastAt: fromNow(1e11), nextAt: fromNow(1e11 + 300_000) });
  const { supervisor } = await scene.supervise();
  const seconds = (Date.parse(supervisor.detail('a')?.nextAttempt ?? '') - Date.now()) / 1000;
  expect(Math.round(seconds)).toBe(300);
  expect(answered(registrar)).toHaveLength(2);
});

it('forgets when the password is another, and when it works', async () => {
  const { registrar, scene, key } = await rejectedOnce();
  await scene.write({ a: entryAt(registrar, 'alice') });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'registered', 'a');
  await until(
    () => supervisor.store.load(key).rejected === null,
    () => 'the rejection was forgotten',
  );
});

it('forgets for another user name, and tries at once', async () => {
  const { registrar, scene } = await rejectedOnce();
  await scene.write({ a: entryAt(registrar, 'alice', { ...WRONG, username: 'other' }) });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'waiting', 'a');
  expect(answered(registrar)).toHaveLength(4);
  expect(accountOf(supervisor, 'a').lifecycle.setbacks.rejections).toBe(1);
});

it('tries at once when somebody insists, and counts on', async () => {
  const { registrar, scene, key } = await rejectedOnce();
  const { supervisor } = await scene.supervise({ insists: true });
  await until(
    () => supervisor.store.load(key).rejected?.count === 2,
    () => 'the second rejection was counted',
  );
  expect(answered(registrar)).toHaveLength(4);
});

it('counts on after a pause that lasted over a restart', async () => {
  const { scene, key } = await rejectedOnce();
  const first = await scene.supervise();
  await first.supervisor.store.setPaused(key, new Date().toISOString());
  await ended(first.supervisor);
  const { supervisor } = await scene.supervise();
  expect(supervisor.detail('a')?.state).toBe('paused');
  expect(accountOf(supervisor, 'a').lifecycle.setbacks.rejections).toBe(1);
});

it('does not take a removal that is rejected for a try', async () => {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  await scene.write({ a: entryAt(registrar, 'alice') });
  const { supervisor } = await scene.supervise();
  const account = accountOf(supervisor, 'a');
  const failure = { failure: failureOf('auth.rejected', 'no'), at: 0 };
  const failed = (state: 'paused' | 'waiting') => ({
    ...account,
    lifecycle: { ...account.lifecycle, state, failure },
  });
  expect(rejectionRecord(failed('paused'), 'key')).toBeNull();
  expect(rejectionRecord(failed('waiting'), 'key')).toMatchObject({ isBlocked: false });
});

it('tries them on one of its flows only when the time has come', async () => {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  const proxy = `sip:127.0.0.1:${registrar.ports.udp};lr`;
  await scene.write({
    a: entryAt(registrar, 'alice', {
      ...WRONG,
      outboundProxy: [proxy, `${proxy};transport=udp`],
      outbound: 'on',
    }),
  });
  const first = await scene.supervise();
  await untilState(first.supervisor, 'waiting', 'a');
  await ended(first.supervisor);
  expect(answered(registrar)).toHaveLength(2);
  const key = keyOf(first.supervisor);
  await change(scene, key, { lastAt: fromNow(-660_000), nextAt: fromNow(-1_000) });
  const { supervisor } = await scene.supervise();
  await until(
    () => supervisor.store.load(key).rejected?.count === 2,
    () => 'the second rejection was counted',
  );
  const flows = memberOf(supervisor, 'a').flows ?? [];
  expect(flows.map(({ lifecycle }) => [lifecycle.state, lifecycle.setbacks.rejections])).toEqual([
    ['waiting', 2],
    ['waiting', 2],
  ]);
  expect(answered(registrar)).toHaveLength(4);
});

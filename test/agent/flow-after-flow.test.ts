// A wrong password of an account with two flows is tried on one of them, whoever lets it be tried (behaviour.md §10).

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, onTestFinished as END, expect, it } from 'vitest';
import { prepareAccount } from '../../src/agent/account-setup.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import { runOnce } from '../../src/agent/one-shot.ts';
import { refreshAccounts } from '../../src/agent/orders.ts';
import { reload } from '../../src/agent/reload.ts';
import type { Supervisor } from '../../src/agent/supervisor.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import { openIdentityStore } from '../../src/state/identity-store.ts';
import {
  answered,
  entryAt,
  memberOf,
  openRegistrar,
  openScene,
  PASSWORD,
  type Scene,
  until,
  untilState,
} from './supervisor-scene.ts';

/** A challenge, and what follows from the answer to it. */
const ONE_TRY = 2;

/** Alice with two flows; her password is in the file that comes back. */
async function twoFlows(password: string) {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  const secret = join(scene.directory, 'secret');
  await writeFile(secret, password, { mode: 0o600 });
  const proxy = `sip:127.0.0.1:${registrar.ports.udp};lr`;
  const outbound = { outbound: 'on', outboundProxy: [proxy, `${proxy};transport=udp`] };
  const entry = (rest: object = {}) => entryAt(registrar, 'alice', { ...outbound, ...rest });
  const write = (rest?: object) => scene.write({ a: entry({ password: { file: secret }, ...rest }) });
  await write();
  return { registrar, scene, secret, write };
}

/** `sipreg register a`, once. */
async function registerOnce(scene: Scene) {
  const { accounts, directory } = await scene.load();
  const opened = await openIdentityStore(join(scene.directory, 'state'), {
    rng: systemRng,
    now: exactNow,
    notify: () => {},
  });
  const entry = accounts.get('a');
  if (!opened.ok || entry === undefined) throw new Error('the scene has no account, or no state');
  const store = opened.value;
  const options = { product: 'sipreg/test', store, memory: store, keepsAlive: false, expires: null };
  const [result] = await runOnce([await prepareAccount(directory, 'a', entry, options)], {
    goal: 'register',
    blocked: 'sent',
    timeoutSeconds: 10,
    observer: { warned: () => {}, message: null, dropped: () => {} },
    concluded: () => {},
    interrupt: new AbortController().signal,
  });
  return result;
}

function flowsOf(supervisor: Supervisor): readonly ManagedRegistration[] {
  return memberOf(supervisor, 'a').flows ?? [];
}

function statesOf(supervisor: Supervisor): readonly string[] {
  return flowsOf(supervisor).map(({ lifecycle: { state, failure } }) => failure?.failure.code ?? state);
}

describe('a command', () => {
  it('tries a wrong password on one of two flows', async () => {
    const { registrar, scene } = await twoFlows('wrong');
    const result = await registerOnce(scene);
    expect(result?.outcome).toMatchObject({ type: 'failed', failure: { code: 'auth.rejected' } });
    expect(result?.snapshot.flows.map(({ failure }) => failure?.code)).toEqual([
      'auth.rejected',
      'auth.rejected',
    ]);
    expect(answered(registrar)).toHaveLength(ONE_TRY);
  });

  it('registers both with the right one', async () => {
    const { registrar, scene } = await twoFlows(PASSWORD);
    const result = await registerOnce(scene);
    expect(result?.snapshot.flows.map(({ state }) => state)).toEqual(['registered', 'registered']);
    expect(answered(registrar)).toHaveLength(2 * ONE_TRY);
  });
});

describe('the agent', () => {
  it('tries it on one when an operator wants it, the secret changes, or the file', async () => {
    const { registrar, scene, secret, write } = await twoFlows('wrong');
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'waiting', 'a');
    expect(answered(registrar)).toHaveLength(ONE_TRY);

    const [refreshed] = await refreshAccounts(supervisor, ['a']);
    expect(refreshed).toMatchObject({ ok: false, text: expect.stringContaining('auth.rejected') });
    expect(answered(registrar)).toHaveLength(2 * ONE_TRY);

    await writeFile(secret, 'wrong as well');
    await Promise.all(flowsOf(supervisor).map((flow) => supervisor.secretsTouched(flow)));
    await until(
      () => answered(registrar).length >= 3 * ONE_TRY,
      () => 'the other secret was tried',
    );
    await until(
      () => flowsOf(supervisor).every(({ lifecycle }) => lifecycle.setbacks.rejections === 1),
      () => 'both flows knew of its rejection',
    );
    expect(answered(registrar)).toHaveLength(3 * ONE_TRY);

    await write({ expires: 1800 });
    expect((await reload(supervisor, loaded)).outcome.ok).toBe(true);
    expect(statesOf(supervisor)).toEqual(['auth.rejected', 'auth.rejected']);
    expect(answered(registrar)).toHaveLength(4 * ONE_TRY);
  });
});

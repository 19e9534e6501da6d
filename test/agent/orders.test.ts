import { describe, onTestFinished as END, expect, it } from 'vitest';
import { identityKey } from '../../src/agent/managed-registration.ts';
import { pauseAccounts, refreshAccounts, resumeAccounts } from '../../src/agent/orders.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import { openIdentityStore } from '../../src/state/identity-store.ts';
import {
  accountOf,
  answered,
  entryAt,
  injectBug,
  openRegistrar,
  openScene,
  untilState,
} from './supervisor-scene.ts';

async function registered(entry: object = {}) {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  await scene.write({
    a: entryAt(registrar, 'alice', entry),
    off: entryAt(registrar, 'bob', { enabled: false }),
  });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'registered', 'a');
  return { registrar, scene, supervisor };
}

describe('refresh', () => {
  it('sends one REGISTER and tells its outcome', async () => {
    const { registrar, supervisor } = await registered();
    const before = answered(registrar).length;
    const [result] = await refreshAccounts(supervisor, ['a']);
    expect(result).toMatchObject({ account: 'a', ok: true, snapshot: { state: 'registered' } });
    expect(answered(registrar)).toHaveLength(before + 1);
  });

  it('asked twice at once shares one REGISTER', async () => {
    const { registrar, supervisor } = await registered();
    const before = answered(registrar).length;
    const results = await Promise.all([
      refreshAccounts(supervisor, ['a']),
      refreshAccounts(supervisor, ['a']),
    ]);
    expect(results.flat().map(({ ok }) => ok)).toEqual([true, true]);
    expect(answered(registrar)).toHaveLength(before + 1);
  });

  it('tells why it failed', async () => {
    const { registrar, supervisor } = await registered();
    await registrar.close();
    const [result] = await refreshAccounts(supervisor, ['a']);
    expect(result).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^connect\.refused: /),
      snapshot: { state: 'waiting', nextAttempt: expect.any(String) },
    });
  });

  it('does not wake an account that is paused or disabled, and says so', async () => {
    const { supervisor } = await registered();
    await pauseAccounts(supervisor, ['a']);
    expect(await refreshAccounts(supervisor, ['a', 'off'])).toMatchObject([
      {
        account: 'a',
        ok: false,
        text: expect.stringMatching(/paused.*resume/),
        snapshot: { state: 'paused' },
      },
      { account: 'off', ok: false, text: expect.stringMatching(/disabled/), snapshot: { state: 'disabled' } },
    ]);
  });
});

describe('pause and resume', () => {
  it('says that a restart will not know of it where the state cannot be written', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const nowhere = await openIdentityStore(null, { rng: systemRng, now: exactNow, notify: () => undefined });
    if (!nowhere.ok) throw new Error(nowhere.error.message);
    const { supervisor } = await scene.supervise({ store: nowhere.value });
    await untilState(supervisor, 'registered', 'a');
    const [result] = await pauseAccounts(supervisor, ['a']);
    expect(result).toMatchObject({ ok: true, text: expect.stringContaining('until the agent ends') });
  });

  it('remove the binding, stay away, and come back with the same Call-ID', async () => {
    const { registrar, supervisor } = await registered();
    const [bound] = registrar.bindings('alice');
    expect(await pauseAccounts(supervisor, ['a'])).toMatchObject([
      { ok: true, snapshot: { state: 'paused' } },
    ]);
    expect(registrar.bindings('alice')).toEqual([]);
    expect(accountOf(supervisor, 'a').alarmAt).toBeUndefined();
    const key = identityKey(accountOf(supervisor, 'a').lifecycle.registration.plan);
    expect(supervisor.store.load(key).pausedSince).not.toBeNull();

    expect(await resumeAccounts(supervisor, ['a'])).toMatchObject([
      { ok: true, snapshot: { state: 'registered' } },
    ]);
    expect(registrar.bindings('alice')).toMatchObject([{ callId: bound?.callId }]);
    expect(supervisor.store.load(key).pausedSince).toBeNull();
  });

  it('pausing what is paused changes nothing', async () => {
    const { registrar, supervisor } = await registered();
    await pauseAccounts(supervisor, ['a']);
    const before = answered(registrar).length;
    expect(await pauseAccounts(supervisor, ['a'])).toMatchObject([{ ok: true, text: 'paused' }]);
    expect(answered(registrar)).toHaveLength(before);
  });

  it('a resume during a pause wins', async () => {
    const { registrar, supervisor } = await registered();
    const paused = pauseAccounts(supervisor, ['a']);
    const resumed = resumeAccounts(supervisor, ['a']);
    await paused;
    expect(await resumed).toMatchObject([{ ok: true, snapshot: { state: 'registered' } }]);
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('says when the binding could not be removed', async () => {
    const { registrar, supervisor } = await registered();
    await registrar.close();
    expect(await pauseAccounts(supervisor, ['a'])).toMatchObject([
      { ok: false, text: expect.stringMatching(/could not be removed/), snapshot: { state: 'paused' } },
    ]);
  });

  it('pauses also when a bug ends the removal', async () => {
    const { supervisor } = await registered();
    injectBug(accountOf(supervisor, 'a'));
    expect(await pauseAccounts(supervisor, ['a'])).toMatchObject([
      { ok: false, text: expect.stringMatching(/could not be removed/), snapshot: { state: 'paused' } },
    ]);
    expect(accountOf(supervisor, 'a').alarmAt).toBeUndefined();
  });
});

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentPlan, identityKey } from '../../src/agent/managed-registration.ts';
import { pauseAccounts, refreshAccounts } from '../../src/agent/orders.ts';
import { reload } from '../../src/agent/reload.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import { openIdentityStore, readMemory } from '../../src/state/identity-store.ts';
import { fieldValues } from '../interop/kamailio.ts';
import { startStreamServer, startUdpServer } from '../interop/plain-server.ts';
import {
  accountOf,
  answered,
  entryAt,
  openRegistrar,
  openScene,
  PASSWORD,
  until,
  untilState,
} from './supervisor-scene.ts';

const PATIENT = new AbortController().signal;

describe.concurrent('the end of all accounts', () => {
  it('removes every binding, with the kept nonce', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob', { transport: 'tcp' }) });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    const before = answered(registrar).length;
    expect(await supervisor.stop(false, PATIENT)).toEqual([]);
    expect(
      answered(registrar)
        .slice(before)
        .map(({ status }) => status),
    ).toEqual([200, 200]);
    expect([...registrar.bindings('alice'), ...registrar.bindings('bob')]).toEqual([]);
  });

  it('leaves every binding when it is asked to, and sends nothing', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const before = answered(registrar).length;
    expect(await supervisor.stop(true, PATIENT)).toEqual([]);
    expect(answered(registrar)).toHaveLength(before);
    expect(registrar.bindings('alice')).toHaveLength(1);

    const again = await scene.supervise();
    await untilState(again.supervisor, 'registered', 'a');
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('comes when what the pause of an account gave back is on disk', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    await pauseAccounts(supervisor, ['a']);
    await supervisor.stop(true, PATIENT);
    const { load } = readMemory(join(scene.directory, 'state'), systemRng);
    const { flows } = load(identityKey(currentPlan(accountOf(supervisor, 'a'))));
    // A reservation that nobody settled would say a thousand.
    expect(flows.get(1)).toMatchObject({ reservation: null, cseq: answered(registrar).length });
  });

  it('gives back the numbers that came when their connection was gone already', async ({
    onTestFinished: end,
  }) => {
    const registrar = await startStreamServer(() => null);
    end(registrar.stop);
    const scene = await openScene(end);
    const at = { registrar: `sip:127.0.0.1:${registrar.port}`, transport: 'tcp', password: PASSWORD };
    await scene.write({ a: { aor: 'sip:alice@127.0.0.1', ...at } });
    const store = await openIdentityStore(join(scene.directory, 'state'), {
      rng: systemRng,
      now: exactNow,
      notify: () => undefined,
    });
    if (!store.ok) throw new Error(store.error.message);
    let lost = 0;
    const { supervisor } = await scene.supervise({
      store: {
        ...store.value,
        reserve: async (...numbers) => {
          const reserved = await store.value.reserve(...numbers);
          registrar.disconnect();
          await untilState(supervisor, 'waiting', 'a');
          lost += 1;
          return reserved;
        },
      },
    });
    await until(
      () => lost === 1,
      () => 'the numbers came too late',
    );
    await refreshAccounts(supervisor, ['a']);
    await until(
      () => lost === 2,
      () => 'they came too late again',
    );
    expect(await supervisor.stop(false, PATIENT)).toEqual([]);
    const { load } = readMemory(join(scene.directory, 'state'), systemRng);
    const { flows } = load(identityKey(currentPlan(accountOf(supervisor, 'a'))));
    expect(flows.get(1)).toMatchObject({ reservation: null, cseq: 1_000 });
  });

  it('comes within 10 s at a silent registrar, and names what is left', async ({ onTestFinished: end }) => {
    let isSilent = false;
    const registrar = await startUdpServer((request) => {
      if (isSilent || !request.startsWith('REGISTER')) return null;
      const echoed = ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact'].map(
        (name) => `${name}: ${fieldValues(request, name)[0]}`,
      );
      return ['SIP/2.0 200 OK', ...echoed, 'Content-Length: 0', '\r\n'].join('\r\n');
    });
    end(registrar.stop);
    const scene = await openScene(end);
    const at = { registrar: `sip:127.0.0.1:${registrar.port}`, transport: 'udp' };
    await scene.write({
      bound: { aor: 'sip:alice@127.0.0.1', ...at },
      other: { aor: 'sip:bob@127.0.0.1', ...at },
    });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'bound', 'other');
    isSilent = true;
    const startedAt = performance.now();
    const left = await supervisor.stop(false, PATIENT);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(left).toEqual(['bound', 'other']);
  });

  it('comes at once when it is hurried, and names what is left', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    await registrar.close();
    const hurry = new AbortController();
    const stopped = supervisor.stop(false, hurry.signal);
    hurry.abort();
    const startedAt = performance.now();
    expect(await stopped).toEqual(['a']);
    // It would be 9 s.
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('comes also for accounts that a reload brings meanwhile', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    const slow = { command: ['sh', '-c', 'sleep 0.3; echo first'] };
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    await scene.write({
      a: entryAt(registrar, 'alice', { expires: 600 }),
      b: entryAt(registrar, 'bob', { password: slow }),
    });
    const reloaded = reload(supervisor, loaded);
    await until(
      () => supervisor.members.byName.has('b'),
      () => 'the reload began',
    );
    expect(await supervisor.stop(false, PATIENT)).toEqual([]);
    const { outcome } = await Promise.race([reloaded, failAfter(5_000)]);
    expect(outcome.ok).toBe(true);
    expect([...registrar.bindings('alice'), ...registrar.bindings('bob')]).toEqual([]);
  });

  it('comes whatever operators order meanwhile', async ({ onTestFinished: end }) => {
    const registrar = await openRegistrar(end);
    const scene = await openScene(end);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    const stopped = supervisor.stop(false, PATIENT);
    const orders = [pauseAccounts(supervisor, ['a']), refreshAccounts(supervisor, ['b'])];
    expect(await Promise.race([stopped, failAfter(5_000)])).toEqual([]);
    expect([...registrar.bindings('alice'), ...registrar.bindings('bob')]).toEqual([]);
    expect(accountOf(supervisor, 'b').isConcluded).toBe(true);
    const answers = await Promise.race([Promise.all(orders), failAfter(5_000)]);
    expect(answers.flat().map(({ account }) => account)).toEqual(['a', 'b']);
  });
});

function failAfter(ms: number): Promise<never> {
  return new Promise((_resolve, reject) =>
    setTimeout(() => reject(new Error(`nothing within ${ms} ms`)), ms).unref(),
  );
}

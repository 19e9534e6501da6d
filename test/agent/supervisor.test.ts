import { createSocket } from 'node:dgram';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, onTestFinished as END, expect, it } from 'vitest';
import { identityKey, type ManagedRegistration } from '../../src/agent/managed-registration.ts';
import { eventsOf } from '../../src/agent/member.ts';
import type { RunningRegistrar } from '../../src/registrar/server.ts';
import {
  accountOf,
  answered,
  entryAt,
  injectBug,
  memberOf,
  openRegistrar,
  openScene,
  type Scene,
  until,
  untilState,
} from './supervisor-scene.ts';

/** Alice with her password in a file, and blocked as soon as it was rejected. */
async function rejectedAlice(registrar: RunningRegistrar, scene: Scene) {
  const file = join(scene.directory, 'secret');
  await writeFile(file, 'wrong', { mode: 0o600 });
  const retry = { credentialAttempts: 1, blockedProbe: 0 };
  await scene.write({ a: entryAt(registrar, 'alice', { password: { file }, retry }) });
  const setPassword = (password: string) => writeFile(file, password, { mode: 0o600 });
  return { setPassword };
}

describe('a bug in one account', () => {
  it('begins that account again, later each time, tells it, and touches no other', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const retry = { base: 1, max: 1 };
    await scene.write({ a: entryAt(registrar, 'alice', { retry }), b: entryAt(registrar, 'bob') });
    const { supervisor, events } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    const [bound] = registrar.bindings('alice');
    const others = accountOf(supervisor, 'b').lifecycle;

    injectBug(accountOf(supervisor, 'a'), 1);
    supervisor.engine.request(accountOf(supervisor, 'a'), { type: 'roundRequested', goal: 'register' });
    expect(supervisor.detail('a')).toMatchObject({
      state: 'waiting',
      nextAttempt: expect.any(String),
      failure: { stage: 'internal', code: 'internal.bug', cause: expect.stringMatching(/injected/) },
    });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        account: 'a',
        code: 'account.crashed',
        text: expect.stringMatching(/bug in sipreg.*an injected bug/),
      }),
    );
    expect(accountOf(supervisor, 'b').lifecycle).toBe(others);
    await untilState(supervisor, 'registered', 'a');
    expect(registrar.bindings('alice')[0]?.callId).toBe(bound?.callId);
  });

  it('does not keep the agent from ending', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    injectBug(accountOf(supervisor, 'a'));
    const left = await supervisor.stop(false, new AbortController().signal);
    expect(left).toEqual(['a']);
    expect(registrar.bindings('bob')).toEqual([]);
  });
});

describe('another way out of the host', () => {
  it('wakes who got no answer, and not who was answered', async () => {
    const overloaded = createSocket('udp4');
    END(() => {
      overloaded.close();
    });
    overloaded.on('message', (request, { port, address }) => {
      const fields = request.toString('latin1').split('\r\n').slice(1, -1);
      const told = fields.filter((field) => /^(Via|From|To|Call-ID|CSeq):/i.test(field));
      overloaded.send(['SIP/2.0 500 Full', ...told, 'Content-Length: 0', '', ''].join('\r\n'), port, address);
    });
    const at = await new Promise<number>((resolve) => {
      overloaded.bind(0, '127.0.0.1', () => resolve(overloaded.address().port));
    });
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const server = (port: number) => ({ registrar: `sip:127.0.0.1:${port}` });
    // Nobody listens at a port of the host that was never bound.
    await scene.write({
      nobody: entryAt(registrar, 'alice', server(1)),
      answered: entryAt(registrar, 'bob', server(at)),
    });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'waiting', 'nobody', 'answered');
    const before = supervisor.detail('answered')?.nextAttempt;
    expect(before).toEqual(expect.any(String));

    expect(supervisor.hostLeadsFurther()).toBe(1);
    await until(
      () => accountOf(supervisor, 'nobody').lifecycle.setbacks.failures === 2,
      () => 'it was tried again',
    );
    expect(accountOf(supervisor, 'answered').lifecycle.setbacks.failures).toBe(1);
    expect(supervisor.detail('answered')?.nextAttempt).toBe(before);
  });
});

describe('what an earlier run has left', () => {
  it('stays paused over a restart, also when its secret cannot be read then; who heeds no pauses leaves them', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const { setPassword } = await rejectedAlice(registrar, scene);
    await setPassword('first');
    const first = await scene.supervise();
    await untilState(first.supervisor, 'registered', 'a');
    const account = accountOf(first.supervisor, 'a');
    const pausedAt = '2026-01-02T03:04:05.678Z';
    await first.supervisor.store.setPaused(identityKey(account.lifecycle.registration.plan), pausedAt);
    await first.supervisor.stop(false, new AbortController().signal);
    const packets = answered(registrar).length;

    const entry = entryAt(registrar, 'alice', { password: { file: join(scene.directory, 'gone') } });
    await scene.write({ a: entry });
    const second = await scene.supervise();
    expect(second.events).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        account: 'a',
        text: expect.stringMatching(/paused at 2026-01-02.*"sipreg resume a"/),
      }),
    );
    const { since, ...detail } = second.supervisor.detail('a') ?? { since: '' };
    expect(detail).toMatchObject({ state: 'paused', nextAttempt: null });
    expect(Math.abs(Date.parse(since) - Date.parse(pausedAt))).toBeLessThan(100);
    expect(answered(registrar)).toHaveLength(packets);
    await second.supervisor.stop(false, new AbortController().signal);

    await scene.write({ a: entryAt(registrar, 'alice') });
    const third = await scene.supervise({ heedsPauses: false });
    await untilState(third.supervisor, 'registered', 'a');
    expect(third.supervisor.store.load(identityKey(account.lifecycle.registration.plan)).pausedSince).toBe(
      pausedAt,
    );
  });

  it('stays blocked over a restart with the same secret, and tries at once with another', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const { setPassword } = await rejectedAlice(registrar, scene);
    const first = await scene.supervise();
    await untilState(first.supervisor, 'blocked', 'a');
    await first.supervisor.stop(false, new AbortController().signal);
    const packets = answered(registrar).length;
    expect(packets).toBe(2);

    const second = await scene.supervise();
    expect(second.supervisor.detail('a')).toMatchObject({
      state: 'blocked',
      failure: { code: 'auth.rejected', cause: expect.stringMatching(/still the same/) },
    });
    expect(second.events).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        account: 'a',
        text: expect.stringMatching(/blocked since .*"sipreg refresh a"/),
      }),
    );
    await second.supervisor.stop(false, new AbortController().signal);
    expect(answered(registrar)).toHaveLength(packets);

    await setPassword('first');
    const third = await scene.supervise();
    await untilState(third.supervisor, 'registered', 'a');
    const { store } = third.supervisor;
    const key = identityKey(accountOf(third.supervisor, 'a').lifecycle.registration.plan);
    await until(
      () => store.load(key).rejected === null,
      () => 'the block was lifted',
    );
  });
});

describe('a rejected secret', () => {
  it('that was written anew but is the same brings no packet; another registers at once', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const { setPassword } = await rejectedAlice(registrar, scene);
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'blocked', 'a');
    const account = accountOf(supervisor, 'a');
    expect([...supervisor.rejected()]).toEqual([account]);
    const packets = answered(registrar).length;

    await setPassword('wrong');
    await supervisor.secretsTouched(account);
    expect(account.lifecycle).toMatchObject({ state: 'blocked', nextAt: undefined });
    expect(answered(registrar)).toHaveLength(packets);

    await setPassword('first');
    await supervisor.secretsTouched(account);
    await untilState(supervisor, 'registered', 'a');
    expect([...supervisor.rejected()]).toEqual([]);
  });

  it('that cannot be read keeps the account waiting, with a word for the operator', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const file = join(scene.directory, 'later');
    await scene.write({ a: entryAt(registrar, 'alice', { password: { file } }) });
    const { supervisor } = await scene.supervise();
    expect(supervisor.detail('a')).toMatchObject({
      state: 'waiting',
      failure: {
        stage: 'secret',
        cause: expect.stringMatching(/later/),
        advice: expect.stringMatching(/\S/),
      },
    });
    expect(registrar.events()).toEqual([]);
    await writeFile(file, 'first');
    await supervisor.secretsTouched(accountOf(supervisor, 'a'));
    await untilState(supervisor, 'registered', 'a');
  });
});

describe('many accounts', () => {
  it('R347 tell the registrar of another public address of their flow paced, and none to whom it is no news', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({
      a: entryAt(registrar, 'alice'),
      b: entryAt(registrar, 'bob'),
      c: entryAt(registrar, 'carol', { nat: 'off' }),
    });
    const { supervisor } = await scene.supervise({ pace: 1 });
    await untilState(supervisor, 'registered', 'a', 'b', 'c');
    const flows = ['c', 'a', 'b'].map((name) => accountOf(supervisor, name));
    const flow = flows[0]?.lifecycle.registration.flow;
    for (const one of flows) expect(one.lifecycle.registration.flow).toBe(flow);
    const due = () => flows.map(({ lifecycle }) => lifecycle.nextAt ?? 0);
    const before = due();
    supervisor.flowMapped(flows, flow?.id ?? 0, flow?.local ?? { address: '', port: 0 });
    expect(due()).toEqual(before);
    const longAgo = (one: ManagedRegistration) => {
      one.lifecycle = { ...one.lifecycle, since: one.lifecycle.since - 60_000 };
    };
    flows.forEach(longAgo);
    supervisor.flowMapped(flows, flow?.id ?? 0, { address: '203.0.113.5', port: 40_999 });
    const [untold, first = 0, second = 0] = due();
    expect(untold).toBe(before[0]);
    expect(second - first).toBeCloseTo(1_000, 3);
    expect(first).toBeLessThan(before[1] ?? 0);
  });

  it('look again, paced, when the clock went on without us', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({
      a: entryAt(registrar, 'alice'),
      b: entryAt(registrar, 'bob'),
      c: entryAt(registrar, 'carol'),
    });
    const { supervisor } = await scene.supervise({ pace: 5 });
    await untilState(supervisor, 'registered', 'a', 'b', 'c');
    const grants = () => answered(registrar).filter(({ status }) => status === 200).length;
    const before = grants();
    supervisor.clockJumped(60_000);
    const due = ['a', 'b', 'c'].map((name) => accountOf(supervisor, name).lifecycle.nextAt ?? 0);
    expect((due[2] ?? 0) - (due[1] ?? 0)).toBeCloseTo(200, 3);
    await until(
      () => grants() === before + 3,
      () => 'all three had registered again',
    );
  });

  it('wait for a registrar, and are woken together by the first who reaches it', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const { port } = { port: registrar.ports.udp };
    await registrar.close();
    await scene.write({
      a: entryAt(registrar, 'alice'),
      b: entryAt(registrar, 'bob'),
      c: entryAt(registrar, 'carol'),
    });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'waiting', 'a', 'b', 'c');
    await openRegistrar(END, { port });
    supervisor.engine.request(accountOf(supervisor, 'a'), { type: 'roundRequested', goal: 'register' });
    await untilState(supervisor, 'registered', 'a', 'b', 'c');
  });

  it('keep nothing but their record, and ten events, however often they fail', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const account = accountOf(supervisor, 'a');
    for (let round = 0; round < 20; round++) {
      injectBug(account, 1);
      supervisor.engine.request(account, { type: 'roundRequested', goal: 'register' });
    }
    const member = memberOf(supervisor, 'a');
    expect(eventsOf(member)).toHaveLength(10);
    expect(account.held).toEqual([]);
  });
});

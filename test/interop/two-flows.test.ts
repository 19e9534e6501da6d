// An account with two flows (RFC 5626): a registrar and two edge proxies before it, all Kamailio. An edge that is killed, a
// connection that breaks, and what the agent does and says meanwhile.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccountSnapshot } from '../../src/core/health/snapshot.ts';
import { type AgentScene, agentScene } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { type StreamRelay, startStreamRelay } from './stream-relay.ts';

let home: Home;
let registrar: Kamailio;
let edges: Kamailio[];
let relay: StreamRelay;

beforeAll(async () => {
  if (!isInstalled('kamailio')) return;
  registrar = await startKamailio({ users: { alice: 'secret' }, outbound: { flowTimer: 25 } });
  edges = await Promise.all([startEdge(), startEdge()]);
  relay = await startStreamRelay(edges[0]?.port ?? 0);
});

afterAll(async () => {
  await relay?.stop();
  await Promise.all([...(edges ?? []), registrar].map((one) => one?.stop()));
});

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(async () => {
  await home.remove();
  await registrar?.forget('alice').catch(() => undefined); // Nothing may be bound.
});

function startEdge(port?: number): Promise<Kamailio> {
  return startKamailio({ outbound: { registrarPort: registrar.port }, ...(port && { port }) });
}

/** The account's first flow goes through the relay to the first edge, its second straight to the second. */
async function sceneWith(retry: object): Promise<AgentScene> {
  const proxies = [relay.port, edges[1]?.port].map((port) => `sip:127.0.0.1:${port};transport=tcp`);
  const entry = {
    aor: 'sip:alice@127.0.0.1',
    registrar: `sip:127.0.0.1:${registrar.port}`,
    password: 'secret',
    outbound: 'on',
    outboundProxy: proxies,
    ...retry,
  };
  return agentScene(home, await home.write('accounts.json', { accounts: { a: entry } }));
}

type Flow = AccountSnapshot['flows'][number];

/** Asks until the flow is as wanted, and returns the whole account. */
async function untilFlow(
  scene: AgentScene,
  regId: number,
  isWanted: (flow: Flow) => boolean,
): Promise<AccountSnapshot> {
  let account: AccountSnapshot | undefined;
  await expect
    .poll(
      async () => {
        account = await scene.account('a');
        const flow = account?.flows.find((one) => one.regId === regId);
        return flow !== undefined && isWanted(flow);
      },
      { timeout: 20_000, interval: 50 },
    )
    .toBe(true);
  if (account === undefined) throw new Error('the agent does not answer');
  return account;
}

async function bothRegistered(scene: AgentScene): Promise<AccountSnapshot> {
  await untilFlow(scene, 1, ({ state }) => state === 'registered');
  return await untilFlow(scene, 2, ({ state }) => state === 'registered');
}

describe.skipIf(!isInstalled('kamailio'))(`two flows through kamailio${missingPrograms('kamailio')}`, () => {
  it('R321 R323 R324 are bound each with its reg-id and Call-ID under one instance, shown, and removed', async () => {
    const scene = await sceneWith({});
    const agent = await scene.start();
    const account = await bothRegistered(scene);
    expect(account).toMatchObject({ state: 'registered', outbound: true, failure: null });
    const bound = await registrar.bindings('alice');
    expect(bound.map(({ regId }) => regId).sort()).toEqual([1, 2]);
    expect(new Set(bound.map(({ instance }) => instance)).size).toBe(1);
    const callIdOf = (regId: number) => bound.find((one) => one.regId === regId)?.callId;
    expect(account.flows.map(({ callId }) => callId)).toEqual([callIdOf(1), callIdOf(2)]);
    expect(callIdOf(1)).not.toBe(callIdOf(2));
    expect(account.bindings.map(({ own }) => own)).toEqual([true, true]);
    expect(account.path).toHaveLength(1);

    const { stdout } = await scene.sipreg('status', 'a');
    for (const [at, port] of [relay.port, edges[1]?.port].entries()) {
      expect(stdout).toContain(`flow ${at + 1}     registered by sip:127.0.0.1:${port};transport=tcp`);
    }
    expect(stdout).toMatch(/outbound +applied/);
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(await registrar.bindings('alice')).toEqual([]);
  }, 60_000);

  it('R351 R357 one of which breaks is there again at once, with the same identity', async () => {
    // The usual wait of half a minute and more: only a try at once can be in time.
    const scene = await sceneWith({});
    const agent = await scene.start();
    const before = await bothRegistered(scene);
    const connections = relay.connections();
    relay.disconnect();
    const after = await untilFlow(scene, 1, ({ state, cseq }) => {
      return state === 'registered' && cseq > (before.flows[0]?.cseq ?? 0);
    });
    expect(relay.connections()).toBe(connections + 1);
    expect(agent.stderr()).toMatch(/ a +warning +connect\.closed: .*; it registers again/);
    expect(after.state).toBe('registered');
    expect(after.flows.map(({ callId }) => callId)).toEqual(before.flows.map(({ callId }) => callId));
    expect(after.flows[1]?.cseq).toBe(before.flows[1]?.cseq);
    const bound = await registrar.bindings('alice');
    expect(bound.map(({ regId }) => regId).sort()).toEqual([1, 2]);
    expect(bound.find(({ regId }) => regId === 1)?.cseq).toBe(after.flows[0]?.cseq);
  }, 60_000);

  it('R352 R353 one of which loses its edge: the other holds, the way back is tried with back-off, and found', async () => {
    const scene = await sceneWith({ retry: { base: 1, max: 4 } });
    await scene.start();
    await bothRegistered(scene);
    const { port } = edges[1] ?? {};
    await edges[1]?.kill();
    await edges[1]?.stop();
    const down = await untilFlow(scene, 2, ({ state }) => state === 'waiting');
    expect(down.state).toBe('registered');
    expect(down.failure).toMatchObject({ stage: 'connect', code: expect.stringMatching(/refused|closed/) });
    expect(down.failure?.cause).toContain(`flow 2 by sip:127.0.0.1:${port}`);
    expect(down.flows[0]).toMatchObject({ state: 'registered', failure: null });
    // RFC 5626 §4.5: min(max, 3 · base · 2) while another flow is up, and a random half to whole of that.
    const [wait] = down.flows
      .slice(1)
      .map(({ nextAttempt, failure }) => Date.parse(nextAttempt ?? '') - Date.parse(failure?.at ?? ''));
    expect(wait).toBeGreaterThanOrEqual(1_990);
    expect(wait).toBeLessThanOrEqual(4_010);
    expect((await scene.sipreg('status', '--exit-code')).code).toBe(0);
    expect((await scene.sipreg('check', 'a')).code).toBe(1);
    expect((await scene.sipreg('status', 'a')).stdout).toMatch(/flow 2 +(waiting|registering) by sip:/);

    const refreshed = await scene.sipreg('refresh', 'a');
    expect(refreshed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`127.0.0.1:${port} refused`),
    });
    expect(refreshed.stdout).toContain('✓ a  registered');

    edges[1] = await startEdge(port);
    const found = await bothRegistered(scene);
    expect(found).toMatchObject({ state: 'registered', failure: null });
    const [request] = await edges[1].requests('REGISTER');
    expect(fieldValues(request?.text ?? '', 'Call-ID')).toEqual([found.flows[1]?.callId]);
    expect((await registrar.bindings('alice')).map(({ regId }) => regId).sort()).toEqual([1, 2]);
    expect((await scene.sipreg('check', 'a')).code).toBe(0);
  }, 60_000);

  it('one of which cannot be had leave a command with the other, and with what it could not remove', async () => {
    const scene = await sceneWith({});
    expect((await scene.sipreg('register', 'a')).code).toBe(0);
    const { port } = edges[1] ?? {};
    await edges[1]?.kill();
    await edges[1]?.stop();
    const registered = await scene.sipreg('register', 'a');
    expect(registered).toMatchObject({ code: 0, stdout: expect.stringContaining('✓ a  registered') });
    expect(registered.stderr).toMatch(/warning.*a: connect\.refused: flow 2 by /);
    const removed = await scene.sipreg('unregister', 'a');
    expect(removed).toMatchObject({ code: 69, stdout: '' });
    expect(removed.stderr).toMatch(/not unregistered +connect\.refused/);
    expect((await registrar.bindings('alice')).map(({ regId }) => regId)).toEqual([2]);
    edges[1] = await startEdge(port);
    const { code, stdout } = await scene.sipreg('unregister', 'a');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/✓ a {2}unregistered {2}tcp/),
    });
    expect(await registrar.bindings('alice')).toEqual([]);
  }, 60_000);
});

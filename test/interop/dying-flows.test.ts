// Flows that die without a word (RFC 5626 §4.2.2, §4.4): the local address vanishes, or a middlebox swallows every packet of
// a connection. The agent runs on a host of its own, the registrar is Kamailio at the other end of the wire.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountSnapshot } from '../../src/core/health/snapshot.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';
import { namespaceObstacle } from './namespaces.ts';
import { makeOtherHost, type OtherHost } from './other-host.ts';

const missing = isInstalled('kamailio') ? namespaceObstacle('ip and nft') : missingPrograms('kamailio');

let home: Home;
let hosts = 0;
let host: OtherHost;
let kamailio: Kamailio;
let agent: ChildProcess | undefined;

beforeEach(async () => {
  if (missing !== '') return;
  home = await temporaryHome();
  hosts += 1;
  host = makeOtherHost(hosts);
  kamailio = await startKamailio({
    users: { alice: 'secret', bob: 'secret' },
    alsoAt: host.here,
    outbound: {},
  });
});

afterEach(async () => {
  if (agent !== undefined && agent.exitCode === null) {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }
  agent = undefined;
  await kamailio?.stop();
  host?.remove();
  await home?.remove();
});

async function startAgent(accounts: Readonly<Record<string, object>>): Promise<AgentScene> {
  const entries = Object.entries(accounts).map(([user, entry]) => [
    user,
    {
      aor: `sip:${user}@${host.here}`,
      registrar: `sip:${host.here}:${kamailio.port}`,
      password: 'secret',
      ...entry,
    },
  ]);
  const config = await home.write('accounts.json', { accounts: Object.fromEntries(entries) });
  const scene = agentScene(home, config);
  agent = host.sipreg(home, '-q', '-c', config, '--socket', scene.socket, 'run');
  return scene;
}

/** Asks until the account is registered from where `isWanted` wants it. */
async function registeredFrom(
  scene: AgentScene,
  name: string,
  isWanted: (local: { readonly address: string; readonly port: number }) => boolean,
  withinMs: number,
): Promise<AccountSnapshot> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const account = await scene.account(name);
    if (account?.state === 'registered' && account.local !== null && isWanted(account.local)) return account;
    if (performance.now() > deadline) throw new Error(`${name} is still ${JSON.stringify(account)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(missing !== '')(`a flow that dies${missing}`, () => {
  it('R351 R357 with its local address is replaced within seconds, from another one', async () => {
    const scene = await startAgent({ alice: { transport: 'udp' }, bob: { transport: 'tcp' } });
    const [first, second] = host.there;
    for (const name of ['alice', 'bob']) {
      const before = await untilState(scene, name, 'registered');
      expect(before.local?.address).toBe(first);
    }
    host.dropAddress();
    // Two looks at the network, and a REGISTER: the usual wait after a failure is half a minute and more.
    for (const name of ['alice', 'bob']) {
      const after = await registeredFrom(scene, name, ({ address }) => address === second, 15_000);
      expect(after.failure).toBeNull();
      const { stdout } = await scene.sipreg('status', name);
      expect(stdout).toContain(
        `the address ${first}, from which ${host.here}:${kamailio.port} was reached, is gone`,
      );
      const bound = await kamailio.bindings(name);
      expect(bound.map(({ contact }) => contact)).toEqual([expect.stringContaining(`@${second}:`)]);
    }
  }, 60_000);

  it('R341 half open, is found by the pong that is missing after 10 s, and replaced', async () => {
    const scene = await startAgent({ alice: { transport: 'tcp', keepalive: { interval: 1 } } });
    const before = await untilState(scene, 'alice', 'registered');
    const port = before.local?.port ?? 0;
    host.swallow(port);
    const brokenAt = performance.now();
    const after = await registeredFrom(scene, 'alice', (local) => local.port !== port, 25_000);
    const tookMs = performance.now() - brokenAt;
    expect(tookMs).toBeGreaterThan(9_000);
    expect(tookMs).toBeLessThan(20_000);
    expect(after.callId).toBe(before.callId);
    const bound = await kamailio.bindings('alice');
    expect(bound.map(({ contact }) => contact)).toEqual([
      expect.stringContaining(`:${after.local?.port};transport=tcp`),
    ]);
  }, 60_000);
});

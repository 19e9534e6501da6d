// An agent on a host of its own (a network namespace) whose link goes down and comes up again. The registrar is the
// embedded one, at the other end of the wire.

import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { until } from '../support/flows.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { ip, namespaceObstacle, startSipregIn } from './namespaces.ts';

/** Of this test's own namespace; process ids keep two runs apart. */
const NAMESPACE = `sipreg-${process.pid}`;
const [OUTSIDE, INSIDE] = [`srt${process.pid % 100_000}o`, `srt${process.pid % 100_000}i`];
// The kernel takes a namespace apart at its leisure: the next run must not meet the addresses of this one.
const SUBNET = `10.231.${process.pid % 250}`;
const [REGISTRAR, AGENT] = [`${SUBNET}.1`, `${SUBNET}.2`];

const obstacle = namespaceObstacle('ip');

let home: Home;
let registrar: RunningRegistrar;

beforeEach(async () => {
  if (obstacle !== '') return;
  ip('netns', 'add', NAMESPACE);
  ip('link', 'add', OUTSIDE, 'type', 'veth', 'peer', 'name', INSIDE, 'netns', NAMESPACE);
  ip('addr', 'add', `${REGISTRAR}/30`, 'dev', OUTSIDE);
  ip('link', 'set', OUTSIDE, 'up');
  ip('-n', NAMESPACE, 'addr', 'add', `${AGENT}/30`, 'dev', INSIDE);
  ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'up');
  home = await temporaryHome();
  registrar = await startRegistrar({ users: { alice: 'secret' }, address: REGISTRAR });
});

afterEach(async () => {
  if (obstacle !== '') return;
  await registrar?.close();
  ip('link', 'del', OUTSIDE);
  ip('netns', 'del', NAMESPACE);
  await home?.remove();
});

describe.skipIf(obstacle !== '')(`an agent whose link goes down${obstacle}`, () => {
  it('is registered again when it is up, and told the truth', async () => {
    const config = await home.write('accounts.json', {
      accounts: {
        a: {
          aor: `sip:alice@${REGISTRAR}`,
          registrar: `sip:${REGISTRAR}:${registrar.ports.udp}`,
          password: 'secret',
          transport: 'udp',
          // Nothing but the network's return brings it back within this test.
          retry: { base: 600, max: 600 },
        },
      },
    });
    const scene = agentScene(home, config);
    let log = '';
    const args = ['-c', config, '--socket', scene.socket, 'run'];
    const agent = startSipregIn(NAMESPACE, home, args, (text) => {
      log += text;
    });
    const ended = once(agent, 'exit');
    try {
      await untilState(scene, 'a', 'registered');
      expect(registrar.bindings('alice')).toMatchObject([{ uri: expect.stringContaining(AGENT) }]);

      ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'down');
      const refreshing = scene.sipreg('refresh', 'a');
      const waiting = await untilState(scene, 'a', 'waiting', 15_000);
      expect(waiting.failure?.code).toMatch(/^(connect\.|register\.timeout)/);
      expect((await refreshing).code).toBe(69);
      await until(() => log.includes(`the address ${AGENT} is gone`), 20_000);

      ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'up');
      await untilState(scene, 'a', 'registered', 20_000);
      expect(registrar.bindings('alice')).toHaveLength(1);
      expect(log).toContain(`${AGENT} is a new address; one registration that waited is tried again`);
      agent.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(registrar.bindings('alice')).toEqual([]);
    } finally {
      agent.kill('SIGKILL');
      await ended;
    }
  }, 90_000);
});

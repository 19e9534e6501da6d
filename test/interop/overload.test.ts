// A registrar that is overloaded and says for how long (RFC 3261 §21.5.4), another that serves meanwhile, and an agent that
// keeps away from the first for that time, also when the second is gone.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DnsTestServer, startDnsServer } from '../support/dns-server.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';
import { type PlainServer, responseTo, startStreamServer } from './plain-server.ts';

const MINUTE = 60_000;

let home: Home;
let overloaded: PlainServer;
let serving: PlainServer;
let dns: DnsTestServer;
let scene: AgentScene;

beforeEach(async () => {
  home = await temporaryHome();
  overloaded = await startStreamServer((request) =>
    responseTo(request, '503 Overloaded', 'Retry-After: 1800'),
  );
  serving = await startStreamServer((request) =>
    responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`),
  );
  dns = await startDnsServer({
    '_sip._tcp.pair.test': {
      srv: [
        [10, 0, overloaded.port, 'host.pair.test'],
        [20, 0, serving.port, 'host.pair.test'],
      ],
    },
    'host.pair.test': { a: ['127.0.0.1'] },
  });
  const config = await home.write('accounts.json', {
    accounts: {
      a: {
        aor: 'sip:alice@pair.test',
        registrar: 'sip:pair.test;transport=tcp',
        expires: 7200,
        dns: { servers: [dns.address] },
        retry: { base: 1, max: 1 },
        nat: 'off',
        outbound: 'off',
      },
    },
  });
  scene = agentScene(home, config);
});

afterEach(async () => {
  await Promise.all([overloaded.stop(), serving.stop(), dns.stop()]);
  await home.remove();
});

it('R065 goes back when the Retry-After is over, and asks nobody before that', async () => {
  const agent = await scene.start();
  const account = await untilState(scene, 'a', 'registered');
  expect(account.target?.port).toBe(serving.port);
  expect(overloaded.requests).toHaveLength(1);
  const wait = Date.parse(account.nextAttempt ?? '') - Date.now();
  expect(wait).toBeGreaterThan(29 * MINUTE);
  expect(wait).toBeLessThan(32 * MINUTE);

  await serving.stop();
  const waiting = await untilState(scene, 'a', 'waiting');
  expect(waiting.failure).toMatchObject({ code: 'connect.refused', retryAfter: null });
  const failedAt = waiting.failure?.at;
  const again = async () => (await scene.account('a'))?.failure?.at;
  await expect.poll(again, { timeout: 10_000 }).not.toBe(failedAt);
  expect(overloaded.requests).toHaveLength(1);

  // Somebody who asks for it does not wait.
  await scene.sipreg('refresh', 'a');
  expect(overloaded.requests).toHaveLength(2);
  agent.kill('SIGKILL');
}, 40_000);

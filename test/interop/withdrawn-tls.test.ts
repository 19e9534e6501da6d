// A domain whose DNS names no TLS any more (RFC 3263 §7): the agent says so, and stays with the TLS that it knows for as long
// as somebody is there.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeCertificateAuthority } from '../support/certificates.ts';
import { type DnsTestServer, type DnsZone, startDnsServer } from '../support/dns-server.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';
import { type PlainServer, responseTo, startStreamServer, startUdpServer } from './plain-server.ts';

let home: Home;
let encrypted: PlainServer;
let open: PlainServer;
let zone: Record<string, DnsZone[string]>;
let dns: DnsTestServer;
let config: string;

beforeEach(async () => {
  home = await temporaryHome();
  const authority = makeCertificateAuthority();
  const { certificate: cert, key } = authority.issue({ names: ['trunk.test'] });
  const grant = (request: string): string =>
    responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`);
  encrypted = await startStreamServer(grant, { cert, key });
  open = await startUdpServer(grant);
  zone = {
    'trunk.test': {},
    '_sips._tcp.trunk.test': { srv: [[10, 0, encrypted.port, 'host.trunk.test']] },
    '_sip._udp.trunk.test': { srv: [[10, 0, open.port, 'host.trunk.test']] },
    'host.trunk.test': { a: ['127.0.0.1'] },
  };
  dns = await startDnsServer(zone);
  config = await home.write('accounts.json', {
    accounts: {
      a: {
        aor: 'sip:alice@trunk.test',
        tls: { ca: await home.write('ca.pem', authority.certificate) },
        dns: { servers: [dns.address] },
        nat: 'off',
        outbound: 'off',
      },
    },
  });
});

afterEach(async () => {
  await Promise.all([encrypted.stop(), open.stop(), dns.stop()]);
  await home.remove();
});

it('R239 is told, and TLS is tried before what DNS names now', async () => {
  const scene = agentScene(home, config);
  const agent = await scene.start();
  expect((await untilState(scene, 'a', 'registered')).target?.transport).toBe('tls');

  zone['_sips._tcp.trunk.test'] = {};
  // Names are looked up afresh after a reload.
  expect((await scene.sipreg('reload')).code).toBe(0);
  encrypted.disconnect();
  await agent.waitFor('stderr', /DNS names no target with TLS for trunk\.test any more/);
  const transport = async () => (await untilState(scene, 'a', 'registered')).target?.transport;
  expect(await transport()).toBe('tls');
  expect(open.requests).toEqual([]);

  await encrypted.stop();
  await expect.poll(transport, { timeout: 15_000 }).toBe('udp');
  agent.kill('SIGKILL');
}, 60_000);

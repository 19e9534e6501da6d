import net from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/health/verdict.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import type { Flow, FlowRequest } from '../../../src/runtime/transport/flow.ts';
import { createFlowRegistry } from '../../../src/runtime/transport/registry.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../../support/certificates.ts';
import { recordFlows, requestTo, until } from '../../support/flows.ts';
import { makeMaterialStore } from '../../support/material-store.ts';
import {
  startRawServer,
  startSpoilingProxy,
  startTlsServer,
  type TestServer,
  type WatchedServer,
} from '../../support/tls-servers.ts';
import { startWebSocketServer } from '../../support/websocket-servers.ts';

const directory = makeTemporaryDirectory();
const authority = makeCertificateAuthority();
const caFile = directory.write('ca.pem', authority.certificate);
const stopping: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});
afterAll(directory.remove);

function makeRegistry() {
  const recorder = recordFlows();
  const registry = createFlowRegistry({ tls: makeMaterialStore(), events: recorder.events });
  stopping.unshift(registry.closeAll);
  const acquire = async (request: FlowRequest, tls: Partial<TlsSettings> = {}): Promise<Flow> => {
    const flow = await registry.acquire(request, { ...DEFAULT_TLS_SETTINGS, ...tls });
    if (!flow.ok) throw new Error(flow.error.cause);
    return flow.value;
  };
  const refusal = async (request: FlowRequest, tls: Partial<TlsSettings> = {}): Promise<Failure> => {
    const flow = await registry.acquire(request, { ...DEFAULT_TLS_SETTINGS, ...tls });
    if (flow.ok) throw new Error('the flow is open');
    return flow.error;
  };
  return { ...recorder, registry, acquire, refusal };
}

async function running<Server extends TestServer>(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  stopping.push(server.stop);
  return server;
}

const tcpServer = (handle: (socket: net.Socket) => void = () => {}): Promise<WatchedServer> =>
  running(startRawServer(handle));

describe('sharing of flows', () => {
  it('R167 R336 is one connection for all who ask for the same, even at once', async () => {
    const server = await tcpServer();
    const { acquire } = makeRegistry();
    const flows = await Promise.all(Array.from({ length: 1_000 }, () => acquire(requestTo(server.port))));
    flows.push(await acquire(requestTo(server.port, { domain: 'EXAMPLE.com', preferredPort: 4_000 })));
    expect(new Set(flows).size).toBe(1);
    expect(server.connections().accepted).toBe(1);
  });

  it('R336 is apart for another domain, local address, remote or transport', async () => {
    const server = await tcpServer();
    const other = await tcpServer();
    const { acquire } = makeRegistry();
    const flows = await Promise.all([
      acquire(requestTo(server.port)),
      acquire(requestTo(server.port, { domain: 'example.org' })),
      acquire(requestTo(server.port, { local: { address: '127.0.0.1', port: 0 } })),
      acquire(requestTo(other.port)),
      acquire(requestTo(server.port, { transport: 'udp' })),
    ]);
    expect(new Set(flows.map(({ id }) => id)).size).toBe(5);
  });

  it('keeps the flows of one account apart, but shares each with the same one of another account', async () => {
    const server = await tcpServer();
    const { acquire } = makeRegistry();
    const [first, second, again, none] = await Promise.all([
      acquire(requestTo(server.port, { regId: 1 })),
      acquire(requestTo(server.port, { regId: 2 })),
      acquire(requestTo(server.port, { regId: 1 })),
      acquire(requestTo(server.port)),
    ]);
    expect(again).toBe(first);
    expect(new Set([first, second, none]).size).toBe(3);
  });

  it('shares a WebSocket, but not with who asks for another path or for TLS', async () => {
    const web = await running(startWebSocketServer());
    const identity = authority.issue({ names: ['example.com'] });
    const secured = await running(startWebSocketServer({ identity }));
    const { acquire } = makeRegistry();
    const at = (resource: string): FlowRequest => {
      const request = requestTo(web.port, { transport: 'ws' });
      return { ...request, target: { ...request.target, resource } };
    };
    const [first, again, other, safe] = await Promise.all([
      acquire(at('/a')),
      acquire(at('/a')),
      acquire(at('/b')),
      acquire(requestTo(secured.port, { transport: 'wss' }), { ca: caFile }),
    ]);
    expect(again).toBe(first);
    expect([first, other, safe].map(({ transport }) => transport)).toEqual(['ws', 'ws', 'wss']);
    expect(web.handshakes.map(({ url }) => url).sort()).toEqual(['/a', '/b']);
    expect(safe.tls?.peer.sha256).toBe(identity.sha256);
  });

  it('R209 never gives a flow that was checked less to who asks for more', async () => {
    const server = await running(startTlsServer(authority.issue({ names: ['other.org'] })));
    const { acquire, refusal } = makeRegistry();
    const request = requestTo(server.port, { transport: 'tls' });
    const loose = await acquire(request, { ca: caFile, verify: 'none' });
    expect((await refusal(request, { ca: caFile })).code).toBe('tls.name-mismatch');
    expect((await refusal(request, {})).code).toBe('tls.untrusted');
    expect(await acquire(request, { ca: caFile, verify: 'none' })).toBe(loose);
  });

  it('closes with its last user', async () => {
    const server = await tcpServer();
    const { acquire, registry, closed } = makeRegistry();
    const flow = await acquire(requestTo(server.port));
    await acquire(requestTo(server.port));
    registry.release(flow);
    expect(await acquire(requestTo(server.port))).toBe(flow);
    registry.release(flow);
    registry.release(flow);
    await until(() => server.connections().open === 0);
    expect(await acquire(requestTo(server.port))).not.toBe(flow);
    expect(closed).toEqual([]);
    registry.release(flow);
  });

  it('forgets a flow that was closed, and tells it once', async () => {
    const sockets: net.Socket[] = [];
    const server = await tcpServer((socket) => sockets.push(socket));
    const { acquire, registry, closed } = makeRegistry();
    const flow = await acquire(requestTo(server.port));
    await acquire(requestTo(server.port));
    await until(() => sockets.length === 1);
    sockets[0]?.end();
    await until(() => closed.length === 1);
    const next = await acquire(requestTo(server.port));
    expect(next).not.toBe(flow);
    registry.release(flow);
    expect(await acquire(requestTo(server.port))).toBe(next);
    expect(closed).toHaveLength(1);
  });
});

describe('what does not open', () => {
  it('or closes in the same moment, never stays', async () => {
    const good = authority.issue({ names: ['example.com'] });
    const server = await running(startTlsServer(good, [], { maxVersion: 'TLSv1.2' }));
    const proxy = await running(startSpoilingProxy(server.port));
    const { registry, closed } = makeRegistry();
    const settings = { ...DEFAULT_TLS_SETTINGS, ca: caFile };
    for (let round = 1; round <= 3; round++) {
      const outcome = await registry.acquire(requestTo(proxy.port, { transport: 'tls' }), settings);
      if (outcome.ok) await until(() => closed.some(({ flow }) => flow === outcome.value));
      else expect(outcome.error.code).toBe('tls.failed');
      expect(proxy.connections().accepted).toBe(round);
    }
  });

  it('fails for all who wait, and is tried anew by the next', async () => {
    const server = await startRawServer(() => {});
    await server.stop();
    const { acquire, refusal } = makeRegistry();
    const failures = await Promise.all([refusal(requestTo(server.port)), refusal(requestTo(server.port))]);
    expect(failures.map(({ code }) => code)).toEqual(['connect.refused', 'connect.refused']);
    const revived = net.createServer().listen(server.port, '127.0.0.1');
    stopping.push(() => new Promise((resolve) => revived.close(resolve)));
    await new Promise((resolve) => revived.once('listening', resolve));
    expect((await acquire(requestTo(server.port))).remote.port).toBe(server.port);
  });

  it('TLS material that cannot be used', async () => {
    const { refusal } = makeRegistry();
    const request = requestTo(1, { transport: 'tls' });
    expect((await refusal(request, { ca: '/does/not/exist.pem' })).code).toBe('tls.own-material');
  });
});

describe('closing all', () => {
  it('closes what is open and what is being opened, in silence', async () => {
    const server = await tcpServer();
    const { acquire, refusal, registry, closed } = makeRegistry();
    await acquire(requestTo(server.port));
    const waiting = refusal(requestTo(server.port, { domain: 'example.org' }));
    registry.closeAll();
    expect((await waiting).code).toBe('connect.closed');
    await until(() => server.connections().accepted === 2 && server.connections().open === 0);
    expect(closed).toEqual([]);
  });
});

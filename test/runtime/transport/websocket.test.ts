import type net from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/health/verdict.ts';
import type { Result } from '../../../src/core/result.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/core/sip/limits.ts';
import type { TlsMaterial } from '../../../src/runtime/tls/material.ts';
import { DEFAULT_TLS_SETTINGS } from '../../../src/runtime/tls/settings.ts';
import type { Flow } from '../../../src/runtime/transport/flow.ts';
import { FLOW_LIMITS, type FlowLimits } from '../../../src/runtime/transport/limits.ts';
import type { TlsSecurity } from '../../../src/runtime/transport/tls.ts';
import { openWebSocketFlow } from '../../../src/runtime/transport/websocket.ts';
import { makeCertificateAuthority } from '../../support/certificates.ts';
import { answerBytes, type Recorder, recordFlows, requestTo, until } from '../../support/flows.ts';
import { startRawServer, type TestServer } from '../../support/tls-servers.ts';
import { startWebSocketServer, type WebSocketServerOptions } from '../../support/websocket-servers.ts';

const servers: TestServer[] = [];
const open: Flow[] = [];

afterEach(async () => {
  for (const flow of open.splice(0)) flow.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function running<Server extends TestServer>(starting: Promise<Server>): Promise<Server> {
  const server = await starting;
  servers.push(server);
  return server;
}

type Client = {
  readonly resource?: string;
  readonly domain?: string;
  readonly security?: TlsSecurity | null;
  readonly limits?: Partial<FlowLimits>;
  readonly recorder?: Recorder;
};

async function attempt(port: number, client: Client = {}): Promise<Result<Flow, Failure>> {
  const { resource, domain = 'example.com', security = null, limits = {} } = client;
  const request = requestTo(port, { domain, transport: security === null ? 'ws' : 'wss' });
  const target = resource === undefined ? request.target : { ...request.target, resource };
  const { events } = client.recorder ?? recordFlows();
  const opened = await openWebSocketFlow({ ...request, target }, events, security, {
    ...FLOW_LIMITS,
    ...limits,
  });
  if (opened.ok) open.push(opened.value);
  return opened;
}

async function flowTo(port: number, client: Client = {}): Promise<Flow> {
  const opened = await attempt(port, client);
  if (!opened.ok) throw new Error(`${opened.error.code}: ${opened.error.cause}`);
  return opened.value;
}

async function refusal(port: number, client: Client = {}): Promise<Failure> {
  const opened = await attempt(port, client);
  if (opened.ok) throw new Error('the flow is open');
  return opened.error;
}

/** A server, a flow to it, what the flow told, and the server's end of it. */
async function connected(options: WebSocketServerOptions = {}, client: Client = {}) {
  const server = await running(startWebSocketServer(options));
  const recorder = recordFlows();
  const flow = await flowTo(server.port, { recorder, ...client });
  await until(() => server.sockets.length === 1);
  const [peer] = server.sockets;
  if (peer === undefined) throw new Error('no connection');
  return { server, recorder, flow, peer };
}

async function closing(recorder: Recorder): Promise<Failure> {
  await until(() => recorder.closed.length > 0);
  const [closed] = recorder.closed;
  if (closed === undefined) throw new Error('not closed');
  return closed.failure;
}

const authority = makeCertificateAuthority();

/** Trusts the authority of the test; a handshake takes no more of the material than this. */
function trusting(): TlsSecurity {
  const material: Partial<TlsMaterial> = {
    context: createSecureContext({ ca: authority.certificate }),
    ownCertificate: null,
  };
  return { settings: DEFAULT_TLS_SETTINGS, material: material as TlsMaterial };
}

describe('the handshake', () => {
  it('R423 asks for the subprotocol sip, at the path of the URI and the host before DNS', async () => {
    const { server, flow } = await connected({}, { resource: '/sip/ws?tenant=1' });
    const [handshake] = server.handshakes;
    expect(handshake?.url).toBe('/sip/ws?tenant=1');
    expect(handshake?.headers).toMatchObject({
      host: `example.com:${server.port}`,
      'sec-websocket-protocol': 'sip',
      'sec-websocket-version': '13',
    });
    expect(handshake?.headers).not.toHaveProperty('origin');
    expect(handshake?.headers).not.toHaveProperty('sec-websocket-extensions');
    expect(flow).toMatchObject({ transport: 'ws', remote: { port: server.port }, tls: null });
    expect(flow.local).toEqual({ address: '127.0.0.1', port: handshake?.socket.remotePort });
  });

  it('asks for "/" without a path, and puts an IPv6 literal into brackets', async () => {
    const { server } = await connected({}, { domain: '::1' });
    expect(server.handshakes[0]?.url).toBe('/');
    expect(server.handshakes[0]?.headers.host).toBe(`[::1]:${server.port}`);
  });

  it.each([
    [null, 'without the subprotocol "sip"'],
    ['xmpp', 'with the subprotocol "xmpp"'],
  ])('R423 refuses an answer with the subprotocol %s', async (subprotocol, evidence) => {
    const server = await running(startWebSocketServer({ subprotocol }));
    const failure = await refusal(server.port);
    expect(failure).toMatchObject({ code: 'connect.websocket-protocol', stage: 'connect' });
    expect(failure.cause).toContain(evidence);
    await until(() => server.connections() === 0);
  });

  it.each([
    [403, {}, 'HTTP 403 Forbidden', 'let this host in'],
    [404, {}, 'HTTP 404 Not Found', 'path'],
    [401, { 'WWW-Authenticate': 'Basic realm="web"' }, 'HTTP 401 Unauthorized', 'credentials'],
    [302, { Location: 'wss://other.example/\u009b2J' }, 'Location: wss://other.example/', 'the place'],
    [503, {}, 'HTTP 503 Service Unavailable', 'path'],
  ])('R430 says that the server answered %i', async (status, headers, evidence, advice) => {
    const server = await running(startWebSocketServer({ refusal: { status, headers } }));
    const failure = await refusal(server.port, { resource: '/ws' });
    expect(failure).toMatchObject({ code: 'connect.websocket-refused', stage: 'connect', status: null });
    expect(failure.cause).toContain(`handshake for /ws with HTTP ${status}`);
    expect(failure.cause).toContain(evidence);
    expect(failure.cause).not.toMatch(/[\u0080-\u009f]/);
    expect(failure.advice).toContain(advice);
    expect(server.handshakes).toHaveLength(1);
    await until(() => server.connections() === 0);
  });

  it('tells a server that speaks SIP without WebSocket', async () => {
    const server = await running(
      startRawServer(
        (socket) => void socket.once('data', () => socket.write('SIP/2.0 400 Bad Request\r\n\r\n')),
      ),
    );
    const failure = await refusal(server.port);
    expect(failure.code).toBe('connect.websocket-protocol');
    expect(failure.cause).toContain('"SIP/2.0 400 Bad Request", which is not HTTP');
    expect(failure.advice).toContain('transport tcp');
    await until(() => server.connections().open === 0);
  });

  it.each([
    ['an accept of another key', 'Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n', 'Sec-WebSocket-Accept'],
    ['another protocol', 'Upgrade: h2c\r\n', 'Upgrade header'],
  ])('refuses a 101 with %s', async (_what, fields, flaw) => {
    const answer = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n${fields}\r\n`;
    const server = await running(
      startRawServer((socket) => void socket.once('data', () => socket.write(answer))),
    );
    const failure = await refusal(server.port);
    expect(failure.code).toBe('connect.websocket-protocol');
    expect(failure.cause).toContain(flaw);
    await until(() => server.connections().open === 0);
  });

  it('gives a silent server and one that drips its answer the same time', async () => {
    const drip = 'HTTP/1.1 101 Switching Protocols\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
    const dripping = (socket: net.Socket): void => {
      let at = 0;
      const timer = setInterval(() => socket.write(drip[at++ % drip.length] ?? ''), 10);
      socket.on('close', () => clearInterval(timer));
    };
    for (const behave of [() => {}, dripping]) {
      const server = await running(startRawServer(behave));
      const failure = await refusal(server.port, { limits: { handshakeMs: 150 } });
      expect(failure.code).toBe('connect.timeout');
      expect(failure.cause).toContain('did not answer the WebSocket handshake within 0.15 s');
      await until(() => server.connections().open === 0);
    }
  });

  it('bounds what it reads of a head without end', async () => {
    const server = await running(
      startRawServer((socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n');
        const row = `X-Field: ${'a'.repeat(1000)}\r\n`;
        const timer = setInterval(() => socket.write(row.repeat(10)), 1);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    expect((await refusal(server.port)).code).toBe('connect.websocket-protocol');
    await until(() => server.connections().open === 0);
  });

  it('says when the connection is closed or refused', async () => {
    const server = await running(startRawServer((socket) => void socket.once('data', () => socket.end())));
    const closed = await refusal(server.port);
    expect(closed).toMatchObject({ code: 'connect.closed', stage: 'connect' });
    await server.stop();
    servers.splice(0);
    expect((await refusal(server.port)).code).toBe('connect.refused');
  });

  it('leaves nothing behind: two hundred refusals cost no handle', async () => {
    const server = await running(startWebSocketServer({ refusal: { status: 403 } }));
    const plain = await running(startWebSocketServer({ subprotocol: null }));
    const handles = (): number => process.getActiveResourcesInfo().length;
    await refusal(server.port);
    await until(() => server.connections() === 0);
    const before = handles();
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 20 }, (_, at) => refusal((at % 2 === 0 ? server : plain).port)));
    }
    await until(() => server.connections() + plain.connections() === 0);
    await until(() => handles() <= before);
  });
});

describe('a WebSocket flow', () => {
  it('R424 sends a message as text, and as binary when it is not UTF-8', async () => {
    const { server, flow } = await connected();
    flow.send(answerBytes(1, 'grüße'));
    flow.sendTo(Buffer.concat([answerBytes(2), Buffer.of(0xff)]), flow.remote);
    await until(() => server.received.length === 2);
    expect(server.received.map(({ isBinary }) => isBinary)).toEqual([false, true]);
    expect(server.received[0]?.text).toBe(answerBytes(1, 'grüße').toString());
  });

  it('R424 R426 takes text and binary, whole and in fragments, also without Content-Length', async () => {
    const { recorder, flow, peer } = await connected();
    const message = answerBytes(1, 'grüße').toString();
    const [first = '', rest = ''] = [message.slice(0, 50), message.slice(50)];
    peer.send(message);
    peer.send(Buffer.from(message), { binary: true });
    peer.send(first, { fin: false });
    peer.ping();
    peer.send(rest, { fin: true });
    peer.send(message.replace(/Content-Length.*\r\n/, ''));
    await until(() => recorder.messages.length === 4);
    for (const { message: taken, source } of recorder.messages) {
      expect(Buffer.from(taken.body).toString()).toBe('grüße');
      expect(source).toEqual(flow.remote);
    }
  });

  it('R429 answers a ping and a double CRLF, and takes a pong and a CRLF for signs of life', async () => {
    const { server, recorder, peer } = await connected();
    let pongs = 0;
    peer.on('pong', () => {
      pongs += 1;
    });
    peer.ping();
    await until(() => pongs === 1);
    peer.send('\r\n\r\n');
    await until(() => server.received.length === 1);
    expect(server.received).toEqual([{ text: '\r\n', isBinary: false }]);
    expect(recorder.signs).toEqual([]);
    peer.send('\r\n');
    peer.pong();
    await until(() => recorder.signs.length === 2);
    expect(recorder.signs.map(({ sign }) => sign)).toEqual([{ type: 'pong' }, { type: 'pong' }]);
    expect([recorder.dropped, recorder.messages]).toEqual([[], []]);
  });

  it('passes a request on that it cannot read, and drops what is not SIP', async () => {
    const { recorder, peer } = await connected();
    peer.send(
      'OPTIONS sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bK1\r\nContent-Length: x\r\n\r\n',
    );
    peer.send('{"hello": "world"}');
    peer.send('');
    peer.send(answerBytes(3));
    await until(() => recorder.messages.length === 1);
    expect(recorder.malformed).toHaveLength(1);
    expect(recorder.dropped).toHaveLength(2);
    expect(recorder.closed).toEqual([]);
  });

  it('says with which code and reason the server closed', async () => {
    const { server, recorder, flow, peer } = await connected();
    peer.close(1008, 'not \u001b[2Jyou');
    const failure = await closing(recorder);
    expect(failure).toMatchObject({ code: 'connect.closed', stage: 'connect' });
    expect(failure.cause).toContain('closed the WebSocket (1008, policy violation): "not  [2Jyou"');
    flow.send(answerBytes(1));
    flow.close();
    await until(() => server.connections() === 0);
    expect(recorder.closed).toHaveLength(1);
  });

  it('says when the connection breaks without a close frame', async () => {
    const { recorder, peer } = await connected();
    peer.terminate();
    expect((await closing(recorder)).cause).toMatch(/closed the connection|reset the connection/);
  });

  it.each([
    [
      'a message that is too large',
      (peer: { send: (data: Buffer) => void }) => peer.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1)),
      1009,
      'Max payload',
    ],
    [
      'text that is not UTF-8',
      (peer: { send: (data: Buffer, o: object) => void }) => peer.send(Buffer.of(0xff), { binary: false }),
      1007,
      'UTF-8',
    ],
  ] as const)('closes on %s', async (_what, misbehave, code, flaw) => {
    const { server, recorder, peer } = await connected();
    const closed = new Promise<number>((resolve) => peer.on('close', resolve));
    misbehave(peer);
    const failure = await closing(recorder);
    expect(failure.code).toBe('connect.closed');
    expect(failure.cause).toContain(flaw);
    expect(await closed).toBe(code);
    await until(() => server.connections() === 0);
    expect(recorder.messages).toEqual([]);
  });

  it('closes on a message of very many fragments', async () => {
    const { recorder, peer } = await connected();
    for (let count = 0; count < 1_100; count++) peer.send('', { fin: false });
    expect((await closing(recorder)).cause).toContain('fragments');
  });

  it('does not take compressed frames: it has offered none', async () => {
    const { recorder, server, flow } = await connected({ perMessageDeflate: true });
    server.handshakes[0]?.socket.write(Buffer.of(0xc1, 0x02, 0x00, 0x00));
    expect((await closing(recorder)).cause).toContain('RSV1');
    expect(flow.transport).toBe('ws');
  });

  it('gives up a message whose end does not come', async () => {
    const { recorder, server, peer } = await connected({}, { limits: { unfinishedMessageMs: 100 } });
    peer.send(answerBytes(1));
    await until(() => recorder.messages.length === 1);
    peer.send('SIP/2.0 ', { fin: false });
    server.handshakes[0]?.socket.write(Buffer.of(0x80, 0x7e, 0x01));
    const failure = await closing(recorder);
    expect(failure.cause).toContain('did not finish it within 0.1 s');
    await until(() => server.connections() === 0);
    expect(recorder.messages).toHaveLength(1);
  });

  it('gives up a peer that reads nothing', async () => {
    const { recorder, server, flow } = await connected({}, { limits: { unsentBytes: 1_000_000 } });
    server.handshakes[0]?.socket.pause();
    const large = Buffer.alloc(60_000, 0x20);
    for (let sent = 0; sent < 400 && recorder.closed.length === 0; sent++) flow.send(large);
    expect((await closing(recorder)).cause).toContain('unread');
    server.handshakes[0]?.socket.resume();
    await until(() => server.connections() === 0);
  });

  it('closes with a close frame, and does not wait for a peer that never closes', async () => {
    const { server, recorder, flow, peer } = await connected();
    const closed = new Promise<number>((resolve) => peer.on('close', resolve));
    flow.close();
    expect(await closed).toBe(1000);
    await until(() => server.connections() === 0);
    const rude = await connected({}, { limits: { lingerMs: 50 } });
    rude.server.handshakes[0]?.socket.pause();
    rude.flow.close();
    rude.server.handshakes[0]?.socket.resume();
    await until(() => rude.server.connections() === 0);
    expect([recorder.closed, rude.recorder.closed]).toEqual([[], []]);
  });
});

describe('a secured WebSocket flow', () => {
  it('R428 is open when the certificate is that of the domain, and shows its session', async () => {
    const identity = authority.issue({ names: ['example.com'] });
    const { server, flow, recorder, peer } = await connected({ identity }, { security: trusting() });
    flow.send(answerBytes(1));
    peer.send(answerBytes(2));
    await until(() => server.received.length === 1 && recorder.messages.length === 1);
    expect(flow).toMatchObject({ transport: 'wss', tls: { peer: { sha256: identity.sha256 } } });
  });

  it('R428 sends no handshake to a server with the certificate of another', async () => {
    const identity = authority.issue({ names: ['other.org'] });
    const server = await running(startWebSocketServer({ identity }));
    expect((await refusal(server.port, { security: trusting() })).code).toBe('tls.name-mismatch');
    expect(server.handshakes).toEqual([]);
    await until(() => server.connections() === 0);
  });

  it('says so when the port speaks ws, not wss', async () => {
    const server = await running(startWebSocketServer());
    expect((await refusal(server.port, { security: trusting() })).code).toBe('tls.not-tls');
    await until(() => server.connections() === 0);
  });
});

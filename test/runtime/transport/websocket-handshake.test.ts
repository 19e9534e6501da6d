import type net from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { TlsMaterial } from '../../../src/runtime/tls/material.ts';
import { DEFAULT_TLS_SETTINGS } from '../../../src/runtime/tls/settings.ts';
import type { TlsSecurity } from '../../../src/runtime/transport/tls.ts';
import { makeCertificateAuthority } from '../../support/certificates.ts';
import { answerBytes, until } from '../../support/flows.ts';
import { startRawServer } from '../../support/tls-servers.ts';
import { makeWebSocketClients } from '../../support/websocket-clients.ts';
import { startWebSocketServer } from '../../support/websocket-servers.ts';

const { running, connected, refusal, stop } = makeWebSocketClients();
const authority = makeCertificateAuthority();

afterEach(stop);

/** Trusts the authority of the test; a handshake takes no more of the material than this. */
function trusting(): TlsSecurity {
  const material: Partial<TlsMaterial> = {
    context: createSecureContext({ ca: authority.certificate }),
    ownCertificate: null,
  };
  return { settings: DEFAULT_TLS_SETTINGS, material: material as TlsMaterial };
}

describe('the WebSocket handshake', () => {
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
  ])('says that the server answered %i', async (status, headers, evidence, advice) => {
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

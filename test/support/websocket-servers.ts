// WebSocket servers for tests, made with ws: they speak SIP's subprotocol or another, refuse as told, and keep what
// they were sent. On loopback, on ports that the system chooses, with TLS when they get a certificate.

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { IssuedCertificate } from './certificates.ts';
import type { TestServer } from './tls-servers.ts';

export type WebSocketTestServer = TestServer & {
  /** What the handshakes asked for, in order. */
  readonly handshakes: http.IncomingMessage[];
  readonly sockets: WebSocket[];
  readonly received: { readonly text: string; readonly isBinary: boolean }[];
  /** Connections that are open. */
  readonly connections: () => number;
};

export type WebSocketServerOptions = {
  /** Makes it a server for wss. */
  readonly identity?: IssuedCertificate;
  /** The subprotocol it answers with; null: none. Default: sip. */
  readonly subprotocol?: string | null;
  /** Answers the handshake so, and opens no WebSocket. */
  readonly refusal?: { readonly status: number; readonly headers?: http.OutgoingHttpHeaders };
  readonly perMessageDeflate?: boolean;
};

export async function startWebSocketServer(
  options: WebSocketServerOptions = {},
): Promise<WebSocketTestServer> {
  const { identity, subprotocol = 'sip', refusal, perMessageDeflate = false } = options;
  const web =
    identity === undefined
      ? http.createServer()
      : https.createServer({ cert: identity.certificate, key: identity.key });
  const handshakes: http.IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const received: { text: string; isBinary: boolean }[] = [];
  const open = new Set<Socket>();
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate,
    handleProtocols: () => subprotocol ?? false,
  });
  web.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  web.on('upgrade', (request, socket, head) => {
    handshakes.push(request);
    if (refusal !== undefined) {
      const fields = Object.entries(refusal.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      const reason = http.STATUS_CODES[refusal.status];
      socket.end(`HTTP/1.1 ${refusal.status} ${reason}\r\n${fields.join('')}Content-Length: 4\r\n\r\nfour`);
      return;
    }
    server.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on('message', (data, isBinary) => received.push({ text: data.toString(), isBinary }));
      websocket.on('error', () => {});
      sockets.push(websocket);
    });
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  return {
    port: (web.address() as AddressInfo).port,
    handshakes,
    sockets,
    received,
    connections: () => open.size,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => web.close(resolve));
    },
  };
}

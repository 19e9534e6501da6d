// A server of a few lines for what neither Kamailio nor SIPp would do: answer with any bytes, on UDP, TCP or TLS, or take a
// connection and say nothing.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fieldValues } from './kamailio.ts';

export type PlainServer = {
  readonly port: number;
  /** What has come in, in order. */
  readonly requests: readonly string[];
  /** Resets every connection that is open. */
  readonly disconnect: () => void;
  readonly stop: () => Promise<void>;
};

/** The bytes to answer a request with, or null for none. */
export type Responder = (request: string, index: number) => string | null;

export async function startUdpServer(respond: Responder): Promise<PlainServer> {
  const requests: string[] = [];
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  socket.on('message', (datagram, sender) => {
    requests.push(String(datagram));
    const answer = respond(String(datagram), requests.length - 1);
    if (answer !== null) socket.send(answer, sender.port, sender.address);
  });
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    requests,
    disconnect: () => undefined,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** With `identity` over TLS. Each chunk that comes in counts as one request: ours are small. */
export async function startStreamServer(
  respond: Responder,
  identity?: { readonly cert: string; readonly key: string },
): Promise<PlainServer> {
  const requests: string[] = [];
  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    // A client that goes away, or refuses our certificate, is no concern of the server's.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      requests.push(String(chunk));
      const answer = respond(String(chunk), requests.length - 1);
      if (answer !== null) socket.write(answer);
    });
  };
  const server = identity === undefined ? createServer(serve) : createTlsServer(identity, serve);
  server.on('connection', (socket) => open.add(socket));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const disconnect = (): void => {
    for (const socket of open) {
      if (identity === undefined) socket.resetAndDestroy();
      // Node cannot reset what TLS runs on.
      else socket.destroy();
    }
    open.clear();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    requests,
    disconnect,
    stop: async () => {
      disconnect();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A response to `request` with further header fields. */
export function responseTo(request: string, line: string, ...headers: readonly string[]): string {
  const echoed = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
    fieldValues(request, name).map((value) => `${name}: ${value}${name === 'To' ? ';tag=plain' : ''}`),
  );
  return [`SIP/2.0 ${line}`, ...echoed, ...headers, 'Content-Length: 0', '\r\n'].join('\r\n');
}

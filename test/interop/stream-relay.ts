// A relay between a client and a server on loopback, for TCP connections that break while both ends live on.

import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export type StreamRelay = {
  readonly port: number;
  /** How many connections came. */
  readonly connections: () => number;
  /** Breaks every connection that is open; new ones are taken as before. */
  readonly disconnect: () => void;
  readonly stop: () => Promise<void>;
};

/** Takes connections on a free port and carries their bytes to `port` and back. */
export async function startStreamRelay(port: number): Promise<StreamRelay> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = createConnection(port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      // Either end may go at any moment, and takes the other with it.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const disconnect = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => connections,
    disconnect,
    stop: async () => {
      disconnect();
      server.close();
      await once(server, 'close');
    },
  };
}

// Servers for tests of TLS handshakes: Node's own, OpenSSL's (which sends the alerts that Node's keeps to itself),
// and sockets that do anything but TLS. All on loopback, on ports that the system chooses.

import { spawn } from 'node:child_process';
import net from 'node:net';
import tls from 'node:tls';
import { freePort } from '../../scripts/free-port.mjs';
import type { IssuedCertificate } from './certificates.ts';

export type TestServer = {
  readonly port: number;
  readonly stop: () => Promise<void>;
};

export type WatchedServer = TestServer & {
  /** Connections accepted so far, and those of them still open. */
  readonly connections: () => { readonly accepted: number; readonly open: number };
};

export type TlsTestServer = WatchedServer & {
  /** Secured connections, in the order they came. */
  readonly sockets: tls.TLSSocket[];
  /** Decrypted bytes of all of them. */
  readonly received: () => string;
};

/** A TLS server with the certificate and those that `chain` adds to it. */
export async function startTlsServer(
  own: IssuedCertificate,
  chain: readonly IssuedCertificate[] = [],
  options: tls.TlsOptions = {},
): Promise<TlsTestServer> {
  const sockets: tls.TLSSocket[] = [];
  let received = '';
  const cert = [own, ...chain].map(({ certificate }) => certificate).join('');
  const server = tls.createServer({ cert, key: own.key, ...options }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
  });
  server.on('tlsClientError', () => {});
  const listening = await listen(server);
  return { ...listening, sockets, received: () => received };
}

/** A TCP server that treats each connection as told. */
export function startRawServer(handle: (socket: net.Socket) => void): Promise<WatchedServer> {
  return listen(
    net.createServer((socket) => {
      socket.on('error', () => {});
      // Whoever does not read does not learn that the other side has gone.
      socket.resume();
      handle(socket);
    }),
  );
}

/** A proxy to a TLS 1.2 server that appends a broken record to the flight which completes the handshake. */
export function startSpoilingProxy(port: number): Promise<WatchedServer> {
  return startRawServer((socket) => {
    const onward = net.connect(port, '127.0.0.1');
    onward.on('error', () => {});
    let flights = 0;
    onward.on('data', (bytes) => {
      flights += 1;
      socket.write(flights === 2 ? Buffer.concat([bytes, Buffer.from('15030300020228', 'hex')]) : bytes);
    });
    socket.on('data', (bytes) => onward.write(bytes));
    socket.on('close', () => onward.destroy());
  });
}

/** `openssl s_server` with further arguments; it says out loud why it refuses a client. */
export async function startOpensslServer(
  certificateFile: string,
  keyFile: string,
  ...more: string[]
): Promise<TestServer> {
  const port = await freePort();
  const args = [
    's_server',
    '-accept',
    `127.0.0.1:${port}`,
    '-cert',
    certificateFile,
    '-key',
    keyFile,
    ...more,
  ];
  const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`openssl s_server ended with ${code}`)));
    child.stdout.on('data', (text) => {
      if (String(text).includes('ACCEPT')) resolve();
    });
  });
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function listen(server: net.Server): Promise<WatchedServer> {
  const open = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket: net.Socket) => {
    accepted += 1;
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => ({ accepted, open: open.size }),
    stop: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

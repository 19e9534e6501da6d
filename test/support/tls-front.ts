// TLS in front of a registrar that speaks TCP: it demands client certificates, notes whose came, and passes the bytes on
// both ways. It can hold connections back before the handshake, and close each one after its first answers.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';

export type FrontOptions = {
  readonly own: IssuedCertificate;
  /** Whose clients are let in. */
  readonly clientAuthority: IssuedCertificate;
  /** The registrar's TCP port, on loopback. */
  readonly onward: number;
  /** Closes a connection so long after its first final answer; without it connections stay. */
  readonly closeAfterMs?: number;
};

export type TlsFront = {
  readonly port: number;
  /** The common names of the clients that were let in, in the order of their handshakes. */
  readonly clients: () => readonly string[];
  /** Connections that are open now. */
  readonly open: () => number;
  /** Connections that it holds back now. */
  readonly held: () => number;
  /** Holds new connections back (true), or lets all of them go on. */
  readonly hold: (isHeld: boolean) => void;
  /** Why handshakes failed. */
  readonly refusals: () => readonly string[];
  readonly stop: () => Promise<void>;
};

/** Starts a front on a port that the system chooses. */
export async function startTlsFront(options: FrontOptions): Promise<TlsFront> {
  const { own, clientAuthority } = options;
  const clients: string[] = [];
  const refusals: string[] = [];
  const open = new Set<net.Socket>();
  const waiting: net.Socket[] = [];
  let isHolding = false;
  const secure = tls.createServer({
    cert: own.certificate,
    key: own.key,
    ca: clientAuthority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  secure.on('tlsClientError', (error) => refusals.push(error.message));
  secure.on('secureConnection', (socket) => {
    clients.push(String(socket.getPeerCertificate().subject?.CN));
    passOn(socket, options);
  });
  const front = net.createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => {});
    if (isHolding) waiting.push(socket.pause());
    else secure.emit('connection', socket);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    port: (front.address() as net.AddressInfo).port,
    clients: () => clients,
    open: () => open.size,
    held: () => waiting.length,
    hold: (isHeld) => {
      isHolding = isHeld;
      if (!isHeld) for (const socket of waiting.splice(0)) secure.emit('connection', socket);
    },
    refusals: () => refusals,
    stop: async () => {
      for (const socket of open) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  };
}

/** RFC 3261 §7.2: a final response has a status from 200 on. */
const FINAL = /SIP\/2\.0 [2-6]\d\d (?!Unauthorized)/;

function passOn(socket: tls.TLSSocket, { onward, closeAfterMs }: FrontOptions): void {
  const inner = net.connect(onward, '127.0.0.1');
  for (const [one, other] of [
    [socket, inner],
    [inner, socket],
  ] as const) {
    one.on('error', () => {});
    one.on('close', () => other.destroy());
    one.pipe(other);
  }
  if (closeAfterMs === undefined) return;
  inner.on('data', (bytes) => {
    if (FINAL.test(bytes.toString('latin1'))) setTimeout(() => socket.end(), closeAfterMs).unref();
  });
}

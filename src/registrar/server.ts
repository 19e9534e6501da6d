// The embedded registrar on real sockets: UDP and TCP on one port, TLS on another. It decides nothing about SIP:
// registrar.ts does. For `sipreg demo` and the tests, not for the open Internet.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Secret } from '../core/digest/algorithm.ts';
import type { Env } from '../core/env.ts';
import { skipLineBreaks } from '../core/sip/head.ts';
import { parseMessage } from '../core/sip/parse.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import { nodeHash } from '../runtime/hash.ts';
import { CONNECTION_LIMITS, type ConnectionLimits, serveConnection } from './connection.ts';
import { openReception, type Peer, type Reception, type RegistrarEvent } from './reception.ts';
import { type RegistrarSettings, registrarSettings } from './settings.ts';

export type RegistrarOptions = {
  /** Names and passwords. */
  readonly users: Readonly<Record<string, string>>;
  /** An IP literal of this host (127.0.0.1). */
  readonly address?: string;
  /** Of UDP and TCP; 0 (the default) for any that is free for both. */
  readonly port?: number;
  /** With it the registrar listens for TLS too. */
  readonly tls?: TlsOptions;
  /** The domain of the addresses-of-record, and the realm (`address`). */
  readonly domain?: string;
  /** What replaces the defaults of registrarSettings. */
  readonly settings?: Partial<Omit<RegistrarSettings, 'users'>>;
  /** Told of each event as it happens. */
  readonly onEvent?: (event: RegistrarEvent) => void;
  readonly limits?: ConnectionLimits;
};

export type TlsOptions = {
  /** PEM. */
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
  /** 0 (the default) for any. */
  readonly port?: number;
};

export type RunningRegistrar = Pick<Reception, 'events' | 'bindings'> & {
  readonly address: string;
  readonly ports: { readonly udp: number; readonly tcp: number; readonly tls: number | null };
  /** Resolves when it was closed; rejects with the unexpected error that ended it. */
  readonly ended: Promise<void>;
  /** Closes all sockets and connections; resolves when they are gone. More than once does no harm. */
  readonly close: () => Promise<void>;
};

/** Starts a registrar. Rejects with the system's error when a port cannot be had, or a certificate not be used. */
export async function startRegistrar(options: RegistrarOptions): Promise<RunningRegistrar> {
  const address = options.address ?? '127.0.0.1';
  const users = new Map(
    Object.entries(options.users).map(([name, password]): [string, Secret] => [name, password]),
  );
  const settings = registrarSettings(options.domain ?? address, users, options.settings);
  const limits = options.limits ?? CONNECTION_LIMITS;
  const life = startLife();
  const reception = openReception(settings, systemEnv, (event) => {
    orFail(life.fail, () => options.onEvent?.(event));
  });
  try {
    const sockets = await openSockets(address, options, (socket) => {
      life.watch(socket);
      if (socket instanceof dgram.Socket) serveUdp(socket, reception, life.fail);
      else serveStreams(socket, reception, { limits, fail: life.fail });
    });
    for (const socket of [sockets.udp, sockets.tcp, sockets.tls]) socket?.on('error', life.fail);
    return {
      address,
      ports: {
        udp: sockets.udp.address().port,
        tcp: portOf(sockets.tcp),
        tls: sockets.tls === null ? null : portOf(sockets.tls),
      },
      events: reception.events,
      bindings: reception.bindings,
      ended: life.ended,
      close: life.close,
    };
  } catch (error) {
    await life.close();
    throw error;
  }
}

type Sockets = { readonly udp: dgram.Socket; readonly tcp: net.Server; readonly tls: tls.Server | null };

/** Is called with each socket before anything can arrive at it. */
type Prepare = (socket: dgram.Socket | net.Server) => void;

async function openSockets(address: string, options: RegistrarOptions, prepare: Prepare): Promise<Sockets> {
  const pair = await openPair(address, options.port ?? 0, prepare);
  if (options.tls === undefined) return { ...pair, tls: null };
  const { certificate, key, port = 0 } = options.tls;
  const { unfinishedMs } = options.limits ?? CONNECTION_LIMITS;
  const secure = tls.createServer({ cert: certificate, key, handshakeTimeout: unfinishedMs });
  prepare(secure);
  await listen(secure, address, port);
  return { ...pair, tls: secure };
}

/** UDP and TCP on the same port, as RFC 3261 §18.2.1 asks; with port 0 another is tried when UDP has it already. */
async function openPair(
  address: string,
  port: number,
  prepare: Prepare,
): Promise<Pick<Sockets, 'udp' | 'tcp'>> {
  for (let attempt = 1; ; attempt++) {
    const tcp = net.createServer();
    const ipv6 = net.isIPv6(address);
    const udp = dgram.createSocket({ type: ipv6 ? 'udp6' : 'udp4', ipv6Only: ipv6 });
    prepare(tcp);
    prepare(udp);
    await listen(tcp, address, port);
    try {
      udp.bind({ address, port: portOf(tcp), exclusive: true });
      await once(udp, 'listening');
      return { udp, tcp };
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || !isTaken || attempt === MAX_ATTEMPTS) throw error;
      udp.close();
      tcp.close();
    }
  }
}

async function listen(server: net.Server, address: string, port: number): Promise<void> {
  server.listen({ port, host: address, ipv6Only: true });
  await once(server, 'listening');
}

type Fail = (error: Error) => void;

function serveUdp(socket: dgram.Socket, reception: Reception, fail: Fail): void {
  socket.on('message', (bytes, sender) => {
    const peer: Peer = { transport: 'udp', source: { address: sender.address, port: sender.port } };
    // RFC 5626 §4.4: line breaks alone keep a NAT binding open.
    if (skipLineBreaks(bytes) === bytes.length) return;
    orFail(fail, () => {
      const outgoing = reception.receive(parseMessage(bytes), peer);
      if (outgoing === null) return;
      socket.send(outgoing.bytes, outgoing.to.port, outgoing.to.address, (error) => {
        if (error !== null) reception.drop(peer, `its answer could not be sent: ${error.message}`);
      });
    });
  });
}

function serveStreams(
  server: net.Server,
  reception: Reception,
  { limits, fail }: { readonly limits: ConnectionLimits; readonly fail: Fail },
): void {
  const transport = server instanceof tls.Server ? 'tls' : 'tcp';
  const peerOf = ({ remoteAddress = '', remotePort = 0 }: net.Socket): Peer => ({
    transport,
    source: { address: remoteAddress, port: remotePort },
  });
  server.maxConnections = limits.maxConnections;
  server.on(transport === 'tls' ? 'secureConnection' : 'connection', (socket: net.Socket) => {
    const peer = peerOf(socket);
    serveConnection(
      socket,
      {
        received: (message) => orFail(fail, () => reception.receive(message, peer)?.bytes ?? null) ?? null,
        broken: (description) => reception.drop(peer, description),
      },
      limits,
    );
  });
  server.on('tlsClientError', (error: Error, socket: net.Socket) => {
    reception.drop(peerOf(socket), `no TLS handshake: ${error.message}`);
  });
}

/** An exception in a handler, or in whoever listens to the events, is a fault in this program: it ends the registrar, and `ended` brings it to light. */
function orFail<Value>(fail: Fail, work: () => Value): Value | undefined {
  try {
    return work();
  } catch (error) {
    fail(error instanceof Error ? error : new Error(String(error)));
    return undefined;
  }
}

type Life = {
  /** Closes the socket, and every connection that it accepts, at the end. */
  readonly watch: (socket: dgram.Socket | net.Server) => void;
  readonly ended: Promise<void>;
  readonly close: () => Promise<void>;
  /** Ends the life with an error. */
  readonly fail: Fail;
};

function startLife(): Life {
  const living = new Set<dgram.Socket | net.Server | net.Socket>();
  let closing: Promise<void> | null = null;
  let settle = { resolve: (): void => undefined, reject: (_error: Error): void => undefined };
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });

  const keep = (socket: dgram.Socket | net.Server | net.Socket): void => {
    living.add(socket);
    socket.once('close', () => living.delete(socket));
  };
  const closeAll = async (): Promise<void> => {
    const closed = Array.from(living, (socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of living) {
      if (socket instanceof net.Socket) socket.destroy();
      else socket.close();
    }
    await Promise.all(closed);
    settle.resolve();
  };
  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };
  return {
    watch: (socket) => {
      keep(socket);
      if (socket instanceof net.Server) socket.on('connection', keep);
    },
    ended,
    close,
    fail: (error) => {
      settle.reject(error);
      void close();
    },
  };
}

function portOf(server: net.Server): number {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

function systemEnv(): Env {
  return { now: monotonicNow(), rng: systemRng, hash: nodeHash };
}

/** To find a port that is free for both UDP and TCP. */
const MAX_ATTEMPTS = 20;

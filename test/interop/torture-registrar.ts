// A registrar that throws: it takes every REGISTER on UDP and TCP as it is told to, and sends any bytes to the agent from just
// where the agent has registered. After each it asks with an OPTIONS of its own, so that an answer, or silence, is known
// without waiting for time to pass. It has a loopback address of its own, because answers go to the port that a message's
// Via names, and most of the torture messages mean 5060 (RFC 3261 §18.2.2).

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { emptyFramer, pushBytes } from '../../src/core/sip/framer.ts';
import { headerValue } from '../../src/core/sip/headers.ts';
import type { SipMessage, SipRequest } from '../../src/core/sip/message.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { branchOf, topVia } from '../../src/core/sip/via.ts';

/** How a REGISTER is taken. */
export type Mood = 'grant' | 'silent' | 'unavailable';

/** What came back for some bytes. */
export type Reaction = {
  /** Statuses of the final answers, in order. */
  readonly statuses: readonly number[];
  /** `answered`: the agent takes the next message; `closed`: it has closed the connection; `silent`: neither. */
  readonly then: 'answered' | 'closed' | 'silent';
};

export type TortureRegistrar = {
  readonly address: string;
  readonly ports: Readonly<Record<Transport, number>>;
  /** REGISTERs that were granted so far, over both. */
  readonly granted: () => number;
  /** What was met with silence is answered when the mood changes. */
  readonly setMood: (mood: Mood) => void;
  /** Sends `bytes` to the agent as they are, and sees what comes of it. */
  readonly throwAt: (transport: Transport, bytes: Uint8Array, patienceMs?: number) => Promise<Reaction>;
  /** Resets the TCP connections. */
  readonly disconnect: () => void;
  readonly stop: () => Promise<void>;
};

export type Transport = 'udp' | 'tcp';

/** 5060, and what the Vias of the messages name besides. */
const UDP_PORTS = [5060, 5050, 6050, 19_823];
const PATIENCE_MS = 5_000;

export async function startTortureRegistrar(): Promise<TortureRegistrar> {
  const address = `127.${octet()}.${octet()}.${octet()}`;
  const udp = await Promise.all(UDP_PORTS.map((port) => bound(address, port)));
  const tcp = createServer().listen(0, address);
  await once(tcp, 'listening');
  const bound0 = tcp.address();
  const ports = { udp: 5060, tcp: typeof bound0 === 'object' && bound0 !== null ? bound0.port : 0 };
  const connections = new Set<Socket>();
  const listeners = new Set<(message: SipMessage) => void>();
  const waiting: (() => void)[] = [];
  let mood: Mood = 'grant';
  let granted = 0;
  let contact: { readonly address: string; readonly port: number } | null = null;
  let asked = 0;

  const answer = (request: SipRequest, reply: (text: string) => void): void => {
    if (mood === 'silent') waiting.push(() => answer(request, reply));
    else {
      if (mood === 'grant') granted += 1;
      reply(answerTo(request, mood));
    }
  };
  const received = (message: SipMessage, reply: (text: string) => void): void => {
    for (const listener of listeners) listener(message);
    if (message.kind === 'request' && message.method === 'REGISTER') answer(message, reply);
  };
  for (const socket of udp) {
    socket.on('message', (bytes, sender) => {
      const parsed = parseMessage(bytes);
      if (!parsed.ok) return;
      if (parsed.value.kind === 'request') contact = sender;
      received(parsed.value, (text) => socket.send(text, sender.port, sender.address));
    });
  }
  tcp.on('connection', (socket) => {
    connections.add(socket.setNoDelay(true));
    let framer = emptyFramer();
    socket.on('data', (bytes) => {
      const step = pushBytes(framer, bytes);
      framer = step.framer;
      for (const one of step.messages) {
        const parsed = parseMessage(one);
        if (parsed.ok) received(parsed.value, (text) => void socket.write(text));
      }
    });
    // A connection that the agent resets is one of the reactions.
    socket.on('error', () => undefined);
    socket.on('close', () => connections.delete(socket));
  });
  const send = (transport: Transport, bytes: Uint8Array | string): void => {
    if (transport === 'tcp') for (const socket of connections) socket.write(bytes);
    else if (contact !== null) udp[0]?.send(bytes, contact.port, contact.address);
  };

  return {
    address,
    ports,
    granted: () => granted,
    setMood: (wanted) => {
      mood = wanted;
      for (const late of waiting.splice(0)) late();
    },
    throwAt: (transport, bytes, patienceMs = PATIENCE_MS) => {
      asked += 1;
      const callId = `ask-${asked}`;
      const thrown = Buffer.from(bytes).toString();
      const reaction = watch(listeners, connections, { transport, thrown, callId, patienceMs });
      send(transport, bytes);
      send(transport, question(transport, address, ports[transport], callId));
      return reaction;
    },
    disconnect: () => {
      for (const socket of connections) socket.resetAndDestroy();
    },
    stop: async () => {
      for (const socket of connections) socket.destroy();
      await Promise.all([
        ...udp.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

async function bound(address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket('udp4').bind({ address, port, exclusive: true });
  await once(socket, 'listening');
  return socket;
}

function octet(): number {
  return 10 + Math.floor(Math.random() * 240);
}

type Question = {
  readonly transport: Transport;
  /** What was thrown before it. */
  readonly thrown: string;
  readonly callId: string;
  readonly patienceMs: number;
};

/** Collects final answers until the one to the question `callId` comes, a connection closes, or patience ends. */
function watch(
  listeners: Set<(message: SipMessage) => void>,
  connections: ReadonlySet<Socket>,
  { transport, thrown, callId, patienceMs }: Question,
): Promise<Reaction> {
  return new Promise((resolve) => {
    const statuses: number[] = [];
    const watched = transport === 'tcp' ? [...connections] : [];
    const finish = (then: Reaction['then']): void => {
      clearTimeout(limit);
      listeners.delete(hear);
      for (const socket of watched) socket.off('close', closed);
      resolve({ statuses, then });
    };
    const hear = (message: SipMessage): void => {
      if (message.kind !== 'response' || message.status < 200) return;
      const id = headerValue(message.headers, 'Call-ID') ?? '';
      // What was sent before is here too, if perhaps at another port that has not been read yet.
      if (id === callId) setImmediate(() => setImmediate(() => finish('answered')));
      else if (belongs(message, thrown) && !isRepeated(message)) statuses.push(message.status);
    };
    const closed = (): void => finish('closed');
    const limit = setTimeout(() => finish('silent'), patienceMs);
    const seen = new Set<string>();
    const isRepeated = ({ headers }: SipMessage): boolean => {
      const key = `${headerValue(headers, 'Via')} ${headerValue(headers, 'CSeq')} ${headerValue(headers, 'Call-ID')}`;
      return seen.size === seen.add(key).size;
    };
    listeners.add(hear);
    for (const socket of watched) socket.once('close', closed);
    if (transport === 'tcp' && watched.length === 0) finish('closed');
  });
}

/**
 * Whether an answer is one to `thrown`: that to an INVITE is repeated until somebody acknowledges it, long after its message
 * was thrown. Messages of RFC 4475 that share a branch are copies of one (RFC 3261 §17.2.3), and get the answer to the first.
 */
function belongs(message: SipMessage, thrown: string): boolean {
  const via = topVia(message);
  const branch = via === null ? null : branchOf(via);
  const method = (headerValue(message.headers, 'CSeq') ?? '').split(/\s/).at(-1) ?? '';
  const isSame = thrown.includes(headerValue(message.headers, 'Call-ID') ?? '');
  const isCopy = method !== 'INVITE' && branch !== null && thrown.includes(branch);
  return thrown.includes(method) && (isSame || isCopy);
}

function question(transport: Transport, address: string, port: number, callId: string): string {
  return [
    'OPTIONS sip:agent@127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/${transport.toUpperCase()} ${address}:${port};rport;branch=z9hG4bK${callId}`,
    `From: <sip:registrar@${address}>;tag=${callId}`,
    'To: <sip:agent@127.0.0.1>',
    `Call-ID: ${callId}`,
    'CSeq: 1 OPTIONS',
    'Max-Forwards: 70',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

function answerTo({ headers }: SipRequest, mood: Mood): string {
  const copied = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => `${name}: ${headerValue(headers, name)}`);
  const to = `To: ${headerValue(headers, 'To')};tag=torture`;
  const contact = headerValue(headers, 'Contact');
  const granting = contact === null ? [] : [`Contact: ${contact}`];
  const rows =
    mood === 'grant'
      ? ['SIP/2.0 200 OK', ...copied, to, ...granting]
      : ['SIP/2.0 503 Service Unavailable', ...copied, to, 'Retry-After: 30'];
  return [...rows, 'Content-Length: 0', '\r\n'].join('\r\n');
}

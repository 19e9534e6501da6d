// The registrar on real loopback sockets, spoken to by a client that shares no code with it.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CONNECTION_LIMITS } from '../../src/registrar/connection.ts';
import type { RegistrarEvent } from '../../src/registrar/reception.ts';
import { type RegistrarOptions, type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { authorization, exchangeStream, exchangeUdp, registerMessage } from '../interop/plain-client.ts';
import { makeSelfSigned } from '../support/certificates.ts';

let running: RunningRegistrar | undefined;
const clients = new Set<Socket>();

afterEach(async () => {
  for (const client of clients) client.destroy();
  clients.clear();
  await running?.close();
});

async function start(options: Partial<RegistrarOptions> = {}): Promise<RunningRegistrar> {
  running = await startRegistrar({ users: { alice: 'wonderland' }, domain: 'example.test', ...options });
  return running;
}

const OPEN = { settings: { authentication: null } };

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  clients.add(socket);
  await once(socket, 'connect');
  return socket;
}

/** What comes until `pattern` matches, or until the end. */
async function readUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  const signal = AbortSignal.timeout(5000);
  while (!pattern.test(text)) await once(socket, 'data', { signal });
  return text;
}

/** Resolves with the first `dropped` event. */
function nextDropped(): {
  readonly promise: Promise<RegistrarEvent>;
  onEvent: (event: RegistrarEvent) => void;
} {
  let onEvent = (_event: RegistrarEvent): void => undefined;
  const promise = new Promise<RegistrarEvent>((resolve) => {
    onEvent = (event) => {
      if (event.type === 'dropped') resolve(event);
    };
  });
  return { promise, onEvent };
}

describe('over UDP', () => {
  it('challenges, registers, and shows it', async () => {
    const told: RegistrarEvent[] = [];
    const registrar = await start({ onEvent: (event) => told.push(event) });
    const challenged = await exchangeUdp(registrar.ports.udp, registerMessage());
    expect(challenged).toMatch(/^SIP\/2\.0 401 /);
    const challenge = /WWW-Authenticate: (Digest .*SHA-256.*)/.exec(challenged)?.[1] ?? '';
    const extra = authorization(challenge, 'wonderland', 'SHA-256');
    const accepted = await exchangeUdp(registrar.ports.udp, registerMessage({ cseq: 2, extra }));
    expect(accepted).toMatch(/^SIP\/2\.0 200 OK\r\n/);
    expect(accepted).toContain('Contact: <sip:alice@127.0.0.1:5999>;expires=3600\r\n');
    expect(registrar.bindings('alice')).toEqual([
      { uri: 'sip:alice@127.0.0.1:5999', secondsLeft: 3600, callId: 'call-1', cseq: 2 },
    ]);
    expect(registrar.events()).toEqual(told);
    expect(told).toMatchObject([
      { type: 'answered', transport: 'udp', status: 401, cseq: '1 REGISTER' },
      { type: 'answered', method: 'REGISTER', status: 200, cseq: '2 REGISTER', repeated: false },
    ]);
    expect(JSON.stringify(told)).not.toMatch(/response|wonderland/);
  });

  it('sends the answer where rport says, or else to the port of the Via', async () => {
    const registrar = await start(OPEN);
    const listener = createSocket('udp4');
    const sender = createSocket('udp4');
    try {
      listener.bind(0, '127.0.0.1');
      await once(listener, 'listening');
      const message = registerMessage().replace(
        '127.0.0.1:5999;rport',
        `127.0.0.1:${listener.address().port}`,
      );
      sender.send(message, registrar.ports.udp, '127.0.0.1');
      const [bytes, from] = await once(listener, 'message', { signal: AbortSignal.timeout(3000) });
      expect(String(bytes)).toMatch(/^SIP\/2\.0 200 /);
      expect(from.port).toBe(registrar.ports.udp);
    } finally {
      listener.close();
      sender.close();
    }
  });

  it('passes over line breaks, and writes down what is no request', async () => {
    const registrar = await start(OPEN);
    const socket = createSocket('udp4');
    try {
      for (const text of ['\r\n\r\n', 'noise', 'SIP/2.0 200 OK\r\n\r\n']) {
        socket.send(text, registrar.ports.udp, '127.0.0.1');
      }
      await exchangeUdp(registrar.ports.udp, registerMessage());
    } finally {
      socket.close();
    }
    expect(registrar.events().map(({ type }) => type)).toEqual(['dropped', 'dropped', 'answered']);
  });

  it('answers a message that is cut off with 400', async () => {
    const registrar = await start(OPEN);
    const cut = registerMessage().replace('Content-Length: 0', 'Content-Length: 99');
    expect(await exchangeUdp(registrar.ports.udp, cut)).toMatch(/^SIP\/2\.0 400 Message Malformed\r\n/);
    expect(registrar.bindings('alice')).toEqual([]);
  });

  it('speaks IPv6', async () => {
    const registrar = await start({ ...OPEN, address: '::1' });
    const socket = createSocket('udp6');
    try {
      socket.send(registerMessage(), registrar.ports.udp, '::1');
      const [bytes] = await once(socket, 'message', { signal: AbortSignal.timeout(3000) });
      expect(String(bytes)).toMatch(/^SIP\/2\.0 200 [\s\S]*;received=::1/);
    } finally {
      socket.close();
    }
  });
});

describe('over TCP', () => {
  it('answers requests in pieces and in one piece, and pings', async () => {
    const registrar = await start(OPEN);
    expect(registrar.ports.tcp).toBe(registrar.ports.udp);
    const socket = await connected(registrar.ports.tcp);
    const answers = readUntil(socket, /CSeq: 3 REGISTER[\s\S]*\r\n\r\n\r\n$/);
    const [first, rest] = [registerMessage().slice(0, 40), registerMessage().slice(40)];
    socket.write(first);
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(`${rest}${registerMessage({ cseq: 2 })}${registerMessage({ cseq: 3 })}\r\n\r\n`);
    expect((await answers).match(/^SIP\/2\.0 200 /gm)).toHaveLength(3);
  });

  it('answers a message without Content-Length with 400, and ends the stream', async () => {
    const registrar = await start(OPEN);
    const socket = await connected(registrar.ports.tcp);
    const closed = once(socket, 'close');
    const answer = readUntil(socket, /\r\n\r\n$/);
    socket.write(registerMessage().replace('Content-Length: 0\r\n', ''));
    expect(await answer).toMatch(/^SIP\/2\.0 400 /);
    await closed;
  });

  it.each([
    ['who says nothing', '', { idleMs: 50 }, 'nothing was heard for too long'],
    ['who never finishes', 'REGISTER sip:', { unfinishedMs: 50 }, 'a message was not finished'],
  ])('parts with one %s', async (_who, text, limits, description) => {
    const registrar = await start({ ...OPEN, limits: { ...CONNECTION_LIMITS, ...limits } });
    const socket = await connected(registrar.ports.tcp);
    const closed = once(socket, 'close');
    socket.write(text);
    await closed;
    expect(registrar.events()).toMatchObject([{ type: 'dropped', transport: 'tcp', description }]);
  });

  it('parts with one who does not read', async () => {
    const { promise, onEvent } = nextDropped();
    const registrar = await start({ ...OPEN, onEvent, limits: { ...CONNECTION_LIMITS, unreadBytes: 1000 } });
    const socket = await connected(registrar.ports.tcp);
    socket.on('error', () => undefined); // The registrar resets a stream that it has not read to its end.
    const long = registerMessage().replace('z9hG4bK', `z9hG4bK${'a'.repeat(20_000)}`);
    socket.write(long.repeat(1500));
    expect(await promise).toMatchObject({ description: 'its answers are left unread' });
  });
});

describe('over TLS', () => {
  it('registers, and writes down who makes no handshake', async () => {
    const identity = makeSelfSigned({ commonName: 'localhost' });
    const registrar = await start({ ...OPEN, tls: identity });
    const port = registrar.ports.tls ?? 0;
    const answer = await exchangeStream(port, registerMessage({ transport: 'TLS' }), 'tls');
    expect(answer).toMatch(/^SIP\/2\.0 200 /);
    const plain = await connected(port);
    const closed = once(plain, 'close');
    plain.write(registerMessage());
    await closed;
    expect(registrar.events()).toMatchObject([
      { type: 'answered', transport: 'tls', status: 200 },
      { type: 'dropped', transport: 'tls', source: { address: '127.0.0.1' } },
    ]);
  });

  it('refuses a certificate that is none, and leaves no port open', async () => {
    const { ports } = await start(OPEN);
    await running?.close();
    const broken = { certificate: 'no certificate', key: 'no key' };
    await expect(start({ port: ports.udp, tls: broken })).rejects.toThrow();
    expect((await start({ ...OPEN, port: ports.udp })).ports.udp).toBe(ports.udp);
  });
});

describe('start and end', () => {
  it('frees its ports and ends its connections', async () => {
    const first = await start(OPEN);
    const socket = await connected(first.ports.tcp);
    const closed = once(socket, 'close');
    await Promise.all([first.close(), first.close()]);
    await Promise.all([closed, first.ended]);
    const second = await start({ ...OPEN, port: first.ports.tcp });
    expect(second.ports).toEqual(first.ports);
  });

  it('rejects when the port is taken', async () => {
    const { ports } = await start(OPEN);
    await expect(startRegistrar({ users: {}, port: ports.tcp })).rejects.toThrow(/EADDRINUSE/);
  });

  it('rejects when only UDP has the port', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    try {
      await expect(startRegistrar({ users: {}, port: socket.address().port })).rejects.toThrow(/EADDRINUSE/);
    } finally {
      socket.close();
    }
  });

  it('ends with the error of whoever listens to its events', async () => {
    const registrar = await start({
      ...OPEN,
      onEvent: () => {
        throw new Error('the listener is broken');
      },
    });
    const ended = expect(registrar.ended).rejects.toThrow('the listener is broken');
    const socket = await connected(registrar.ports.tcp);
    const closed = once(socket, 'close');
    socket.write(registerMessage());
    await Promise.all([ended, closed]);
  });

  it('remembers the latest 1000 events', async () => {
    const registrar = await start(OPEN);
    const socket = await connected(registrar.ports.tcp);
    const answered = readUntil(socket, /CSeq: 1200 /);
    socket.write(Array.from({ length: 1200 }, (_, at) => registerMessage({ cseq: at + 1 })).join(''));
    await answered;
    const events = registrar.events();
    expect(events).toHaveLength(1000);
    expect(events[0]).toMatchObject({ cseq: '201 REGISTER' });
  });
});

import { spawn } from 'node:child_process';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Flow, FlowRequest } from '../../../src/runtime/transport/flow.ts';
import { FLOW_LIMITS, type FlowLimits } from '../../../src/runtime/transport/limits.ts';
import { openTcpFlow } from '../../../src/runtime/transport/stream.ts';
import { answerBytes, recordFlows, requestTo, until } from '../../support/flows.ts';

const servers: net.Server[] = [];
const open: Flow[] = [];

afterEach(() => {
  for (const flow of open.splice(0)) flow.close();
  for (const server of servers.splice(0)) server.close();
});

type Peer = { readonly port: number; readonly sockets: net.Socket[]; readonly received: () => string };

async function startServer(address = '127.0.0.1'): Promise<Peer> {
  const sockets: net.Socket[] = [];
  let received = '';
  const server = net.createServer((socket) => {
    sockets.push(socket.setNoDelay(true));
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
    socket.on('error', () => {});
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return { port: (server.address() as net.AddressInfo).port, sockets, received: () => received };
}

/** A process that listens and then stands still: once its backlog is full, the system drops every SYN. */
async function startDeafServer(): Promise<{ readonly port: number; readonly stop: () => void }> {
  const script = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (text) => resolve(Number(text))),
  );
  return { port, stop: () => child.kill('SIGKILL') };
}

async function connect(
  changes: Partial<FlowRequest> & { port?: number; address?: string } = {},
  limits: Partial<FlowLimits> = {},
) {
  const { port, ...rest } = changes;
  const peer = await startServer(changes.address);
  const recorder = recordFlows();
  const opened = await openTcpFlow(requestTo(port ?? peer.port, rest), recorder.events, {
    ...FLOW_LIMITS,
    ...limits,
  });
  if (!opened.ok) throw new Error(opened.error.cause);
  open.push(opened.value);
  await until(() => peer.sockets.length === 1);
  const [socket] = peer.sockets;
  if (socket === undefined) throw new Error('no socket');
  return { ...recorder, peer, socket, flow: opened.value };
}

describe('a TCP flow', () => {
  it('R159 connects, sends, and knows both of its addresses', async () => {
    const { flow, peer, socket } = await connect();
    flow.send(Buffer.from('OPTIONS'));
    await until(() => peer.received() === 'OPTIONS');
    expect(flow.remote).toEqual({ address: '127.0.0.1', port: peer.port });
    expect(flow.local).toEqual({ address: '127.0.0.1', port: socket.remotePort });
  });

  it('works over IPv6', async () => {
    const { flow, socket, messages } = await connect({ address: '::1' });
    socket.write(answerBytes(1));
    await until(() => messages.length === 1);
    expect(flow.local.address).toBe('::1');
  });

  it('R174 puts messages together from single bytes, and takes several from one segment', async () => {
    const { socket, messages } = await connect();
    for (const byte of answerBytes(1, 'body')) {
      await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    }
    socket.write(Buffer.concat([answerBytes(2), answerBytes(3, 'x'), answerBytes(4)]));
    await until(() => messages.length === 4);
    const numbers = messages.map(({ message }) => message.headers.find(({ name }) => name === 'CSeq')?.value);
    expect(numbers).toEqual(['1 REGISTER', '2 REGISTER', '3 REGISTER', '4 REGISTER']);
    expect(new TextDecoder().decode(messages[0]?.message.body ?? new Uint8Array())).toBe('body');
  });

  it('R021 R348 R349 passes over line breaks and answers a double one with one', async () => {
    const { socket, messages, closed, peer } = await connect();
    socket.write('\r\n\r\n');
    await until(() => peer.received() === '\r\n');
    socket.write(Buffer.concat([Buffer.from('\r\n'), answerBytes(1), Buffer.from('\r\n')]));
    await until(() => messages.length === 1);
    expect(closed).toEqual([]);
  });

  it('R340 R348 tells of a CRLF that answers a ping, and not of a ping', async () => {
    const { flow, socket, signs, messages, closed, peer } = await connect();
    flow.send(Buffer.from('\r\n\r\n'));
    await until(() => peer.received() === '\r\n\r\n');
    socket.write('\r\n');
    await until(() => signs.length === 1);
    expect(signs[0]).toEqual({ sign: { type: 'pong' }, source: flow.remote });
    socket.write(Buffer.concat([answerBytes(1), Buffer.from('\r\n\r\n')]));
    await until(() => messages.length === 1 && peer.received() === '\r\n\r\n\r\n');
    expect(signs).toHaveLength(1);
    expect(closed).toEqual([]);
  });

  it('lets a request that breaks the framing be answered, and closes then', async () => {
    const { socket, closed, malformed, answering, peer } = await connect();
    answering((flow, source) => flow.sendTo(answerBytes(1), source));
    socket.write(Buffer.concat([answerBytes(1), Buffer.from('INFO sip:a@b SIP/2.0\r\nCall-ID: a\r\n\r\n')]));
    // Unread bytes must not make the system throw the answer away.
    socket.write('x'.repeat(100_000));
    await until(() => closed.length === 1);
    expect(malformed).toMatchObject([{ error: { head: { kind: 'request', method: 'INFO' } } }]);
    await until(() => peer.received() === answerBytes(1).toString());
    await until(() => socket.destroyed);
    expect(closed).toHaveLength(1);
  });

  it('waits for a peer that does not take the answer no longer than the limit', async () => {
    const { socket, closed, answering } = await connect({}, { lingerMs: 100 });
    answering((flow, source) => flow.sendTo(new Uint8Array(8_000_000), source));
    socket.write('INFO sip:a@b SIP/2.0\r\nCall-ID: a\r\n\r\n');
    socket.pause();
    await until(() => closed.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    socket.resume();
    await until(() => socket.destroyed);
    expect(closed).toHaveLength(1);
  });

  it('R173 closes when a message has no Content-Length', async () => {
    const { socket, messages, closed } = await connect();
    socket.write(answerBytes(1));
    socket.write('SIP/2.0 200 OK\r\nCall-ID: a\r\n\r\n');
    await until(() => closed.length === 1);
    expect(messages).toHaveLength(1);
    expect(closed[0]?.failure.code).toBe('connect.closed');
    expect(closed[0]?.failure.cause).toContain('Content-Length');
  });

  it('says that it is not SIP when the first answer is HTTP', async () => {
    const { socket, closed } = await connect();
    socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    await until(() => closed.length === 1);
    expect(closed[0]?.failure.code).toBe('register.not-sip');
  });

  it('gives up a message that is not finished in time', async () => {
    const { socket, closed } = await connect({}, { unfinishedMessageMs: 150 });
    socket.write(answerBytes(1).subarray(0, 40));
    await until(() => closed.length === 1);
    expect(closed[0]?.failure.cause).toContain('did not finish');
  });

  it.each([
    ['its start line', 'SIP/2.0 200 O'],
    ['its head', 'SIP/2.0 200 OK\r\nCall-ID: '],
    ['its body', 'SIP/2.0 200 OK\r\nl: 60000\r\n\r\n'],
  ])('R022 gives up a message of which byte after byte comes: %s', async (_, begun) => {
    const { socket, closed } = await connect({}, { unfinishedMessageMs: 300 });
    socket.write(answerBytes(1));
    socket.write(`\r\n\r\n${begun}`);
    const trickle = setInterval(() => socket.write('a'), 20);
    try {
      await until(() => closed.length === 1);
    } finally {
      clearInterval(trickle);
    }
    expect(closed[0]?.failure.cause).toContain('did not finish');
  });

  it('does not hold a finished message against the next', async () => {
    const { socket, messages, closed } = await connect({}, { unfinishedMessageMs: 100 });
    socket.write(answerBytes(1).subarray(0, 40));
    await new Promise((resolve) => setTimeout(resolve, 40));
    socket.write(answerBytes(1).subarray(40));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(messages).toHaveLength(1);
    expect(closed).toEqual([]);
  });

  it('gives up a peer that reads nothing', async () => {
    const { socket, flow, closed } = await connect({}, { unsentBytes: 1024 * 1024 });
    socket.pause();
    for (let sent = 0; sent < 200 && closed.length === 0; sent++) flow.send(new Uint8Array(65_536));
    expect(closed[0]?.failure.cause).toContain('unread');
  });

  it('R176 reports a close and a reset at once, once', async () => {
    const gone = await connect();
    gone.socket.end();
    await until(() => gone.closed.length === 1);
    expect(gone.closed[0]?.failure).toMatchObject({ code: 'connect.closed', stage: 'connect' });
    expect(gone.closed[0]?.failure.cause).toContain('before it sent anything');
    const reset = await connect();
    reset.socket.resetAndDestroy();
    await until(() => reset.closed.length === 1);
    expect(reset.closed[0]?.failure.cause).toContain('ECONNRESET');
    reset.flow.send(Buffer.from('x'));
    reset.flow.close();
    expect(reset.closed).toHaveLength(1);
  });

  it('says nothing of a close that its user asked for', async () => {
    const { flow, socket, closed } = await connect();
    flow.close();
    await until(() => socket.destroyed || socket.readableEnded);
    expect(closed).toEqual([]);
  });
});

describe('opening a TCP flow', () => {
  const attempt = async (request: FlowRequest): Promise<string> => {
    const opened = await openTcpFlow(request, recordFlows().events);
    if (opened.ok) open.push(opened.value);
    return opened.ok ? 'open' : opened.error.code;
  };

  it('R176 tells that nothing listens', async () => {
    const { port } = await startServer();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    expect(await attempt(requestTo(port))).toBe('connect.refused');
  });

  it('gives up a peer that does not answer after the limit of the request', async () => {
    const { port, stop } = await startDeafServer();
    try {
      const started = performance.now();
      const codes = await Promise.all(
        Array.from({ length: 5 }, () => attempt(requestTo(port, { connectTimeoutMs: 300 }))),
      );
      expect(codes).toContain('connect.timeout');
      expect(performance.now() - started).toBeLessThan(2_000);
    } finally {
      stop();
    }
  });

  it('says when the local address is not ours', async () => {
    const { port } = await startServer();
    for (const address of ['192.0.2.77', '::1']) {
      expect(await attempt(requestTo(port, { local: { address, port: 0 } }))).toBe('connect.local-address');
    }
  });

  it('says when the configured local port is taken', async () => {
    const { port } = await startServer();
    const other = await startServer();
    const local = { address: '127.0.0.1', port: other.port };
    expect(await attempt(requestTo(port, { local }))).toBe('connect.local-address');
  });

  it('takes the preferred port, or any other when that is taken', async () => {
    const free = await startServer();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const local = { address: '127.0.0.1', port: 0 };
    const first = await connect({ local, preferredPort: free.port });
    expect(first.flow.local.port).toBe(free.port);
    const taken = await startServer();
    const second = await connect({ local, preferredPort: taken.port });
    expect(second.flow.local.port).not.toBe(taken.port);
  });
});

import dgram from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import type { Flow, FlowRequest } from '../../../src/runtime/transport/flow.ts';
import { openUdpFlow } from '../../../src/runtime/transport/udp.ts';
import { localAddressTowards } from '../../../src/runtime/transport/udp-probe.ts';
import { answerBytes, recordFlows, requestTo, until } from '../../support/flows.ts';

const peers: dgram.Socket[] = [];
const open: Flow[] = [];

afterEach(() => {
  for (const flow of open.splice(0)) flow.close();
  for (const peer of peers.splice(0)) peer.close();
});

type Peer = { readonly socket: dgram.Socket; readonly port: number; readonly received: Buffer[] };

async function startPeer(address = '127.0.0.1'): Promise<Peer> {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const received: Buffer[] = [];
  socket.on('message', (bytes) => received.push(bytes));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  peers.push(socket);
  return { socket, port: socket.address().port, received };
}

/** A port on which nothing listens any more. */
async function closedPort(address = '127.0.0.1'): Promise<number> {
  const { socket, port } = await startPeer(address);
  peers.pop();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

async function openTo(port: number, changes: Partial<FlowRequest> & { address?: string } = {}) {
  const recorder = recordFlows();
  const opened = await openUdpFlow(requestTo(port, { transport: 'udp', ...changes }), recorder.events);
  if (!opened.ok) throw new Error(opened.error.cause);
  open.push(opened.value);
  return { ...recorder, flow: opened.value };
}

describe('a UDP flow', () => {
  it.each(['127.0.0.1', '::1'])(
    'R159 R250 R338 sends to %s and hears the answer on the same socket',
    async (address) => {
      const peer = await startPeer(address);
      const { flow, messages } = await openTo(peer.port, { address });
      expect(flow.local.address).toBe(address);
      flow.send(Buffer.from('REGISTER'));
      await until(() => peer.received.length === 1);
      peer.socket.send(answerBytes(1), flow.local.port, address);
      await until(() => messages.length === 1);
      expect(messages[0]?.source).toEqual({ address, port: peer.port });
    },
  );

  it('R166 hears other addresses of the registrar, and says which one it was', async () => {
    const peer = await startPeer();
    const other = await startPeer();
    const { flow, messages } = await openTo(peer.port);
    other.socket.send(answerBytes(1), flow.local.port, '127.0.0.1');
    await until(() => messages.length === 1);
    expect(messages[0]?.source.port).toBe(other.port);
  });

  it('R163 receives the largest datagram there is', async () => {
    const peer = await startPeer();
    const { flow, messages } = await openTo(peer.port);
    const body = 'x'.repeat(65_507 - answerBytes(1, 'x'.repeat(65_000)).length + 65_000);
    const bytes = answerBytes(1, body);
    expect(bytes.length).toBe(65_507);
    peer.socket.send(bytes, flow.local.port, '127.0.0.1');
    await until(() => messages.length === 1);
    expect(messages[0]?.message.body.length).toBe(body.length);
  });

  it('R348 R350 takes no offence at keep-alives of strangers, and drops what is no SIP', async () => {
    const peer = await startPeer();
    const { flow, messages, dropped, closed, signs } = await openTo(peer.port);
    for (const foreign of ['', '\r\n', '\r\n\r\n', '\r\n'.repeat(5), '\0\0\0\0', 'garbage']) {
      peer.socket.send(Buffer.from(foreign), flow.local.port, '127.0.0.1');
    }
    peer.socket.send(answerBytes(1), flow.local.port, '127.0.0.1');
    await until(() => messages.length === 1);
    expect(dropped).toHaveLength(1);
    expect(dropped[0]).not.toContain('garbage');
    expect(signs).toEqual([]);
    expect(closed).toEqual([]);
  });

  it.each([
    ['a request', '000100002112a4420102030405060708090a0b0c'],
    ['a response', '0101000c2112a4420102030405060708090a0b0c00200008000132dcea12d545'],
    ['a damaged one', '01ff'],
  ])('R350 takes what begins like STUN for a sign of life: %s', async (_what, hex) => {
    const peer = await startPeer();
    const { flow, messages, dropped, signs } = await openTo(peer.port);
    const bytes = Buffer.from(hex, 'hex');
    peer.socket.send(bytes, flow.local.port, '127.0.0.1');
    await until(() => signs.length === 1);
    expect(signs[0]?.source).toEqual({ address: '127.0.0.1', port: peer.port });
    const sign = signs[0]?.sign;
    expect(sign?.type === 'stun' && Buffer.from(sign.bytes)).toEqual(bytes);
    expect([messages, dropped]).toEqual([[], []]);
  });

  it('tells of a request that is broken, with its head, so that it can be answered where it came from', async () => {
    const peer = await startPeer();
    const other = await startPeer();
    const { flow, messages, dropped, malformed } = await openTo(peer.port);
    const broken = 'OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nCall-ID: a\r\nContent-Length: 9\r\n\r\nshort';
    other.socket.send(Buffer.from(broken), flow.local.port, '127.0.0.1');
    await until(() => malformed.length === 1);
    const source = { address: '127.0.0.1', port: other.port };
    expect(malformed[0]).toMatchObject({ source, error: { head: { kind: 'request', method: 'OPTIONS' } } });
    flow.sendTo(answerBytes(1), source);
    await until(() => other.received.length === 1);
    expect(peer.received).toEqual([]);
    expect([messages, dropped]).toEqual([[], []]);
  });

  it('drops a response that is broken', async () => {
    const peer = await startPeer();
    const { flow, dropped, malformed } = await openTo(peer.port);
    peer.socket.send(answerBytes(1, 'body').subarray(0, -1), flow.local.port, '127.0.0.1');
    await until(() => dropped.length === 1);
    expect(malformed).toEqual([]);
  });

  it.each([
    ['port 0', '127.0.0.1', 0],
    ['a name', 'sip.example.com', 5060],
    ['an address of the other family', '::1', 5060],
  ])('says that an answer cannot go to %s, and lives on', async (_what, address, port) => {
    const peer = await startPeer();
    const { flow, dropped, closed } = await openTo(peer.port);
    flow.sendTo(answerBytes(1), { address, port });
    await until(() => dropped.length === 1);
    expect(closed).toEqual([]);
    flow.send(answerBytes(1));
    await until(() => peer.received.length === 1);
  });

  it('R175 says in time that the port is closed, when a request is repeated', async () => {
    const { flow, closed } = await openTo(await closedPort());
    const started = performance.now();
    flow.send(Buffer.from('REGISTER'));
    flow.send(Buffer.from('REGISTER'), true);
    await until(() => closed.length === 1);
    expect(closed[0]?.failure.code).toBe('connect.refused');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('R175 also over IPv6', async () => {
    const { flow, closed } = await openTo(await closedPort('::1'), { address: '::1' });
    flow.send(Buffer.from('REGISTER'));
    flow.send(Buffer.from('REGISTER'), true);
    await until(() => closed.length === 1);
    expect(closed[0]?.failure.code).toBe('connect.refused');
  });

  it('probes a silent server with one keep-alive at a time, and lives on', async () => {
    const peer = await startPeer();
    const { flow, closed } = await openTo(peer.port);
    flow.send(Buffer.from('REGISTER'));
    flow.send(Buffer.from('REGISTER'), true);
    flow.send(Buffer.from('REGISTER'), true);
    await until(() => peer.received.length === 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.received.filter((bytes) => bytes.equals(Buffer.from('\r\n\r\n')))).toHaveLength(1);
    expect(closed).toEqual([]);
  });

  it('does not probe a server that has answered', async () => {
    const peer = await startPeer();
    const { flow, messages } = await openTo(peer.port);
    flow.send(Buffer.from('REGISTER'));
    peer.socket.send(answerBytes(1), flow.local.port, '127.0.0.1');
    await until(() => messages.length === 1);
    flow.send(Buffer.from('REGISTER'), true);
    await until(() => peer.received.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.received).toHaveLength(2);
  });

  it('closes with a verdict when a datagram cannot be sent', async () => {
    const peer = await startPeer();
    const { flow, closed } = await openTo(peer.port);
    flow.send(new Uint8Array(70_000));
    await until(() => closed.length === 1);
    expect(closed[0]?.failure).toMatchObject({ code: 'connect.failed' });
    expect(closed[0]?.failure.cause).toContain('EMSGSIZE');
  });

  it('is silent after its user closed it', async () => {
    const { flow, closed } = await openTo(await closedPort());
    flow.send(Buffer.from('REGISTER'));
    flow.send(Buffer.from('REGISTER'), true);
    flow.close();
    flow.send(Buffer.from('REGISTER'), true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(closed).toEqual([]);
  });
});

describe('opening a UDP flow', () => {
  it('takes the preferred port, or any other when that is taken', async () => {
    const peer = await startPeer();
    const free = await closedPort();
    const local = { address: '127.0.0.1', port: 0 };
    const first = await openTo(peer.port, { local, preferredPort: free });
    expect(first.flow.local).toEqual({ address: '127.0.0.1', port: free });
    const second = await openTo(peer.port, { local, preferredPort: free });
    expect(second.flow.local.port).not.toBe(free);
  });

  it.each([
    ['a port that is taken', { address: '127.0.0.1' }],
    ['an address that is not ours', { address: '192.0.2.77' }],
    ['an address of the other family', { address: '::1' }],
  ])('says so of %s', async (_what, { address }) => {
    const peer = await startPeer();
    const local = { address, port: peer.port };
    const opened = await openUdpFlow(requestTo(peer.port, { transport: 'udp', local }), recordFlows().events);
    expect(opened).toMatchObject({ ok: false, error: { code: 'connect.local-address' } });
  });

  it('finds the address that the system sends from', async () => {
    expect(await localAddressTowards({ address: '127.0.0.1', port: 9 })).toEqual({
      ok: true,
      value: '127.0.0.1',
    });
    expect(await localAddressTowards({ address: '::1', port: 9 })).toEqual({ ok: true, value: '::1' });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/health/verdict.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/core/sip/limits.ts';
import { answerBytes, type Recorder, until } from '../../support/flows.ts';
import { makeWebSocketClients } from '../../support/websocket-clients.ts';

const { connected, stop } = makeWebSocketClients();

afterEach(stop);

async function closing(recorder: Recorder): Promise<Failure> {
  await until(() => recorder.closed.length > 0);
  const [closed] = recorder.closed;
  if (closed === undefined) throw new Error('not closed');
  return closed.failure;
}

describe('a WebSocket flow', () => {
  it('R424 sends a message as text, and as binary when it is not UTF-8', async () => {
    const { server, flow } = await connected();
    flow.send(answerBytes(1, 'grüße'));
    flow.sendTo(Buffer.concat([answerBytes(2), Buffer.of(0xff)]), flow.remote);
    await until(() => server.received.length === 2);
    expect(server.received.map(({ isBinary }) => isBinary)).toEqual([false, true]);
    expect(server.received[0]?.text).toBe(answerBytes(1, 'grüße').toString());
  });

  it('R424 R426 takes text and binary, whole and in fragments, also without Content-Length', async () => {
    const { recorder, flow, peer } = await connected();
    const message = answerBytes(1, 'grüße').toString();
    const [first = '', rest = ''] = [message.slice(0, 50), message.slice(50)];
    peer.send(message);
    peer.send(Buffer.from(message), { binary: true });
    peer.send(first, { fin: false });
    peer.ping();
    peer.send(rest, { fin: true });
    peer.send(message.replace(/Content-Length.*\r\n/, ''));
    await until(() => recorder.messages.length === 4);
    for (const { message: taken, source } of recorder.messages) {
      expect(Buffer.from(taken.body).toString()).toBe('grüße');
      expect(source).toEqual(flow.remote);
    }
  });

  it('R429 answers a ping and a double CRLF, and takes a pong and a CRLF for signs of life', async () => {
    const { server, recorder, peer } = await connected();
    let pongs = 0;
    peer.on('pong', () => {
      pongs += 1;
    });
    peer.ping();
    await until(() => pongs === 1);
    peer.send('\r\n\r\n');
    await until(() => server.received.length === 1);
    expect(server.received).toEqual([{ text: '\r\n', isBinary: false }]);
    expect(recorder.signs).toEqual([]);
    peer.send('\r\n');
    peer.pong();
    await until(() => recorder.signs.length === 2);
    expect(recorder.signs.map(({ sign }) => sign)).toEqual([{ type: 'pong' }, { type: 'pong' }]);
    expect([recorder.dropped, recorder.messages]).toEqual([[], []]);
  });

  it('passes a request on that it cannot read, and drops what is not SIP', async () => {
    const { recorder, peer } = await connected();
    peer.send(
      'OPTIONS sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bK1\r\nContent-Length: x\r\n\r\n',
    );
    peer.send('{"hello": "world"}');
    peer.send('');
    peer.send(answerBytes(3));
    await until(() => recorder.messages.length === 1);
    expect(recorder.malformed).toHaveLength(1);
    expect(recorder.dropped).toHaveLength(2);
    expect(recorder.closed).toEqual([]);
  });

  it('says with which code and reason the server closed', async () => {
    const { server, recorder, flow, peer } = await connected();
    peer.close(1008, 'not \u001b[2Jyou');
    const failure = await closing(recorder);
    expect(failure).toMatchObject({ code: 'connect.closed', stage: 'connect' });
    expect(failure.cause).toContain('closed the WebSocket (1008, policy violation): "not  [2Jyou"');
    flow.send(answerBytes(1));
    flow.close();
    await until(() => server.connections() === 0);
    expect(recorder.closed).toHaveLength(1);
  });

  it('says when the connection breaks without a close frame', async () => {
    const { recorder, peer } = await connected();
    peer.terminate();
    expect((await closing(recorder)).cause).toMatch(/closed the connection|reset the connection/);
  });

  it.each([
    [
      'a message that is too large',
      (peer: { send: (data: Buffer) => void }) => peer.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1)),
      1009,
      'Max payload',
    ],
    [
      'text that is not UTF-8',
      (peer: { send: (data: Buffer, o: object) => void }) => peer.send(Buffer.of(0xff), { binary: false }),
      1007,
      'UTF-8',
    ],
  ] as const)('closes on %s', async (_what, misbehave, code, flaw) => {
    const { server, recorder, peer } = await connected();
    const closed = new Promise<number>((resolve) => peer.on('close', resolve));
    misbehave(peer);
    const failure = await closing(recorder);
    expect(failure.code).toBe('connect.closed');
    expect(failure.cause).toContain(flaw);
    expect(await closed).toBe(code);
    await until(() => server.connections() === 0);
    expect(recorder.messages).toEqual([]);
  });

  it('closes on a message of very many fragments', async () => {
    const { recorder, peer } = await connected();
    for (let count = 0; count < 1_100; count++) peer.send('', { fin: false });
    expect((await closing(recorder)).cause).toContain('fragments');
  });

  it('does not take compressed frames: it has offered none', async () => {
    const { recorder, server, flow } = await connected({ perMessageDeflate: true });
    server.handshakes[0]?.socket.write(Buffer.of(0xc1, 0x02, 0x00, 0x00));
    expect((await closing(recorder)).cause).toContain('RSV1');
    expect(flow.transport).toBe('ws');
  });

  it('gives up a message whose end does not come', async () => {
    const { recorder, server, peer } = await connected({}, { limits: { unfinishedMessageMs: 100 } });
    peer.send(answerBytes(1));
    await until(() => recorder.messages.length === 1);
    peer.send('SIP/2.0 ', { fin: false });
    server.handshakes[0]?.socket.write(Buffer.of(0x80, 0x7e, 0x01));
    const failure = await closing(recorder);
    expect(failure.cause).toContain('did not finish it within 0.1 s');
    await until(() => server.connections() === 0);
    expect(recorder.messages).toHaveLength(1);
  });

  it('gives up a peer that reads nothing', async () => {
    const { recorder, server, flow } = await connected({}, { limits: { unsentBytes: 1_000_000 } });
    server.handshakes[0]?.socket.pause();
    const large = Buffer.alloc(60_000, 0x20);
    for (let sent = 0; sent < 400 && recorder.closed.length === 0; sent++) flow.send(large);
    expect((await closing(recorder)).cause).toContain('unread');
    server.handshakes[0]?.socket.resume();
    await until(() => server.connections() === 0);
  });

  it('closes with a close frame, and does not wait for a peer that never closes', async () => {
    const { server, recorder, flow, peer } = await connected();
    const closed = new Promise<number>((resolve) => peer.on('close', resolve));
    flow.close();
    expect(await closed).toBe(1000);
    await until(() => server.connections() === 0);
    const rude = await connected({}, { limits: { lingerMs: 50 } });
    rude.server.handshakes[0]?.socket.pause();
    rude.flow.close();
    rude.server.handshakes[0]?.socket.resume();
    await until(() => rude.server.connections() === 0);
    expect([recorder.closed, rude.recorder.closed]).toEqual([[], []]);
  });
});

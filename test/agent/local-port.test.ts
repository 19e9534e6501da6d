// A REGISTER whose answer is lost may have bound a Contact of which nobody here knows. So the next socket has the port
// of the last one, and its REGISTER finds that very binding.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { accountOf, openScene, until, untilState } from './supervisor-scene.ts';

/** A server that cannot serve anybody, and the ports that it was asked from. */
async function overloadedServer(): Promise<{ readonly socket: Socket; readonly ports: readonly number[] }> {
  const socket = createSocket('udp4');
  const ports: number[] = [];
  socket.on('message', (bytes, { port, address }) => {
    ports.push(port);
    const copied = bytes
      .toString()
      .split('\r\n')
      .filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
    const head = ['SIP/2.0 503 Service Unavailable', ...copied, 'Content-Length: 0', '', ''];
    socket.send(head.join('\r\n'), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { socket, ports };
}

it('opens the next flow from the port of the last one', async () => {
  const scene = await openScene(onTestFinished);
  const { socket, ports } = await overloadedServer();
  const registrar = `sip:127.0.0.1:${socket.address().port}`;
  await scene.write({ alice: { aor: 'sip:alice@127.0.0.1', registrar, password: 'x', transport: 'udp' } });
  const { supervisor } = await scene.supervise();
  await until(
    () => ports.length === 1,
    () => 'it registered',
  );
  const alice = accountOf(supervisor, 'alice');
  for (const count of [2, 3]) {
    await untilState(supervisor, 'waiting', 'alice');
    supervisor.engine.request(alice, { type: 'roundRequested', goal: 'register' });
    await until(
      () => ports.length === count,
      () => `it registered ${count} times`,
    );
  }
  expect(new Set(ports).size).toBe(1);
});

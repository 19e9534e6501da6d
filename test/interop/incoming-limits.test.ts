// What strangers can make a running agent send: so many answers and no more from one address, none of them much larger than
// its request, and never at the cost of the registrar.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startRegistrar } from '../../src/registrar/server.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { type RunningCommand, temporaryHome } from './command.ts';

const STRANGER = '127.0.0.2';
/** What the agent gives a stranger at once, and each second from then on. */
const BURST = 200;
const PER_SECOND = 50;
/** An answer adds Allow, Accept, Supported, a To tag and `received`, and writes out the names of header fields. */
const MOST_ADDED_BYTES = 512;
const MOST_ADDED_PART = 0.25;

let agent: RunningCommand;
let port: number;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const home = await temporaryHome();
  const registrar = await startRegistrar({ users: { alice: 'secret' } });
  ends.push(registrar.close, home.remove);
  const alice = {
    aor: 'sip:alice@127.0.0.1',
    registrar: `sip:127.0.0.1:${registrar.ports.udp}`,
    transport: 'udp',
    password: 'secret',
    acceptFrom: 'any',
  };
  const scene = agentScene(home, await home.write('accounts.json', { accounts: { alice } }));
  agent = await scene.start();
  port = (await untilState(scene, 'alice', 'registered')).local?.port ?? 0;
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

async function socketAt(address: string): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  onTestFinished(() => new Promise((resolve) => socket.close(() => resolve())));
  return socket;
}

function requestFrom(socket: Socket, id: string, method = 'OPTIONS', ...headers: readonly string[]): string {
  const { address, port: from } = socket.address();
  return [
    `${method} sip:alice@127.0.0.1 SIP/2.0`,
    `v:SIP/2.0/UDP ${address}:${from};branch=z9hG4bK${id}`,
    'f:<sip:a@b>;tag=1',
    't:<sip:alice@b>',
    `i:${id}`,
    `CSeq:1 ${method}`,
    ...headers,
    '',
    '',
  ].join('\r\n');
}

async function answerTo(socket: Socket, request: string): Promise<string> {
  socket.send(request, port, '127.0.0.1');
  const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
  return String(answer);
}

describe('a stranger', () => {
  it('R457 gets answers at a bounded rate, the registrar all the while', async () => {
    const [stranger, registrar] = [await socketAt(STRANGER), await socketAt('127.0.0.1')];
    let answers = 0;
    stranger.on('message', () => {
      answers += 1;
    });
    const startedAt = performance.now();
    for (let number = 0; number < 3 * BURST; number++) {
      stranger.send(requestFrom(stranger, `s${number}`), port, '127.0.0.1');
      if (number % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answerTo(registrar, requestFrom(registrar, 'r'))).toMatch(/^SIP\/2\.0 200 /);
    await agent.waitFor(
      'stderr',
      /request\.dropped-rate: .*127\.0\.0\.2.*more came from there than are answered/,
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(answers).toBeLessThanOrEqual(BURST + PER_SECOND * seconds + 1);
    await expect.poll(() => answers, { timeout: 5_000 }).toBeGreaterThan(BURST / 2);
  });

  it('R457 gets no answer much larger than its request', async () => {
    const socket = await socketAt('127.0.0.1');
    const tags = Array.from({ length: 2_000 }, (_, index) => `t${index}`).join();
    const vias = Array.from({ length: 200 }, (_, index) => `v:SIP/2.0/UDP h${index}`);
    const requests = [
      requestFrom(socket, 'short'),
      requestFrom(socket, 'unknown', 'X'),
      requestFrom(socket, 'not-allowed', 'MESSAGE'),
      requestFrom(socket, 'other-event', 'NOTIFY', 'o:x'),
      requestFrom(socket, 'tags', 'OPTIONS', `Require:${tags}`),
      requestFrom(socket, 'vias', 'OPTIONS', ...vias),
      requestFrom(socket, 'broken', 'OPTIONS', 'CSeq:2 BYE'),
      // The last, for its answer is repeated until an ACK.
      requestFrom(socket, 'type', 'INVITE', 'c:x/y', 'l:1').concat('x'),
    ];
    const statuses: string[] = [];
    for (const request of requests) {
      const answer = await answerTo(socket, request);
      statuses.push(answer.slice(8, 11));
      expect(answer.length, request.slice(0, 200)).toBeLessThanOrEqual(
        request.length * (1 + MOST_ADDED_PART) + MOST_ADDED_BYTES,
      );
    }
    expect(statuses).toEqual(['200', '501', '405', '489', '420', '200', '400', '415']);
  });
});

// Why a webhook or a heartbeat cannot be had, in words that say what to look at: Node's codes alone help nobody.

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../scripts/free-port.mjs';
import { post } from '../../../src/agent/notices/http-request.ts';
import { makeSelfSigned } from '../../support/certificates.ts';

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function problemOf(url: string): Promise<string> {
  const end = new AbortController().signal;
  const posting = { body: '{}', type: 'application/json', userAgent: 'sipreg/1.2.3', withinMs: 5_000, end };
  const outcome = await post(new URL(url), posting);
  return outcome.ok ? 'none' : outcome.error.text;
}

it('a URL where nothing listens', async () => {
  const port = await freePort();
  expect(await problemOf(`http://127.0.0.1:${port}/secret`)).toBe(
    `http://127.0.0.1:${port} cannot be reached: nothing listens there (ECONNREFUSED)`,
  );
});

it('a certificate that nobody has signed whom Node trusts: it says how a CA is added', async () => {
  const { key, certificate: cert } = makeSelfSigned({ commonName: 'localhost', names: ['localhost'] });
  const port = await portOf(createHttpsServer({ key, cert }));
  expect(await problemOf(`https://127.0.0.1:${port}/secret`)).toMatch(
    /^https:\/\/127\.0\.0\.1:\d+ cannot be reached: Node trusts nobody who has signed its certificate: NODE_EXTRA_CA_CERTS names the file of a further CA \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  );
});

it('a server without TLS, and one that does not speak HTTP', async () => {
  const plain = await portOf(createHttpServer());
  expect(await problemOf(`https://127.0.0.1:${plain}/`)).toMatch(/there is no TLS with it: check port and/);
  const other = await portOf(createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
  expect(await problemOf(`http://127.0.0.1:${other}/`)).toMatch(/what answers there is not HTTP: check port/);
});

it('a redirection', async () => {
  const server = createHttpServer((_, response) => response.writeHead(302, { Location: '/x' }).end());
  const port = await portOf(server);
  expect(await problemOf(`http://127.0.0.1:${port}/secret`)).toBe(
    `http://127.0.0.1:${port} answered 302, a redirection, which is not followed: write down the URL that it leads to`,
  );
});

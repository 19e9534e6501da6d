// The way to the registrar, and what stands in it: nothing that listens, silence, names that do not exist, servers of other
// protocols, requests too large for a datagram, answers that are not for us (behaviour.md §3, §11, §12).

import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { type DnsZone, startDnsServer } from '../support/dns-server.ts';
import { accountOf, failureIn } from './account-json.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, startKamailio } from './kamailio.ts';
import {
  type PlainServer,
  type Responder,
  responseTo,
  startStreamServer,
  startUdpServer,
} from './plain-server.ts';
import { OK, openStage, PASSWORD, type Stage } from './scripted-registrar.ts';

let stage: Stage;
let endings: (() => unknown)[];

beforeEach(async () => {
  stage = await openStage();
  endings = [];
});

afterEach(async () => {
  for (const end of endings) await end();
  await stage.close();
});

async function udpServer(respond: Responder): Promise<PlainServer> {
  const server = await startUdpServer(respond);
  endings.push(server.stop);
  return server;
}

async function streamServer(
  respond: Responder,
  identity?: { readonly cert: string; readonly key: string },
): Promise<PlainServer> {
  const server = await startStreamServer(respond, identity);
  endings.push(server.stop);
  return server;
}

/** A UDP server with a TCP one on its port that cuts every connection, and how often it did. */
async function cuttingServer() {
  for (let attempt = 1; ; attempt++) {
    const server = await udpServer(accept);
    let connections = 0;
    const tcp = createServer((socket) => {
      connections += 1;
      socket.resetAndDestroy();
    }).listen(server.port, '127.0.0.1');
    endings.push(() => tcp.close());
    try {
      await once(tcp, 'listening');
      return { server, cuts: () => connections };
    } catch (error) {
      // A connection of some other test may have that port.
      if (attempt === 5) throw error;
    }
  }
}

const SHORT = ['register', 'a', '--timeout', '2'];
const accept: Responder = (request) =>
  responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`);

describe('a registrar that is not there', () => {
  it.each(['udp', 'tcp', 'tls'] as const)(
    'R175 R176 is told at once over %s, with exit code 69',
    async (transport) => {
      const port = await freePort();
      const result = await stage.run(port, { transport }, ['register', 'a']);
      expect(result.code).toBe(69);
      expect(result.ms).toBeLessThan(3000);
      expect(failureIn(result)).toMatchObject({ stage: 'connect', code: 'connect.refused', status: null });
      expect(failureIn(result).cause).toContain(String(port));
    },
  );

  it('that takes the connection and closes it is told too', async () => {
    const server = await streamServer(() => null);
    const running = stage.run(server.port, { transport: 'tcp' }, ['register', 'a']);
    await expect.poll(() => server.requests.length, { timeout: 5000 }).toBe(1);
    await server.stop();
    endings.pop();
    const result = await running;
    expect(result.code).toBe(69);
    expect(failureIn(result).code).toBe('connect.closed');
  });

  it('that says 100 and then nothing is a time-out', async () => {
    const server = await udpServer((request) => responseTo(request, '100 Trying'));
    const result = await stage.run(server.port, {}, SHORT);
    expect(result.code).toBe(69);
    expect(result.ms).toBeGreaterThan(2000);
    expect(failureIn(result).code).toBe('register.timeout');
  });
});

describe('names', () => {
  async function registerAt(zone: DnsZone, host: string, port: number, entry: object = {}) {
    const dns = await startDnsServer(zone);
    endings.push(dns.stop);
    const registrar = `sip:${host}:${port}`;
    return await stage.run(port, { registrar, dns: { servers: [dns.address] }, ...entry }, SHORT);
  }

  it.each([
    ['that do not exist', {}, 'dns.no-such-name'],
    ['without an address', { 'pbx.test': {} }, 'dns.no-address'],
    ['that the DNS server fails on', { 'pbx.test': 'servfail' }, 'dns.failed'],
    ['that the DNS server says nothing about', { 'pbx.test': 'silent' }, 'dns.timeout'],
  ] as const)('R244 %s end with exit code 68', async (_, zone, code) => {
    const result = await registerAt(zone, 'pbx.test', 5060);
    expect(result.code).toBe(68);
    expect(failureIn(result)).toMatchObject({ stage: 'dns', code });
    expect(failureIn(result).cause).toContain('pbx.test');
    expect(result.ms).toBeLessThan(4000);
  });

  it('R220 R230 are looked up at the DNS server of the account, and stay in the REGISTER', async () => {
    const server = await udpServer(accept);
    const result = await registerAt({ 'pbx.test': { a: ['127.0.0.1'] } }, 'pbx.test', server.port);
    expect(result.code).toBe(0);
    expect(accountOf(result).target).toMatchObject({ host: 'pbx.test', address: '127.0.0.1' });
    expect(server.requests[0]).toMatch(new RegExp(`^REGISTER sip:pbx\\.test:${server.port} SIP/2\\.0\r\n`));
  });

  it('R233 R147 with a first address that refuses lead to the second', async () => {
    const server = await streamServer(accept);
    // All of 127/8 is loopback; nothing listens at 127.0.0.2.
    const zone = { 'pbx.test': { a: ['127.0.0.2', '127.0.0.1'] } };
    const result = await registerAt(zone, 'pbx.test', server.port, { transport: 'tcp' });
    expect(result.code).toBe(0);
    expect(accountOf(result).target?.address).toBe('127.0.0.1');
  });
});

describe('answers', () => {
  it('R471 an HTTP server in place of SIP is told as such, at once', async () => {
    const http = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
    const server = await streamServer(() => http);
    const result = await stage.run(server.port, { transport: 'tcp' }, ['register', 'a']);
    expect(result.code).toBe(76);
    expect(failureIn(result)).toMatchObject({ stage: 'register', code: 'register.not-sip' });
    expect(result.ms).toBeLessThan(3000);
  });

  it.each([
    ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\nX-Word: hidden\r\nContent-Length: 0\r\n\r\n'],
    ['garbage', 'hidden'],
    ['a STUN server', '\x01\x11\0\0\x21\x12\xa4\x42hidden'],
    ['half an answer', 'SIP/2.0 200 OK\r\nX-Word: hidden\r\nContent-Length: 9\r\n\r\n'],
  ])('%s over UDP is no silence, and told without its words', async (_, words) => {
    const server = await udpServer(() => words);
    const result = await stage.run(server.port, {}, SHORT);
    expect(result.code).toBe(76);
    const failure = failureIn(result);
    expect(failure).toMatchObject({ stage: 'register', code: 'register.not-sip', status: null });
    expect(failure.cause).toContain(`127.0.0.1 port ${server.port} over UDP`);
    expect(failure.advice).toContain('port');
    expect(`${result.stdout}${result.stderr}`).not.toContain('hidden');
  });

  it('R471 a server without TLS where TLS is wanted is told as such, at once', async () => {
    const server = await streamServer(() => 'SIP/2.0 400 Bad Request\r\n\r\n');
    const result = await stage.run(server.port, { transport: 'tls' }, ['register', 'a']);
    expect(result.code).toBe(76);
    expect(failureIn(result)).toMatchObject({ stage: 'tls', code: 'tls.not-tls' });
    expect(result.ms).toBeLessThan(3000);
  });

  it.each([
    [
      'R046 with two Vias',
      (text: string) => text.replace('\r\nFrom:', '\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKo\r\nFrom:'),
    ],
    ['R148 with another branch', (text: string) => text.replace('branch=z9hG4bK', 'branch=z9hG4bKx')],
    ['R148 to another method', (text: string) => text.replace(/(CSeq: \d+) REGISTER/, '$1 OPTIONS')],
    ['that are no SIP', () => 'good morning'],
    ['cut off in the middle', (text: string) => text.slice(0, text.length / 2)],
  ] as const)('%s are not for us', async (_, spoil) => {
    // The right answer comes with the first repetition.
    const server = await udpServer((request, index) => {
      const right = accept(request, index) ?? '';
      return index === 0 ? spoil(right.replace('expires=3600', 'expires=99')) : right;
    });
    const result = await stage.run(server.port, {}, SHORT);
    expect(result.code).toBe(0);
    expect(server.requests).toHaveLength(2);
    expect(accountOf(result).expires?.granted).toBe(3600);
  });

  it('a hostile reason phrase drives no terminal', async () => {
    const server = await udpServer((request) => responseTo(request, '404 \u001b[31mred\u0007 \u009b2J'));
    const json = await stage.run(server.port);
    expect(failureIn(json).reason).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(json.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(json.stderr).toMatch(/404 .*red/);
    expect(json.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('R139 a 500 about the CSeq is overcome with a new Call-ID', async () => {
    const server = await udpServer((request, index) =>
      index === 0 ? responseTo(request, '500 CSeq too low') : accept(request, index),
    );
    const result = await stage.run(server.port);
    expect(result.code).toBe(0);
    const [before, after] = server.requests.map((request) => fieldValues(request, 'Call-ID')[0]);
    expect(after).not.toBe(before);
    expect(accountOf(result).callId).toBe(after);
  });

  it('R056 a redirection from sips to sip is not followed', async () => {
    const directory = makeTemporaryDirectory();
    endings.push(directory.remove);
    const authority = makeCertificateAuthority();
    const { certificate, key } = authority.issue({ addresses: ['127.0.0.1'] });
    const plain = await streamServer(accept);
    const server = await streamServer(
      (request) => responseTo(request, '302 Moved', `Contact: <sip:127.0.0.1:${plain.port};transport=tcp>`),
      { cert: certificate, key },
    );
    const result = await stage.run(server.port, {
      aor: 'sips:alice@127.0.0.1',
      registrar: `sips:127.0.0.1:${server.port}`,
      tls: { ca: directory.write('ca.pem', authority.certificate) },
    });
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.redirected', status: 302 });
    expect(failureIn(result).cause).toMatch(/sips to sip/);
    expect(plain.requests).toEqual([]);
    expect(server.requests).toHaveLength(1);
    // RFC 3261 §8.1.1.8, §10.2.1: all in sips.
    expect(fieldValues(server.requests[0] ?? '', 'Contact')[0]).toMatch(/^<sips:alice@/);
  });
});

describe('requests too large for a datagram', () => {
  const large = { headers: { 'X-Ballast': 'b'.repeat(1200) } };

  it.skipIf(!isInstalled('kamailio'))(`R160 go by TCP${missingPrograms('kamailio')}`, async () => {
    const kamailio = await startKamailio();
    endings.push(kamailio.stop);
    const result = await stage.run(kamailio.port, large);
    expect(result.code).toBe(0);
    const [request, ...others] = await kamailio.requests();
    expect(others).toEqual([]);
    expect(request?.transport).toBe('tcp');
    expect(request?.text.length).toBeGreaterThan(1300);
    expect(fieldValues(request?.text ?? '', 'Via')[0]).toMatch(/^SIP\/2\.0\/TCP /);
    expect(fieldValues(request?.text ?? '', 'Contact')[0]).toContain(';transport=tcp>');
    expect(accountOf(result).target?.transport).toBe('tcp');

    const named = await stage.run(kamailio.port, { ...large, transport: 'udp' });
    expect(named.code).toBe(0);
    expect((await kamailio.requests()).at(-1)?.transport).toBe('udp');
  });

  it('R161 come back to UDP where TCP is refused', async () => {
    const server = await udpServer(accept);
    const result = await stage.run(server.port, large);
    expect(result.code).toBe(0);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.length).toBeGreaterThan(1300);
    expect(fieldValues(server.requests[0] ?? '', 'Via')[0]).toMatch(/^SIP\/2\.0\/UDP /);
    expect(accountOf(result).target?.transport).toBe('udp');
  });

  it('R161 come back to UDP where TCP is cut, and the refresh does not ask for TCP again', async () => {
    const { server, cuts } = await cuttingServer();
    const config = await stage.home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${server.port}`, ...large },
      },
    });
    const scene = agentScene(stage.home, config);
    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');
    expect(cuts()).toBe(1);
    expect((await scene.sipreg('refresh', 'a')).code).toBe(0);
    expect(cuts()).toBe(1);
    const registers = server.requests.filter((text) => text.startsWith('REGISTER'));
    expect(registers.map((text) => text.length > 1300)).toEqual([true, true]);
    expect(new Set(registers.map((text) => fieldValues(text, 'Contact')[0])).size).toBe(1);
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
  }, 60_000);
});

describe.skipIf(!isInstalled('kamailio'))(
  `requests that grow too large on the way${missingPrograms('kamailio')}`,
  () => {
    /** Small enough alone, and too large with an Authorization. */
    const growing = { headers: { 'X-Ballast': 'b'.repeat(750) }, expires: 120 };

    async function trusted(options: Parameters<typeof startKamailio>[0]) {
      const kamailio = await startKamailio(options);
      endings.push(kamailio.stop);
      return kamailio;
    }

    it('R160 go on by TCP, to where SRV says for UDP', async () => {
      const kamailio = await trusted({ users: { alice: PASSWORD } });
      const dns = await startDnsServer({
        '_sip._udp.pbx.test': { srv: [[0, 0, kamailio.port, 'host.pbx.test']] },
        'host.pbx.test': { a: ['127.0.0.1'] },
      });
      endings.push(dns.stop);
      const entry = { ...growing, registrar: 'sip:pbx.test', dns: { servers: [dns.address] } };
      const result = await stage.run(kamailio.port, entry);
      expect(result.code).toBe(0);
      expect(accountOf(result).target).toMatchObject({ transport: 'tcp', host: 'host.pbx.test' });
      const requests = await kamailio.requests();
      expect(requests.map(({ transport, text }) => [transport, text.length > 1300])).toEqual([
        ['udp', false],
        ['tcp', true],
      ]);
      const [bound, ...others] = await kamailio.bindings('alice');
      expect(others).toEqual([]);
      expect(bound?.contact).toContain(';transport=tcp');
    });

    it('R160 go by TCP to an outbound proxy, and stay there for the refresh', async () => {
      const kamailio = await trusted({ users: { alice: PASSWORD } });
      const edge = await trusted({ outbound: { registrarPort: kamailio.port } });
      const config = await stage.home.write('accounts.json', {
        accounts: {
          a: {
            aor: 'sip:alice@127.0.0.1',
            registrar: `sip:127.0.0.1:${kamailio.port}`,
            password: PASSWORD,
            outboundProxy: `sip:127.0.0.1:${edge.port}`,
            ...growing,
          },
        },
      });
      const scene = agentScene(stage.home, config);
      const agent = await scene.start();
      await untilState(scene, 'a', 'registered');
      expect((await scene.sipreg('refresh', 'a')).code).toBe(0);
      const requests = await edge.requests('REGISTER');
      expect(requests.map(({ transport }) => transport)).toEqual(['udp', 'tcp', 'tcp']);
      expect(new Set(requests.slice(1).map(({ source }) => source.port)).size).toBe(1);
      expect(await kamailio.bindings('alice')).toHaveLength(1);
      agent.kill('SIGTERM');
      await agent.result;
      expect(await kamailio.bindings('alice')).toEqual([]);
    }, 60_000);
  },
);

describe.skipIf(!isInstalled('sipp'))(`slow registrars${missingPrograms('sipp')}`, () => {
  it('R145 an answer that comes late counts once', async () => {
    const registrar = await stage.registrar([{ ...OK, delayMs: 1200 }]);
    const result = await stage.run(registrar.port);
    expect(result.code).toBe(0);
    const account = accountOf(result);
    expect(account.requests).toBe(1);
    expect(account.rtt).toBeGreaterThan(1);
    expect(account.rtt).toBeLessThan(3);
  });
});

// Keep-alives to a real Kamailio, over real sockets: it answers pings on TCP and STUN on UDP. The intervals are those of
// a test.

import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { FlowKeeping } from '../../src/agent/flow-keeping.ts';
import type { KeepaliveNews } from '../../src/agent/keepalive-news.ts';
import { type Holder, ON_NO_TERMS } from '../../src/agent/shared-terms.ts';
import type { Failure } from '../../src/core/health/verdict.ts';
import type { OptionsRequest } from '../../src/core/keepalive/keepalive.ts';
import { type KeepaliveSettings, NO_PROMISE } from '../../src/core/keepalive/terms.ts';
import { branchOf, topVia } from '../../src/core/sip/via.ts';
import { monotonicNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import type { Flow, FlowEvents } from '../../src/runtime/transport/flow.ts';
import { openTcpFlow } from '../../src/runtime/transport/stream.ts';
import { openUdpFlow } from '../../src/runtime/transport/udp.ts';
import { requestTo, until } from '../support/flows.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

let kamailio: Kamailio | undefined;
const ending: (() => void)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0)) end();
  await kamailio?.stop();
});

/** A flow to Kamailio that is kept open twenty times a second. */
async function keepOpen(transport: 'udp' | 'tcp', method: KeepaliveSettings['method'], outbound: boolean) {
  kamailio = await startKamailio({ outbound: {} });
  const news: KeepaliveNews[] = [];
  const lost: Failure[] = [];
  const account: Holder = { keptOn: ON_NO_TERMS };
  const keeping = new FlowKeeping({
    now: monotonicNow,
    rng: systemRng,
    send: (flow, bytes, repeated) => flow.send(bytes, repeated),
    usersOf: () => [account],
    options: optionsFor,
    lost: (_flow, failure) => lost.push(failure),
    proven: () => {},
    mapped: () => {},
    told: (_flow, one) => news.push(one),
  });
  const events: FlowEvents = {
    message: (_flow, message) => {
      const via = topVia(message);
      if (via !== null && message.kind === 'response') keeping.response(branchOf(via) ?? '', message.status);
    },
    malformed: () => {},
    sign: (flow, sign, source) => keeping.sign(flow, sign, source),
    closed: (flow) => keeping.gone(flow),
    dropped: (_flow, text) => news.push({ severity: 'warning', code: 'dropped', text }),
  };
  const open = transport === 'udp' ? openUdpFlow : openTcpFlow;
  const opened = await open(requestTo(kamailio.port, { transport }), events);
  if (!opened.ok) throw new Error(opened.error.cause);
  ending.push(() => keeping.close(), opened.value.close);
  keeping.hold(opened.value, account, { method, intervalSeconds: 0.05 });
  keeping.promised(opened.value, account, { ...NO_PROMISE, outbound });
  return { flow: opened.value, news, lost };
}

let requests = 0;

function optionsFor({ local, remote, transport }: Flow): OptionsRequest {
  requests += 1;
  const branch = `z9hG4bK${createHash('md5').update(`${requests}`).digest('hex')}`;
  const lines = [
    `OPTIONS sip:${remote.address}:${remote.port} SIP/2.0`,
    `Via: SIP/2.0/${transport.toUpperCase()} ${local.address}:${local.port};branch=${branch};rport`,
    'Max-Forwards: 70',
    'From: <sip:alice@127.0.0.1>;tag=a',
    'To: <sip:127.0.0.1>',
    `Call-ID: keepalive-${requests}`,
    `CSeq: ${requests} OPTIONS`,
    'Content-Length: 0',
  ];
  return { branch, bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`) };
}

describe.skipIf(!isInstalled('kamailio'))(`kamailio${missingPrograms('kamailio')}`, () => {
  it.each([
    ['tcp', 'auto'],
    ['udp', 'auto'],
    ['udp', 'options'],
    ['tcp', 'options'],
  ] as const)('R340 R437 answers over %s with the method %s', async (transport, method) => {
    const { news, lost, flow } = await keepOpen(transport, method, true);
    await until(() => news.filter(({ code }) => code === 'answered').length >= 3);
    expect(lost).toEqual([]);
    expect(news.filter(({ code }) => code === 'dropped')).toEqual([]);
    const mapped = news.filter(({ code }) => code === 'mapped').map(({ text }) => text);
    const isStun = transport === 'udp' && method === 'auto';
    expect(mapped).toEqual(isStun ? [`the public address is 127.0.0.1:${flow.local.port}`] : []);
  });

  it('R345 takes no offence at datagrams that only keep a NAT binding', async () => {
    const { news, lost } = await keepOpen('udp', 'auto', false);
    await until(() => news.filter(({ code }) => code === 'sent').length >= 5);
    expect(news.every(({ text }) => text.startsWith('a CRLF datagram'))).toBe(true);
    expect(lost).toEqual([]);
  });
});

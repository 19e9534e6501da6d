// The whole of RFC 3263 against a real DNS server (knot), with the zones that providers have.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextHop } from '../../../src/core/resolve/hop.ts';
import { seededRng } from '../../../src/core/rng.ts';
import type { Transport } from '../../../src/core/sip/transport.ts';
import { createLocator, type Location } from '../../../src/runtime/dns/locator.ts';
import { uri } from '../../core/registration/script.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';
import { type Knot, startKnot } from '../../interop/knot.ts';

const ZONE = [
  '@ A 127.0.0.80',
  '@ NAPTR 30 10 "s" "SIP+D2U" "" _sip._udp',
  '@ NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp',
  '@ NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp',
  '@ NAPTR 5 10 "s" "SIP+D2S" "" _sip._sctp',
  '_sip._udp SRV 20 0 5072 second',
  '_sip._udp SRV 10 0 5071 first',
  '_sip._tcp SRV 10 0 5073 alias',
  '_sips._tcp SRV 10 0 5074 first',
  'first A 127.0.0.1',
  'first AAAA ::1',
  'second A 127.0.0.2',
  'alias CNAME second',
  // Only SRV records.
  '_sip._udp.plain SRV 0 0 5075 first',
  // Not offered.
  'none A 127.0.0.80',
  '_sip._udp.none SRV 0 0 0 .',
  '_sip._tcp.none SRV 0 0 0 .',
  '_sips._tcp.none SRV 0 0 0 .',
  'bare A 127.0.0.3',
  'mail MX 10 first',
  // More than fits into a datagram.
  ...Array.from({ length: 60 }, (_, index) => `_sip._udp.large SRV ${index} 0 ${6000 + index} first`),
  ...Array.from({ length: 30 }, (_, index) => `_sip._udp.shared SRV 1 ${index} ${7000 + index} first`),
];

describe.skipIf(!isInstalled('knotd'))(`located through knot${missingPrograms('knotd')}`, () => {
  let knot: Knot;

  beforeAll(async () => {
    knot = await startKnot('provider.test', ZONE);
  });
  afterAll(() => knot?.stop());

  async function locate(text: string, transport: Transport | 'auto' = 'auto', seed = 1): Promise<Location> {
    const locator = createLocator({ rng: seededRng(seed), now: () => 0 });
    try {
      return await locator.locate(nextHop(uri(text), transport, false), [knot.address]);
    } finally {
      locator.stop();
    }
  }

  async function places(...args: Parameters<typeof locate>): Promise<readonly string[] | string> {
    const location = await locate(...args);
    if (!location.ok) return location.failure.code;
    return location.located.map(({ target }) => `${target.transport} ${target.address}:${target.port}`);
  }

  it.each([
    [
      'R223 R225 R226 R243 NAPTR, SRV, CNAME and both kinds of addresses',
      'sip:provider.test',
      [
        'tls ::1:5074',
        'tls 127.0.0.1:5074',
        'tcp 127.0.0.2:5073',
        'udp ::1:5071',
        'udp 127.0.0.1:5071',
        'udp 127.0.0.2:5072',
      ],
    ],
    ['R224 sips', 'sips:provider.test', ['tls ::1:5074', 'tls 127.0.0.1:5074']],
    ['R231 a transport', 'sip:provider.test;transport=tcp', ['tcp 127.0.0.2:5073']],
    ['R230 a port', 'sip:provider.test:5060', ['udp 127.0.0.80:5060']],
    ['R228 SRV without NAPTR', 'sip:plain.provider.test', ['udp ::1:5075', 'udp 127.0.0.1:5075']],
    ['R229 an address alone', 'sip:bare.provider.test', ['udp 127.0.0.3:5060']],
    ['R229 an address alone for sips', 'sips:bare.provider.test', ['tls 127.0.0.3:5061']],
    ['R242 "."', 'sip:none.provider.test', 'dns.not-offered'],
    ['R244 a name without addresses', 'sip:mail.provider.test', 'dns.no-address'],
    ['R244 no such name', 'sip:nobody.provider.test', 'dns.no-such-name'],
    ['R244 a zone that the server refuses', 'sip:elsewhere.test', 'dns.failed'],
  ] as const)('%s', async (_, text, expected) => {
    expect(await places(text)).toEqual(expected);
  });

  it('R243 an answer that is too large for UDP, by TCP', async () => {
    const found = await places('sip:large.provider.test;transport=udp');
    expect(found.slice(0, 2)).toEqual(['udp ::1:6000', 'udp 127.0.0.1:6000']);
    expect(found.length).toBeGreaterThan(60);
  });

  it('R241 servers of one priority in an order that chance decides', async () => {
    const firsts = await Promise.all(
      [1, 2, 3, 4].map(async (seed) => (await places('sip:shared.provider.test', 'udp', seed))[0]),
    );
    expect(new Set(firsts).size).toBeGreaterThan(1);
  });
});

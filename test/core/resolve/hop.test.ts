// The next hop of a request: what its URI and the account decide before any lookup.

import { describe, expect, it } from 'vitest';
import { defaultPort, nextHop } from '../../../src/core/resolve/hop.ts';
import { uri } from '../registration/script.ts';

describe('the next hop', () => {
  it.each([
    ['sip:example.com', 'auto', 'udp', 5060],
    ['sip:example.com;transport=tcp', 'auto', 'tcp', 5060],
    ['sip:example.com;transport=TLS', 'auto', 'tls', 5061],
    ['sip:example.com:5080;transport=tls', 'auto', 'tls', 5080],
    ['sip:example.com;transport=ws', 'auto', 'ws', 80],
    ['sip:example.com;transport=wss', 'auto', 'wss', 443],
    ['sip:example.com;transport=sctp', 'auto', 'udp', 5060],
    ['sip:example.com;transport', 'auto', 'udp', 5060],
    ['sip:example.com;transport=tcp', 'udp', 'udp', 5060],
    ['sips:example.com', 'auto', 'tls', 5061],
    ['sips:example.com;transport=tcp', 'auto', 'tls', 5061],
    ['sips:example.com;transport=ws', 'auto', 'wss', 443],
    ['sips:example.com', 'udp', 'tls', 5061],
    ['sips:example.com', 'wss', 'wss', 443],
    ['sips:example.com', 'tls', 'tls', 5061],
  ] as const)('R221 R222 of %s with transport %s is %s to port %i', (text, chosen, transport, port) => {
    expect(nextHop(uri(text), chosen, false)).toEqual({
      host: 'example.com',
      domain: 'example.com',
      transport,
      port,
    });
  });

  it('R042 of a sip route is TLS when the Request-URI is sips', () => {
    expect(nextHop(uri('sip:proxy.example.com;lr'), 'auto', true)).toMatchObject({
      transport: 'tls',
      port: 5061,
    });
  });

  it('R220 R238 is maddr, while the certificate has to be for the host of the URI', () => {
    const hop = nextHop(uri('sip:example.com;maddr=192.0.2.9;transport=tls'), 'auto', false);
    expect(hop).toMatchObject({ host: '192.0.2.9', domain: 'example.com' });
  });

  it('is an IPv6 literal without brackets', () => {
    expect(nextHop(uri('sip:[2001:db8::1]:5070'), 'auto', false)).toEqual({
      host: '2001:db8::1',
      domain: '2001:db8::1',
      transport: 'udp',
      port: 5070,
    });
  });

  it('knows the port of every transport', () => {
    expect((['udp', 'tcp', 'tls', 'ws', 'wss'] as const).map(defaultPort)).toEqual([
      5060, 5060, 5061, 80, 443,
    ]);
  });
});

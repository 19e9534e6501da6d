// The next hop of a request: what its URI and the account decide before any lookup.

import { describe, expect, it } from 'vitest';
import { defaultPort, nextHop } from '../../../src/core/resolve/hop.ts';
import { uri } from '../registration/script.ts';

describe('the next hop', () => {
  it.each([
    ['sip:example.com', 'auto', null, null],
    ['sip:example.com;transport=tcp', 'auto', 'tcp', null],
    ['sip:example.com;transport=TLS', 'auto', 'tls', null],
    ['sip:example.com:5080', 'auto', 'udp', 5080],
    ['sip:example.com:5080;transport=tls', 'auto', 'tls', 5080],
    ['sip:example.com;transport=ws', 'auto', 'ws', null],
    ['sip:example.com;transport=sctp', 'auto', null, null],
    ['sip:example.com;transport', 'auto', null, null],
    ['sip:example.com;transport=tcp', 'udp', 'udp', null],
    ['sips:example.com', 'auto', null, null],
    ['sips:example.com:5071', 'auto', 'tls', 5071],
    ['sips:example.com;transport=tcp', 'auto', 'tls', null],
    ['sips:example.com;transport=ws', 'auto', 'wss', null],
    ['sips:example.com', 'udp', 'tls', null],
    ['sips:example.com', 'wss', 'wss', null],
    ['sips:example.com', 'tls', 'tls', null],
  ] as const)(
    'R207 R221 R222 of %s with transport %s has transport %s and port %s',
    (text, chosen, transport, port) => {
      expect(nextHop(uri(text), chosen, false)).toEqual({
        host: 'example.com',
        domain: 'example.com',
        transport,
        port,
        secure: text.startsWith('sips'),
      });
    },
  );

  it('R042 of a sip route is secure when the Request-URI is sips', () => {
    expect(nextHop(uri('sip:proxy.example.com;lr'), 'auto', true)).toMatchObject({ secure: true });
    expect(nextHop(uri('sip:proxy.example.com:5060;lr'), 'auto', true)).toMatchObject({
      secure: true,
      transport: 'tls',
    });
  });

  it('R220 R238 is maddr, while the certificate has to be for the host of the URI', () => {
    const hop = nextHop(uri('sip:example.com;maddr=192.0.2.9;transport=tls'), 'auto', false);
    expect(hop).toMatchObject({ host: '192.0.2.9', domain: 'example.com' });
  });

  it('R222 is an IPv6 literal without brackets, by UDP', () => {
    const decided = { host: '2001:db8::1', transport: 'udp', port: null };
    expect(nextHop(uri('sip:[2001:db8::1]'), 'auto', false)).toMatchObject(decided);
    expect(nextHop(uri('sip:example.com;maddr=[2001:db8::1]'), 'auto', false)).toMatchObject(decided);
  });

  it('R184 knows the port of every transport', () => {
    expect((['udp', 'tcp', 'tls', 'ws', 'wss'] as const).map(defaultPort)).toEqual([
      5060, 5060, 5061, 80, 443,
    ]);
  });
});

// What a domain offered with TLS, and what becomes of that when DNS names it no more.

import { expect, it } from 'vitest';
import { offerAfter, REMEMBERED_MS, withOffer } from '../../../src/core/resolve/offered-tls.ts';
import type { LocatedTarget } from '../../../src/core/resolve/server.ts';
import type { Transport } from '../../../src/core/sip/transport.ts';

function located(transport: Transport, address: string): LocatedTarget {
  const target = { transport, host: 'example.com', address, port: 5060 };
  return { target, decision: { naptr: null, srv: null, address: 'A' } };
}

const [OPEN, TLS, WSS] = [
  located('udp', '192.0.2.1'),
  located('tls', '192.0.2.2'),
  located('wss', '192.0.2.3'),
];

it('R239 remembers the targets with TLS that DNS named last', () => {
  const first = offerAfter(null, [TLS, OPEN], 1_000);
  expect(first).toEqual({ targets: [TLS], offeredAt: 1_000 });
  expect(offerAfter(first, [OPEN], 2_000)).toBe(first);
  expect(offerAfter(first, [OPEN, WSS], 3_000)).toEqual({ targets: [WSS], offeredAt: 3_000 });
  expect(offerAfter(null, [OPEN], 1_000)).toBeNull();
});

it('R239 puts them before those without TLS, and says that DNS does not name them', () => {
  const offer = offerAfter(null, [TLS, OPEN], 0);
  expect(withOffer([OPEN], offer)).toEqual({ ranked: [TLS, OPEN], tlsWithdrawn: true });
  expect(withOffer([OPEN, WSS], offer)).toEqual({ ranked: [OPEN, WSS], tlsWithdrawn: false });
  expect(withOffer([OPEN], null)).toEqual({ ranked: [OPEN], tlsWithdrawn: false });
});

it('R239 takes the domain at its word after a day', () => {
  const offer = offerAfter(null, [TLS], 1_000);
  expect(REMEMBERED_MS).toBe(86_400_000);
  expect(offerAfter(offer, [OPEN], 86_400_999)).toBe(offer);
  expect(offerAfter(offer, [OPEN], 86_401_000)).toBeNull();
});

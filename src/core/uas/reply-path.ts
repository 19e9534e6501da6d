// How an answer finds back (RFC 3261 §18.2, RFC 3581 §4): the top Via is stamped with where the request came from,
// and the answer goes there. `maddr` is not followed: it would send answers wherever a stranger points.

import { sameHost } from '../sip/ip.ts';
import type { SocketAddress } from '../sip/transport.ts';
import { param } from '../sip/uri.ts';
import type { Via } from '../sip/via.ts';

/** The top Via as the answer carries it. */
export function stampVia(via: Via, source: SocketAddress): Via {
  const wantsPort = param(via.params, 'rport') !== undefined;
  // Only the receiver may say where a request came from; what was there before is a forgery.
  const params = via.params
    .filter(({ name }) => name.toLowerCase() !== 'received')
    .map((entry) =>
      entry.name.toLowerCase() === 'rport' ? { ...entry, value: String(source.port) } : entry,
    );
  // The zone of a link-local address means nothing to others.
  const address = source.address.split('%', 1)[0] ?? source.address;
  // RFC 3581 §4: with rport, `received` is there even when it says nothing new.
  const received = wantsPort || !sameHost(via.host, address);
  return {
    ...via,
    params: received ? [...params, { name: 'received', value: address }] : params,
  };
}

/** Where a datagram's answer goes. The address is always the one it came from (§18.2.2: `received` says the same). */
export function replyAddress(via: Via, source: SocketAddress): SocketAddress {
  if (param(via.params, 'rport') !== undefined) return source;
  return { address: source.address, port: via.port ?? DEFAULT_PORT };
}

const DEFAULT_PORT = 5060;

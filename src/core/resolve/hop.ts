// The next hop of a request and what its URI already decides about it (RFC 3261 §8.1.2, RFC 3263 §4): name, port and
// transport. Looking the name up is the shell's work; NAPTR and SRV are not asked here.

import { isSecure, type Transport } from '../sip/transport.ts';
import { bareHost, type SipUri, uriParam } from '../sip/uri.ts';

/** Where a request goes, before DNS. `domain` is the name that a TLS certificate must be for (RFC 5922 §4). */
export type Hop = {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  readonly domain: string;
};

const TRANSPORTS: ReadonlySet<string> = new Set(['udp', 'tcp', 'tls', 'ws', 'wss']);

/**
 * The next hop towards `uri`, which is the top Route or the Request-URI. `secure` demands TLS although the URI may
 * not (RFC 3261 §8.1.2: a sips Request-URI makes the route's next hop sips). `chosen` is the account's own choice.
 */
export function nextHop(uri: SipUri, chosen: Transport | 'auto', secure: boolean): Hop {
  const sips = secure || uri.scheme === 'sips';
  const transport = hopTransport(uri, chosen, sips);
  // RFC 3263 §4: the target is maddr when there is one.
  const maddr = uriParam(uri, 'maddr')?.value;
  const host = maddr ?? bareHost(uri);
  return { host, port: uri.port ?? defaultPort(transport), transport, domain: bareHost(uri) };
}

/** RFC 3261 §19.1.2, RFC 7118 §5: the port that a URI without one means. */
export function defaultPort(transport: Transport): number {
  switch (transport) {
    case 'tls':
      return 5061;
    case 'ws':
      return 80;
    case 'wss':
      return 443;
    default:
      return 5060;
  }
}

function hopTransport(uri: SipUri, chosen: Transport | 'auto', sips: boolean): Transport {
  const named = chosen === 'auto' ? uriParam(uri, 'transport')?.value?.toLowerCase() : chosen;
  const transport = named !== undefined && TRANSPORTS.has(named) ? (named as Transport) : undefined;
  if (!sips) return transport ?? 'udp';
  // RFC 3261 §26.2.2: sips is TLS over whatever stream the URI names.
  if (transport === 'ws' || transport === 'wss') return 'wss';
  return transport !== undefined && isSecure(transport) ? transport : 'tls';
}

// The next hop of a request and what its URI already decides about it (RFC 3261 §8.1.2, RFC 3263 §4): name, port and
// transport. What stays open is null, and location.ts asks DNS for it.

import { ipVersion, withoutBrackets } from '../sip/ip.ts';
import { isSecure, TRANSPORTS, type Transport } from '../sip/transport.ts';
import { bareHost, type SipUri, uriParam } from '../sip/uri.ts';

/** Where a request goes, before DNS. */
export type Hop = {
  /** What is looked up: a name, or an IP literal without brackets. */
  readonly host: string;
  /** null: SRV or the default of the transport decides. */
  readonly port: number | null;
  /** null: NAPTR and SRV decide. */
  readonly transport: Transport | null;
  /** sips: no target without TLS, whatever DNS says (RFC 3261 §26.2.2). */
  readonly secure: boolean;
  /** The name that a TLS certificate must be for (RFC 5922 §4). */
  readonly domain: string;
  /** RFC 6455 §3: path and query of a WebSocket. */
  readonly resource?: string;
};

/**
 * The next hop towards `uri`, which is the top Route or the Request-URI. `secure` demands TLS although the URI may
 * not (RFC 3261 §8.1.2: a sips Request-URI makes the route's next hop sips). `chosen` is the account's own choice.
 */
export function nextHop(uri: SipUri, chosen: Transport | 'auto', secure: boolean): Hop {
  const sips = secure || uri.scheme === 'sips';
  // RFC 3263 §4: the target is maddr when there is one.
  const host = withoutBrackets(uriParam(uri, 'maddr')?.value ?? uri.host);
  const named = namedTransport(uri, chosen);
  // RFC 3263 §4.1: a number or a port leaves NAPTR nothing to decide.
  const isDecided = named !== null || uri.port !== null || ipVersion(host) !== 0;
  const transport = isDecided ? transportOf(named, sips) : null;
  return { host, port: uri.port, transport, secure: sips, domain: bareHost(uri) };
}

/** RFC 3261 §19.1.2, RFC 7118 §5.5: the port that a URI without one means. */
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

/** The transport that neither URI nor DNS names (RFC 3263 §4.1). */
export function defaultTransport(secure: boolean): Transport {
  return secure ? 'tls' : 'udp';
}

/** What the account or the URI names; a transport that we do not speak is none. */
function namedTransport(uri: SipUri, chosen: Transport | 'auto'): Transport | null {
  const named = chosen === 'auto' ? uriParam(uri, 'transport')?.value?.toLowerCase() : chosen;
  return TRANSPORTS.find((transport) => transport === named) ?? null;
}

function transportOf(named: Transport | null, secure: boolean): Transport {
  if (!secure) return named ?? defaultTransport(false);
  // RFC 3261 §26.2.2: sips is TLS over whatever stream the URI names.
  if (named === 'ws' || named === 'wss') return 'wss';
  return named !== null && isSecure(named) ? named : defaultTransport(true);
}

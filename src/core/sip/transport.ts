// Transports and addresses, as SIP names them (RFC 3261 §18, RFC 7118).

export const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;

export type Transport = (typeof TRANSPORTS)[number];

/** An IP literal (IPv6 without brackets) and a port. */
export type SocketAddress = { readonly address: string; readonly port: number };

/** One place to send a request to: what RFC 3263 ends in. `host` is the name that the address came from. */
export type Target = SocketAddress & {
  readonly transport: Transport;
  readonly host: string;
  /** RFC 6455 §3: path and query of a WebSocket; without it "/". */
  readonly resource?: string;
};

/** Whether both are the same place, whatever name led there. */
export function sameTarget(a: Target, b: Target): boolean {
  return a.transport === b.transport && a.address === b.address && a.port === b.port;
}

/** A stream delivers whole and in order, so requests on it are never retransmitted (RFC 3261 §17.1.2.1). */
export function isReliable(transport: Transport): boolean {
  return transport !== 'udp';
}

/** Over TLS, so that nobody on the way reads or changes it. */
export function isSecure(transport: Transport): boolean {
  return transport === 'tls' || transport === 'wss';
}

// Short-lived connected UDP sockets. Connecting one sends nothing, but makes the system choose a route, and lets
// ICMP errors for what it sends come back as ECONNREFUSED, EHOSTUNREACH and the like (RFC 1122 §4.1.3.3).

import dgram from 'node:dgram';
import { PING } from '../../core/keepalive/crlf.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import type { SystemError } from './system-error.ts';

/** An unbound socket of the family of `address`. Addresses are literals, so nothing is ever looked up. */
export function createUdpSocket(address: string): dgram.Socket {
  // A literal; node:net's own test would compile a large regular expression for it.
  const isVersion6 = address.includes(':');
  return dgram.createSocket({
    type: isVersion6 ? 'udp6' : 'udp4',
    ipv6Only: isVersion6,
    lookup: (literal, _options, found) => found(null, literal, isVersion6 ? 6 : 4),
  });
}

/** The local address that the system would send from towards `remote`. */
export function localAddressTowards(remote: SocketAddress): Promise<Result<string, SystemError>> {
  return new Promise((resolve) => {
    const socket = createUdpSocket(remote.address);
    const settle = (outcome: Result<string, SystemError>): void => {
      socket.close();
      resolve(outcome);
    };
    connect(socket, remote, (error) => {
      settle(error === null ? success(socket.address().address) : failure(error));
    });
  });
}

/** Sends one keep-alive datagram from `localAddress` and listens `waitMs` for an error; null: none came. */
export function probe(
  localAddress: string,
  remote: SocketAddress,
  waitMs: Millis,
): Promise<SystemError | null> {
  return new Promise((resolve) => {
    const socket = createUdpSocket(remote.address);
    let isSettled = false;
    const settle = (error: SystemError | null): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      socket.close();
      resolve(error);
    };
    const timer = setTimeout(() => settle(null), waitMs);
    socket.on('error', settle);
    socket.bind({ address: localAddress, port: 0, exclusive: true }, () => {
      connect(socket, remote, (error) => {
        if (error !== null) return settle(error);
        // A SIP server takes it for a keep-alive and nothing else.
        socket.send(PING, (sendError) => {
          if (sendError !== null) settle(sendError);
        });
      });
    });
  });
}

function connect(
  socket: dgram.Socket,
  remote: SocketAddress,
  done: (error: SystemError | null) => void,
): void {
  socket.connect(remote.port, remote.address, (error?: SystemError) => done(error ?? null));
}

// What the operating system says about a socket (errno), as a verdict. One table for UDP, TCP and TLS, so that the
// same fault has the same name on each of them.

import { type Failure, failureOf, type VerdictCode } from '../../core/health/verdict.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';

/** An error of Node's net, tls, dgram and dns: `code` is the errno name or an OpenSSL code. */
export type SystemError = NodeJS.ErrnoException;

type Meaning = { readonly code: VerdictCode; readonly words: string };

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: { code: 'connect.refused', words: 'refused the connection' },
  ETIMEDOUT: { code: 'connect.timeout', words: 'did not answer' },
  EHOSTUNREACH: { code: 'connect.unreachable', words: 'cannot be reached (no route to the host)' },
  EHOSTDOWN: { code: 'connect.unreachable', words: 'cannot be reached (the host is down)' },
  ENETUNREACH: { code: 'connect.unreachable', words: 'cannot be reached (no route to its network)' },
  ENETDOWN: { code: 'connect.unreachable', words: 'cannot be reached (the network of this host is down)' },
  ENONET: { code: 'connect.unreachable', words: 'cannot be reached (this host is not on the network)' },
  EAFNOSUPPORT: { code: 'connect.unreachable', words: 'has an address family that this host does not have' },
  ENOPROTOOPT: { code: 'connect.unreachable', words: 'does not speak this transport' },
  EPROTONOSUPPORT: { code: 'connect.unreachable', words: 'does not speak this transport' },
  ECONNRESET: { code: 'connect.closed', words: 'reset the connection' },
  ECONNABORTED: { code: 'connect.closed', words: 'aborted the connection' },
  EPIPE: { code: 'connect.closed', words: 'closed the connection' },
  EPERM: { code: 'connect.failed', words: 'must not be sent to (a firewall of this host forbids it)' },
  EMSGSIZE: { code: 'connect.failed', words: 'cannot take a datagram of this size' },
};

const LOCAL_ADDRESS_ERRORS = new Set(['EADDRNOTAVAIL', 'EADDRINUSE', 'EACCES']);

/** True for an error that is about our own end: an address this host lacks, or a port that is taken. */
export function isLocalAddressError(error: SystemError): boolean {
  return error.syscall === 'bind' || LOCAL_ADDRESS_ERRORS.has(error.code ?? '');
}

/** The verdict for an error on a socket towards `remote`, sent from `local` (null: any address). */
export function failureOfSystemError(
  error: SystemError,
  remote: SocketAddress,
  local: SocketAddress | null,
): Failure {
  if (isLocalAddressError(error)) {
    const from = local === null ? 'any local address' : formatAddress(local);
    return failureOf('connect.local-address', `cannot send from ${from}: ${localWords(error)}`);
  }
  const meaning = MEANINGS[error.code ?? ''];
  const place = formatAddress(remote);
  return meaning === undefined
    ? failureOf('connect.failed', `${place}: ${error.message}`)
    : failureOf(meaning.code, `${place} ${meaning.words} (${error.code})`);
}

/** "192.0.2.1:5060", "[2001:db8::1]:5060". */
export function formatAddress(address: SocketAddress): string {
  const host = address.address.includes(':') ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

function localWords({ code, message }: SystemError): string {
  if (code === 'EADDRINUSE') return 'another program holds the port (EADDRINUSE)';
  if (code === 'EACCES') return 'this user may not use the port (EACCES)';
  if (code === 'EADDRNOTAVAIL') return 'this host does not have the address (EADDRNOTAVAIL)';
  if (code === 'EINVAL') return 'the address is of another family than the one it is to reach (EINVAL)';
  return message;
}

// A TCP connection to an IP literal, with a limit in time. Names are resolved before (RFC 3263), so Node's own
// resolving and its race between address families play no part. TLS starts on a socket from here as well.

import net from 'node:net';
import { assert } from '../../core/assert.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { isIpLiteral } from '../../core/sip/ip.ts';
import type { Millis } from '../../core/time.ts';
import type { FlowRequest } from './flow.ts';
import { localPortsToTry } from './local-port.ts';
import {
  failureOfSystemError,
  formatAddress,
  isLocalAddressError,
  type SystemError,
} from './system-error.ts';

/** Connects within `request.connectTimeoutMs`; the socket comes without listeners. */
export async function connectTcp(request: FlowRequest): Promise<Result<net.Socket, Failure>> {
  assert(isIpLiteral(request.target.address), 'a flow goes to an IP literal');
  const ports = localPortsToTry(request);
  for (const [index, port] of ports.entries()) {
    const attempt = await connectFrom(port, request);
    if (attempt instanceof net.Socket) return success(attempt);
    const isLast = index === ports.length - 1;
    if (isLast || !isLocalAddressError(attempt)) return failure(verdictOf(attempt, request));
  }
  throw new Error('there is always a port to try');
}

/** Our own time limit as an error, so that it travels the way of the others. */
const CONNECT_TIMEOUT = 'SIPREG_CONNECT_TIMEOUT';

function connectFrom(localPort: number, request: FlowRequest): Promise<net.Socket | SystemError> {
  return new Promise((resolve) => {
    const { address, port } = request.target;
    const socket = net.connect({
      host: address,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      ...(request.local === null ? {} : { localAddress: request.local.address }),
      ...(localPort === 0 ? {} : { localPort }),
    });
    const settle = (outcome: net.Socket | SystemError): void => {
      clearTimeout(timer);
      socket.off('error', settle).off('connect', connected);
      if (outcome !== socket) destroyQuietly(socket);
      resolve(outcome);
    };
    const connected = (): void => settle(socket);
    const timer = setTimeout(() => {
      settle(Object.assign(new Error('no connection in time'), { code: CONNECT_TIMEOUT }));
    }, request.connectTimeoutMs);
    socket.on('error', settle).on('connect', connected);
  });
}

/** Destroys a socket whose later errors are of no interest: the reason for its end is known already. */
export function destroyQuietly(socket: net.Socket): void {
  socket.on('error', () => {});
  socket.destroy();
}

/** Lets the peer have what was written last, and over TLS the close_notify after it (RFC 8446 §6.1), and is gone then: it
 * waits for nothing of the peer's, and after `lingerMs` for nothing at all. */
export function finishAndClose(socket: net.Socket, lingerMs: Millis): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.on('error', () => {}).once('close', () => clearTimeout(timer));
  socket.destroySoon();
}

/** Lets the peer have what was written last, and reads on meanwhile, because unread bytes would make the system
 * reset the connection and throw that away; after `lingerMs` at most the socket is destroyed. */
export function lingerAndClose(socket: net.Socket, lingerMs: Millis): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.on('error', () => {}).once('close', () => clearTimeout(timer));
  socket.end();
}

function verdictOf(error: SystemError, request: FlowRequest): Failure {
  if (error.code !== CONNECT_TIMEOUT) return failureOfSystemError(error, request.target, request.local);
  const seconds = request.connectTimeoutMs / 1000;
  return failureOf(
    'connect.timeout',
    `no connection to ${formatAddress(request.target)} within ${seconds} s`,
  );
}

/** Before the system starts to ask a silent peer whether it is still there. */
const KEEP_ALIVE_DELAY_MS = 60_000;

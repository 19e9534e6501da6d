// Flows over UDP. Each has one socket that is not connected: requests of the registrar may come from another of
// its addresses and must reach us. The price is that the system tells such a socket nothing of ICMP errors. So when
// a request has to be repeated and nothing has come since it was first sent, udp-probe.ts asks with a connected
// socket whether the port is closed; that ends in seconds what would else be 32 s of silence (RFC 3261 §18.4).

import dgram from 'node:dgram';
import { assert } from '../../core/assert.ts';
import type { Failure } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { isIpLiteral } from '../../core/sip/ip.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import { type Flow, type FlowEvents, type FlowRequest, nextFlowId } from './flow.ts';
import { FLOW_LIMITS, type FlowLimits } from './limits.ts';
import { localPortsToTry } from './local-port.ts';
import { failureOfSystemError, isLocalAddressError, type SystemError } from './system-error.ts';
import { createUdpSocket, localAddressTowards, probe } from './udp-probe.ts';

/** Opens a UDP flow: binds a socket and finds the address that the system sends from. */
export async function openUdpFlow(
  request: FlowRequest,
  events: FlowEvents,
  limits: FlowLimits = FLOW_LIMITS,
): Promise<Result<Flow, Failure>> {
  assert(isIpLiteral(request.target.address), 'a flow goes to an IP literal');
  const remote = { address: request.target.address, port: request.target.port };
  const bound = await bindSocket(request, remote);
  if (!(bound instanceof dgram.Socket)) return failure(failureOfSystemError(bound, remote, request.local));
  const local = await localAddressOf(bound, remote);
  if (!local.ok) {
    bound.close();
    return failure(failureOfSystemError(local.error, remote, request.local));
  }
  return success(startUdpFlow(bound, local.value, remote, events, limits));
}

function startUdpFlow(
  socket: dgram.Socket,
  local: SocketAddress,
  remote: SocketAddress,
  events: FlowEvents,
  limits: FlowLimits,
): Flow {
  let isOpen = true;
  let isUnanswered = false;
  let isProbing = false;

  const flow: Flow = {
    id: nextFlowId(),
    transport: 'udp',
    local,
    remote,
    tls: null,
    send: (bytes, repeated = false) => {
      if (!isOpen) return;
      events.sent?.(flow, bytes);
      socket.send(bytes, remote.port, remote.address, sent);
      if (repeated && isUnanswered) void lookIntoSilence();
      isUnanswered = true;
    },
    sendTo: (bytes, { address, port }) => {
      if (!isOpen) return;
      events.sent?.(flow, bytes);
      const unsent = (why: string): void =>
        events.dropped(flow, `an answer that cannot be sent: ${why}`, null);
      if (port < 1 || port > 65_535 || !isIpLiteral(address)) {
        unsent('there is no such place');
        return;
      }
      socket.send(bytes, port, address, (error) => {
        if (error !== null && isOpen) unsent(error.message);
      });
    },
    close: () => {
      if (isOpen) end();
    },
  };

  const end = (): void => {
    isOpen = false;
    socket.close();
  };
  const failWith = (error: SystemError): void => {
    if (!isOpen) return;
    end();
    events.closed(flow, failureOfSystemError(error, remote, local));
  };
  /** One for all datagrams. Without one the system's refusal of a datagram would not be heard of. */
  const sent = (error: SystemError | null): void => {
    if (error !== null) failWith(error);
  };
  const lookIntoSilence = async (): Promise<void> => {
    if (isProbing) return;
    isProbing = true;
    const error = await probe(local.address, remote, limits.probeMs);
    isProbing = false;
    if (error !== null && isUnanswered) failWith(error);
  };

  socket.on('message', (bytes, sender) => {
    isUnanswered = false;
    const source = { address: sender.address, port: sender.port };
    if (isKeepAlive(bytes)) return;
    if (isStun(bytes)) {
      events.sign(flow, { type: 'stun', bytes }, source);
      return;
    }
    const parsed = parseMessage(bytes);
    if (parsed.ok) events.message(flow, parsed.value, source, bytes);
    else if (parsed.error.head?.kind === 'request') events.malformed(flow, parsed.error, source);
    else events.dropped(flow, `a datagram that is not SIP: ${parsed.error.message}`, source);
  });
  socket.on('error', failWith);
  return flow;
}

/** RFC 5626 §4.4 and practice: CRLFs, an empty datagram or four zero octets only keep a NAT binding open. */
function isKeepAlive(bytes: Uint8Array): boolean {
  if ((bytes[0] ?? 0) > CR) return false;
  if (bytes.every((byte) => byte === CR || byte === LF)) return true;
  return bytes.length === 4 && bytes.every((byte) => byte === 0);
}

/** RFC 5389 §6: the first two bits of a STUN message are zero; no character that can begin a SIP message has that. */
function isStun(bytes: Uint8Array): boolean {
  return (bytes[0] ?? LARGEST_STUN_OCTET + 1) <= LARGEST_STUN_OCTET;
}

async function bindSocket(request: FlowRequest, remote: SocketAddress): Promise<dgram.Socket | SystemError> {
  const ports = localPortsToTry(request);
  for (const [index, port] of ports.entries()) {
    const attempt = await bindTo(request.local?.address ?? null, port, remote);
    const isLast = index === ports.length - 1;
    if (attempt instanceof dgram.Socket || isLast || !isLocalAddressError(attempt)) return attempt;
  }
  throw new Error('there is always a port to try');
}

function bindTo(
  address: string | null,
  port: number,
  remote: SocketAddress,
): Promise<dgram.Socket | SystemError> {
  return new Promise((resolve) => {
    const socket = createUdpSocket(remote.address);
    const refused = (error: SystemError): void => {
      socket.close();
      resolve(error);
    };
    socket.once('error', refused);
    socket.bind({ port, exclusive: true, ...(address === null ? {} : { address }) }, () => {
      socket.off('error', refused);
      enlargeReceiveBuffer(socket);
      resolve(socket);
    });
  });
}

/** Linux caps the size in silence; the BSDs refuse it, and then their own size has to do. */
function enlargeReceiveBuffer(socket: dgram.Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch (error) {
    if ((error as SystemError).code !== 'ERR_SOCKET_BUFFER_SIZE') throw error;
  }
}

/** The concrete address a bound socket sends from: its own, or the one the system's routes choose. */
async function localAddressOf(
  socket: dgram.Socket,
  remote: SocketAddress,
): Promise<Result<SocketAddress, SystemError>> {
  const { address, port } = socket.address();
  if (address !== '0.0.0.0' && address !== '::') return success({ address, port });
  const chosen = await localAddressTowards(remote);
  return chosen.ok ? success({ address: chosen.value, port }) : chosen;
}

/** Enough for a burst of answers to thousands of accounts; on Linux net.core.rmem_max is the limit. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const LARGEST_STUN_OCTET = 3;
const [CR, LF] = [0x0d, 0x0a];

// Flows over TCP, and the part that TLS shares with them: framing by Content-Length (RFC 3261 §18.3), CRLF
// keep-alives (RFC 5626 §4.4.1), and one verdict for every way in which a stream ends. A stream that has lost its
// framing cannot find it again, so it is closed.

import type net from 'node:net';
import type { TlsSnapshot } from '../../core/health/snapshot.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { PONG } from '../../core/keepalive/crlf.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { emptyFramer, pushBytes } from '../../core/sip/framer.ts';
import type { MessageError } from '../../core/sip/head.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import { connectTcp, destroyQuietly, finishAndClose, lingerAndClose } from './connect.ts';
import { type Flow, type FlowEvents, type FlowRequest, nextFlowId } from './flow.ts';
import { FLOW_LIMITS, type FlowLimits } from './limits.ts';
import { failureOfSystemError, formatAddress, type SystemError } from './system-error.ts';

export type StreamSetup = {
  readonly transport: 'tcp' | 'tls';
  /** Connected, and past its handshake if it has one. */
  readonly socket: net.Socket;
  readonly remote: SocketAddress;
  readonly tls: TlsSnapshot | null;
  readonly events: FlowEvents;
  readonly limits: FlowLimits;
  /** The verdict for an error of the socket, or for a close by the peer (null). `heard`: a message has come. */
  readonly verdictOf: (error: SystemError | null, heard: boolean) => Failure;
};

/** Opens a TCP flow; `request.domain` plays no part. */
export async function openTcpFlow(
  request: FlowRequest,
  events: FlowEvents,
  limits: FlowLimits = FLOW_LIMITS,
): Promise<Result<Flow, Failure>> {
  const connected = await connectTcp(request);
  if (!connected.ok) return failure(connected.error);
  const remote = { address: request.target.address, port: request.target.port };
  return success(
    startStreamFlow({
      transport: 'tcp',
      socket: connected.value,
      remote,
      tls: null,
      events,
      limits,
      verdictOf: (error, heard) => verdictOfStreamEnd(error, heard, remote, request.local),
    }),
  );
}

/** Makes a flow of a connected socket and takes over all of the socket's events. */
export function startStreamFlow(setup: StreamSetup): Flow {
  const { socket, events, limits, remote } = setup;
  let framer = emptyFramer();
  let isOpen = true;
  let heard = false;
  let unfinished: NodeJS.Timeout | null = null;

  const flow: Flow = {
    id: nextFlowId(),
    transport: setup.transport,
    local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    remote,
    tls: setup.tls,
    send: (bytes) => {
      if (!isOpen) return;
      events.sent?.(flow, bytes);
      socket.write(bytes);
      if (socket.writableLength > limits.unsentBytes) fail(verdictOfDeafPeer(remote, limits));
    },
    sendTo: (bytes) => flow.send(bytes),
    close: () => {
      if (isOpen) end((last) => finishAndClose(last, limits.lingerMs));
    },
  };

  const end = (letGo: (socket: net.Socket) => void): void => {
    isOpen = false;
    watchUnfinished(false);
    letGo(socket);
  };
  const fail = (verdict: Failure, letGo = destroyQuietly): void => {
    if (!isOpen) return;
    end(letGo);
    events.closed(flow, verdict);
  };
  const watchUnfinished = (waiting: boolean): void => {
    if (unfinished !== null) clearTimeout(unfinished);
    unfinished = waiting
      ? setTimeout(() => fail(verdictOfUnfinished(heard, remote, limits)), limits.unfinishedMessageMs)
      : null;
  };
  const deliver = (bytes: Uint8Array): void => {
    const parsed = parseMessage(bytes);
    if (parsed.ok) {
      heard = true;
      events.message(flow, parsed.value, remote, bytes);
    } else if (parsed.error.head?.kind === 'request') {
      events.malformed(flow, parsed.error, remote);
    } else {
      events.dropped(flow, `a message that is not SIP: ${parsed.error.message}`, remote);
    }
  };
  const giveUpFraming = (error: MessageError): void => {
    if (error.head?.kind === 'request') events.malformed(flow, error, remote);
    fail(verdictOfLostFraming(error.message, heard, remote), (last) => lingerAndClose(last, limits.lingerMs));
  };
  const take = (bytes: Uint8Array): void => {
    if (!isOpen) return;
    const step = pushBytes(framer, bytes);
    framer = step.framer;
    for (const message of step.messages) if (isOpen) deliver(message);
    // RFC 5626 §4.4.1: a double CRLF is a ping, and one CRLF answers it.
    if (isOpen && step.pings > 0) flow.send(PONG);
    if (isOpen && step.pongs > 0) events.sign(flow, { type: 'pong' }, remote);
    if (!isOpen) return;
    if (step.error !== null) {
      giveUpFraming(step.error);
      return;
    }
    // The time begins with a message's first byte, not with each: who sends byte by byte gains nothing.
    const isUnfinished = framer.phase !== 'between';
    if (!isUnfinished || unfinished === null || step.messages.length > 0) watchUnfinished(isUnfinished);
  };

  socket.on('data', take);
  socket.on('end', () => fail(setup.verdictOf(null, heard)));
  socket.on('close', () => fail(setup.verdictOf(null, heard)));
  socket.on('error', (error) => fail(setup.verdictOf(error, heard)));
  return flow;
}

/** The verdict for the end of a stream that nothing else explains. */
export function verdictOfStreamEnd(
  error: SystemError | null,
  heard: boolean,
  remote: SocketAddress,
  local: SocketAddress | null,
): Failure {
  if (error !== null) return failureOfSystemError(error, remote, local);
  const when = heard ? '' : ' before it sent anything';
  return failureOf('connect.closed', `${formatAddress(remote)} closed the connection${when}`);
}

function verdictOfLostFraming(error: string, heard: boolean, remote: SocketAddress): Failure {
  const place = formatAddress(remote);
  return heard
    ? failureOf('connect.closed', `${place} sent bytes in which no SIP message can be found: ${error}`)
    : failureOf('register.not-sip', `what ${place} sends is not SIP: ${error}`);
}

export function verdictOfUnfinished(heard: boolean, remote: SocketAddress, limits: FlowLimits): Failure {
  const seconds = limits.unfinishedMessageMs / 1000;
  const code = heard ? 'connect.closed' : 'register.not-sip';
  return failureOf(
    code,
    `${formatAddress(remote)} began a message and did not finish it within ${seconds} s`,
  );
}

export function verdictOfDeafPeer(remote: SocketAddress, limits: FlowLimits): Failure {
  const place = formatAddress(remote);
  return failureOf('connect.closed', `${place} has left more than ${limits.unsentBytes} bytes unread`);
}

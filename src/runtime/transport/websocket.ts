// Flows over WebSocket (RFC 7118, RFC 6455): a TCP or TLS connection of our own, the HTTP handshake on it, then one SIP
// message in each WebSocket message. The only home of ws. No extension is offered, no redirection is followed, and no
// Origin is sent: it names the web page of a script (RFC 6455 §10.2), and there is none.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type net from 'node:net';
import WebSocket, { type ClientOptions } from 'ws';
import { assert } from '../../core/assert.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { PING, PONG } from '../../core/keepalive/crlf.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { bracketed } from '../../core/sip/ip.ts';
import { MAX_MESSAGE_BYTES } from '../../core/sip/limits.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import type { Millis } from '../../core/time.ts';
import { connectTcp, destroyQuietly } from './connect.ts';
import { type Flow, type FlowEvents, type FlowRequest, nextFlowId } from './flow.ts';
import { FLOW_LIMITS, type FlowLimits } from './limits.ts';
import { verdictOfDeafPeer, verdictOfStreamEnd, verdictOfUnfinished } from './stream.ts';
import type { SystemError } from './system-error.ts';
import { type SecuredStream, secureStream, type TlsSecurity } from './tls.ts';
import {
  verdictOfBadFrames,
  verdictOfBadUpgrade,
  verdictOfClosing,
  verdictOfNotHttp,
  verdictOfRefusal,
  verdictOfSilence,
  verdictOfSubprotocol,
} from './websocket-verdict.ts';

/** Opens a WebSocket flow; `security` is there for wss and null for ws. It is open when the server speaks SIP on it. */
export async function openWebSocketFlow(
  request: FlowRequest,
  events: FlowEvents,
  security: TlsSecurity | null,
  limits: FlowLimits = FLOW_LIMITS,
): Promise<Result<Flow, Failure>> {
  assert((request.target.transport === 'wss') === (security !== null), 'wss is what is secured');
  const url = urlOf(request);
  if (!URL.canParse(url)) return failure(failureOf('config.invalid', `${url} is no URL of a WebSocket`));
  const handshake = (stream: SecuredStream): Promise<Result<Flow, Failure>> =>
    shakeHands({ stream, url, transport: security === null ? 'ws' : 'wss', events, limits });
  if (security !== null) {
    const secured = await secureStream(request, security, limits, handshake);
    return secured.ok ? await secured.value : secured;
  }
  const connected = await connectTcp(request);
  if (!connected.ok) return connected;
  const remote = { address: request.target.address, port: request.target.port };
  return await handshake({
    socket: connected.value,
    remote,
    tls: null,
    verdictOf: (error, heard) => verdictOfStreamEnd(error, heard, remote, request.local),
  });
}

/** RFC 6455 §4.1: the Host is the name of the URI, before any DNS. */
function urlOf({ target, domain }: FlowRequest): string {
  return `${target.transport}://${bracketed(domain)}:${target.port}${target.resource ?? '/'}`;
}

type Setup = {
  readonly stream: SecuredStream;
  readonly url: string;
  readonly transport: 'ws' | 'wss';
  readonly events: FlowEvents;
  readonly limits: FlowLimits;
};

/** The client of ws on our own connection. It also knows `closeTimeout`, which its types lack. */
function startClient({ stream, url, limits }: Setup): WebSocket {
  const options: ClientOptions & { readonly closeTimeout: number } = {
    createConnection: () => stream.socket,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    maxFragments: MAX_FRAGMENTS,
    closeTimeout: limits.lingerMs,
  };
  return new WebSocket(url, 'sip', options);
}

function shakeHands(setup: Setup): Promise<Result<Flow, Failure>> {
  const { stream, url, limits } = setup;
  const { socket, remote } = stream;
  let socketError: SystemError | null = null;
  let upgrade: IncomingMessage | null = null;
  // Stays for the socket's life: ws keeps the reasons of a socket's end to itself.
  socket.on('error', (error) => {
    socketError ??= error;
  });
  const websocket = startClient(setup);
  // What ws has to say after the verdict repeats it.
  websocket.on('error', () => {});
  return new Promise((resolve) => {
    const stopListening = (): void => {
      clearTimeout(timer);
      websocket.off('upgrade', noteUpgrade).off('unexpected-response', refused);
      websocket.off('open', opened).off('error', failed);
    };
    const refuse = (verdict: Failure): void => {
      stopListening();
      destroyQuietly(socket);
      resolve(failure(verdict));
    };
    const noteUpgrade = (answer: IncomingMessage): void => {
      upgrade = answer;
    };
    const refused = (_request: unknown, answer: IncomingMessage): void => {
      const { statusCode: status = 0, statusMessage: reason = '', headers } = answer;
      const { pathname, search } = new URL(url);
      refuse(verdictOfRefusal({ status, reason, location: headers.location }, pathname + search, remote));
    };
    const failed = (error: HandshakeError): void => {
      if (upgrade !== null) refuse(verdictOfUpgrade(upgrade, error, setup));
      else if (error.rawPacket !== undefined) refuse(verdictOfNotHttp(error.rawPacket, remote));
      else refuse(stream.verdictOf(socketError, false));
    };
    const opened = (): void => {
      stopListening();
      resolve(success(startFlow(websocket, setup, () => socketError)));
    };
    const timer = setTimeout(() => refuse(verdictOfSilence(limits.handshakeMs, remote)), limits.handshakeMs);
    websocket.on('upgrade', noteUpgrade).on('unexpected-response', refused);
    websocket.on('open', opened).on('error', failed);
  });
}

/** `rawPacket` holds the bytes in which Node's parser found no HTTP. */
type HandshakeError = SystemError & { readonly rawPacket?: Uint8Array };

function verdictOfUpgrade(answer: IncomingMessage, error: Error, { stream }: Setup): Failure {
  const protocol = answer.headers['sec-websocket-protocol'] ?? null;
  return protocol === 'sip'
    ? verdictOfBadUpgrade(error.message, stream.remote)
    : verdictOfSubprotocol(protocol, stream.remote);
}

function startFlow(
  websocket: WebSocket,
  { stream, transport, events, limits }: Setup,
  socketError: () => SystemError | null,
): Flow {
  const { socket, remote } = stream;
  let isOpen = true;
  const flow: Flow = {
    id: nextFlowId(),
    transport,
    local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    remote,
    tls: stream.tls,
    send: (bytes) => {
      if (!isOpen) return;
      events.sent?.(flow, bytes);
      // RFC 7118 §4.2: text, unless that would not be UTF-8.
      websocket.send(bytes, { binary: !isUtf8(bytes) });
      if (websocket.bufferedAmount > limits.unsentBytes) giveUp(verdictOfDeafPeer(remote, limits));
    },
    sendTo: (bytes) => flow.send(bytes),
    close: () => {
      end();
      websocket.close(NORMAL_CLOSURE);
    },
  };
  const end = (): void => {
    isOpen = false;
    forgetRest();
  };
  const fail = (verdict: Failure): void => {
    if (!isOpen) return;
    end();
    events.closed(flow, verdict);
  };
  const giveUp = (verdict: Failure): void => {
    fail(verdict);
    websocket.terminate();
  };
  const forgetRest = watchForRest(websocket, socket, limits.unfinishedMessageMs, () =>
    giveUp(verdictOfUnfinished(true, remote, limits)),
  );
  websocket.on('message', (message: Buffer) => {
    if (isOpen) take(flow, events, message);
  });
  websocket.on('pong', () => {
    if (isOpen) events.sign(flow, { type: 'pong' }, remote);
  });
  websocket.on('error', (error) => fail(verdictOfBadFrames(error.message, remote)));
  websocket.on('close', (code, reason) => {
    const isAbrupt = code === ABNORMAL_CLOSURE;
    fail(isAbrupt ? stream.verdictOf(socketError(), true) : verdictOfClosing(code, `${reason}`, remote));
  });
  return flow;
}

/** RFC 7118 §5: one SIP message, or the CRLFs of RFC 5626 §4.4.1, of which a double one is a ping. */
function take(flow: Flow, events: FlowEvents, bytes: Uint8Array): void {
  if (isLineBreaks(bytes)) {
    if (bytes.length >= PING.length) flow.send(PONG);
    else events.sign(flow, { type: 'pong' }, flow.remote);
    return;
  }
  const parsed = parseMessage(bytes);
  if (parsed.ok) events.message(flow, parsed.value, flow.remote, bytes);
  else if (parsed.error.head?.kind === 'request') events.malformed(flow, parsed.error, flow.remote);
  else events.dropped(flow, `a WebSocket message that is not SIP: ${parsed.error.message}`, flow.remote);
}

/** Calls `late` when the rest of a message is not there in time. A beginning that came together with a whole message
 * is noticed with the bytes that follow it. The function that comes back ends the watch. */
function watchForRest(
  websocket: WebSocket,
  socket: net.Socket,
  limitMs: Millis,
  late: () => void,
): () => void {
  let timer: NodeJS.Timeout | null = null;
  let hasFinished = false;
  const finish = (): void => {
    hasFinished = true;
  };
  const stop = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const look = (): void => {
    if (hasFinished) stop();
    else timer ??= setTimeout(late, limitMs);
    hasFinished = false;
  };
  websocket.on('message', finish).on('ping', finish).on('pong', finish);
  // ws was here before and has read the same bytes: when nothing came to its end in them, the peer owes the rest.
  socket.on('data', look);
  return () => {
    stop();
    socket.off('data', look);
  };
}

/** CRLFs and nothing else; an empty message is none. */
function isLineBreaks(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every((byte) => byte === 0x0d || byte === 0x0a);
}

/** Of one message: each costs a record of its own, however small it is. */
const MAX_FRAGMENTS = 1_024;
/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;
/** ws for an end without a close frame (RFC 6455 §7.1.5). */
const ABNORMAL_CLOSURE = 1006;

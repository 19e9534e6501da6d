// Flows over TLS (RFC 3261 §26.2, RFC 5922): a TCP connection, then a handshake with its own limit in time, then the
// same stream as TCP. Nothing is sent before chain and identity are checked. Sessions are not resumed: a resumed one
// would skip the identity check and present the former client certificate.

import type { X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { monotonicNow } from '../clock.ts';
import { factsOf } from '../tls/certificate-facts.ts';
import {
  diagnoseAfterHandshake,
  diagnoseHandshake,
  diagnoseSilentClose,
  diagnoseTimeout,
  type HandshakeFacts,
} from '../tls/diagnosis.ts';
import type { KeyLog } from '../tls/key-log.ts';
import type { TlsMaterial } from '../tls/material.ts';
import { checkIdentity } from '../tls/server-identity.ts';
import { snapshotOfSession } from '../tls/session-snapshot.ts';
import type { TlsSettings } from '../tls/settings.ts';
import { connectTcp, destroyQuietly } from './connect.ts';
import type { Flow, FlowEvents, FlowRequest } from './flow.ts';
import { FLOW_LIMITS, type FlowLimits } from './limits.ts';
import { type StreamSetup, startStreamFlow, verdictOfStreamEnd } from './stream.ts';
import type { SystemError } from './system-error.ts';

/** What an account brings to a handshake: its settings, and what they name on disk. */
export type TlsSecurity = {
  readonly settings: TlsSettings;
  readonly material: TlsMaterial;
  /** Takes the session's secrets, for Wireshark; without it they stay here. */
  readonly keyLog?: KeyLog | undefined;
  /** Told of what both sides showed, whether or not the handshake then came to a good end. */
  readonly handshaken?: ((facts: HandshakeFacts) => void) | undefined;
};

/** A connection past its handshake, as a flow takes it over. */
export type SecuredStream = Pick<StreamSetup, 'socket' | 'remote' | 'tls' | 'verdictOf'>;

/** Opens a TLS flow; it is open only when the server has proved to be the one of `request.domain`. */
export async function openTlsFlow(
  request: FlowRequest,
  events: FlowEvents,
  security: TlsSecurity,
  limits: FlowLimits = FLOW_LIMITS,
): Promise<Result<Flow, Failure>> {
  return secureStream(request, security, limits, (stream) =>
    startStreamFlow({ transport: 'tls', ...stream, events, limits }),
  );
}

/** Connects and shakes hands. `start` takes the stream over in the same turn, so that no event of it is missed. */
export async function secureStream<Started>(
  request: FlowRequest,
  security: TlsSecurity,
  limits: FlowLimits,
  start: (stream: SecuredStream) => Started,
): Promise<Result<Started, Failure>> {
  const connected = await connectTcp(request);
  if (!connected.ok) return connected;
  return handshake(connected.value, request, security, limits, (socket, facts) =>
    start({
      socket,
      remote: facts.remote,
      tls: snapshotOfSession(facts, new Date(facts.clock)),
      verdictOf: verdictAfterHandshake(facts, request, limits),
    }),
  );
}

function handshake<Started>(
  tcp: net.Socket,
  request: FlowRequest,
  security: TlsSecurity,
  limits: FlowLimits,
  start: (socket: tls.TLSSocket, facts: HandshakeFacts) => Started,
): Promise<Result<Started, Failure>> {
  const serverName = serverNameFor(request, security.settings);
  const { verify } = security.settings;
  return new Promise((resolve) => {
    const socket = tls.connect({
      socket: tcp,
      secureContext: security.material.context,
      servername: serverName ?? '',
      rejectUnauthorized: verify === 'rfc5922' || verify === 'host',
      // Names are compared below, in every mode; Node would compare them in its own way.
      checkServerIdentity: () => undefined,
    });
    let chain: readonly X509Certificate[] = [];
    const facts = (): HandshakeFacts => ({
      ...factsOfHandshake(request, security, serverName, chain),
      session: sessionOf(socket),
    });
    const noteChain = (): void => {
      chain = chainOf(socket);
    };
    const stopListening = (): void => {
      clearTimeout(timer);
      socket.off('secure', noteChain).off('secureConnect', secured).off('error', failed);
    };
    const refuse = (verdict: Failure): void => {
      stopListening();
      destroyQuietly(socket);
      resolve(failure(verdict));
    };
    const failed = (error: SystemError): void => {
      security.handshaken?.(facts());
      refuse(diagnoseHandshake(error, facts()));
    };
    const secured = (): void => {
      security.handshaken?.(facts());
      const refusal = refuseIdentity(chain[0], request, security.settings);
      if (refusal === null) {
        stopListening();
        resolve(success(start(socket, facts())));
      } else {
        refuse(refusal);
      }
    };
    const timer = setTimeout(
      () => refuse(diagnoseTimeout(facts(), limits.handshakeMs / 1000)),
      limits.handshakeMs,
    );
    // Before Node's own listener, which destroys the socket when the chain is not trusted, and the evidence with it.
    socket.prependListener('secure', noteChain);
    socket.on('secureConnect', secured).on('error', failed);
    if (security.keyLog !== undefined) socket.on('keylog', security.keyLog);
  });
}

function refuseIdentity(
  leaf: X509Certificate | undefined,
  request: FlowRequest,
  settings: TlsSettings,
): Failure | null {
  if (settings.verify === 'none') return null;
  if (leaf === undefined) return failureOf('tls.untrusted', 'the server showed no certificate');
  const wanted = { domain: request.domain, host: request.target.host };
  const mismatch = checkIdentity(leaf, wanted, settings);
  return mismatch === null ? null : failureOf(mismatch.code, mismatch.cause);
}

/** RFC 5922 §7.3 and RFC 6066 §3: the SIP domain as SNI; an IP literal is not a name and is not sent. */
function serverNameFor(request: FlowRequest, settings: TlsSettings): string | null {
  const name = (settings.serverName ?? request.domain).replace(/\.$/, '');
  return name === '' || name.startsWith('[') || net.isIP(name) !== 0 ? null : name;
}

function verdictAfterHandshake(
  facts: HandshakeFacts,
  request: FlowRequest,
  limits: FlowLimits,
): (error: SystemError | null, heard: boolean) => Failure {
  const securedAt = monotonicNow();
  return (error, heard) => {
    const diagnosed = error === null ? null : diagnoseAfterHandshake(error, facts);
    if (diagnosed !== null) return diagnosed;
    const isEarly = !heard && monotonicNow() - securedAt < limits.certificateDoubtMs;
    const isClose = error === null || error.code === 'ECONNRESET' || error.code === 'EPIPE';
    // Whoever did not ask for a certificate does not close because of ours.
    const isAsked = facts.session?.clientCertificateRequested === true;
    if (isAsked && isEarly && isClose) return diagnoseSilentClose(facts);
    return verdictOfStreamEnd(error, heard, facts.remote, request.local);
  };
}

function factsOfHandshake(
  request: FlowRequest,
  { settings, material }: TlsSecurity,
  serverName: string | null,
  chain: readonly X509Certificate[],
): Omit<HandshakeFacts, 'session'> {
  return {
    remote: { address: request.target.address, port: request.target.port },
    serverName,
    chain: chain.map(factsOf),
    ownCertificate: material.ownCertificate,
    minVersion: settings.minVersion,
    clock: new Date().toISOString(),
  };
}

/** The server's chain, leaf first. It may be a loop, and it may be long. To be called once for a socket: Node takes
 * the leaf out of OpenSSL's list, so that a second call would begin with its issuer. */
function chainOf(socket: tls.TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < LONGEST_CHAIN) {
    chain.push(next);
    if (next.subject === next.issuer) break;
    next = next.issuerCertificate;
  }
  return chain;
}

/** What both sides have agreed on so far. OpenSSL knows the peer's signature algorithms only from its request for a
 * certificate, which is how we know whether there was one (RFC 5246 §7.4.4, RFC 8446 §4.3.2). */
function sessionOf(socket: tls.TLSSocket): HandshakeFacts['session'] {
  // As its types do not say: undefined before the ServerHello.
  const cipher: tls.CipherNameAndProtocol | undefined = socket.getCipher();
  if (cipher?.standardName === undefined) return null;
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: cipher.standardName,
    clientCertificateRequested: (socket.getSharedSigalgs() ?? []).length > 0,
  };
}

const LONGEST_CHAIN = 10;

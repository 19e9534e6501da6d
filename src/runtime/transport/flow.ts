// A flow (RFC 5626 §3.1): one socket towards one remote address, shared by all accounts that use it. The three
// kinds (udp.ts, stream.ts for TCP and TLS) look the same from above. A flow never throws at its user: what goes
// wrong comes out once, as `closed` with a verdict.

import type { TlsSnapshot } from '../../core/health/snapshot.ts';
import type { Failure } from '../../core/health/verdict.ts';
import type { MessageError } from '../../core/sip/head.ts';
import type { SipMessage } from '../../core/sip/message.ts';
import type { SocketAddress, Target, Transport } from '../../core/sip/transport.ts';

export type Flow = {
  /** Unique in this process. */
  readonly id: number;
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** Session facts of a TLS flow, for the status; null otherwise. */
  readonly tls: TlsSnapshot | null;
  /** Sends one whole message. `repeated` marks a retransmission: on UDP that is when silence is looked into. */
  readonly send: (bytes: Uint8Array, repeated?: boolean) => void;
  /** Sends an answer to where its request came from (RFC 3261 §18.2.2); a stream has only one such place. */
  readonly sendTo: (bytes: Uint8Array, destination: SocketAddress) => void;
  /** Closes the socket; `closed` is not called for it. */
  readonly close: () => void;
};

/** What a flow tells its user. `source` is where the message came from (on UDP it may differ from the remote),
 * `bytes` are the message as it came. */
export type FlowEvents = {
  readonly message: (flow: Flow, message: SipMessage, source: SocketAddress, bytes: Uint8Array) => void;
  /** A request that cannot be taken as it is, with the head that is left of it: it may be answered with a 400. */
  readonly malformed: (flow: Flow, error: MessageError, source: SocketAddress) => void;
  /** The other side is alive (RFC 5626 §4.4): a CRLF that answers a ping, or a STUN message on a UDP flow. */
  readonly sign: (flow: Flow, sign: KeepAliveSign, source: SocketAddress) => void;
  /** Bytes are about to leave, keep-alives included; left out: nobody wants to see them. */
  readonly sent?: (flow: Flow, bytes: Uint8Array) => void;
  /** The flow is gone and takes nothing more; called at most once. */
  readonly closed: (flow: Flow, failure: Failure) => void;
  /** Bytes of `source` that are no SIP message were dropped; `description` says what, without their content. null: they
   * are our own, and cannot be sent. */
  readonly dropped: (flow: Flow, description: string, source: SocketAddress | null) => void;
};

/** What says that a flow still works. */
export type KeepAliveSign = { readonly type: 'pong' } | { readonly type: 'stun'; readonly bytes: Uint8Array };

export type FlowRequest = {
  readonly target: Target;
  /** RFC 5626 §4.2.1: the flows of one account stay apart, even if they lead to the same place; null: it has one. */
  readonly regId: number | null;
  /** Address and port to send from; null: the system chooses. Port 0: any. */
  readonly local: SocketAddress | null;
  /** Tried before any other port, and given up silently when taken (the port of the last run). */
  readonly preferredPort: number | null;
  /** The SIP domain that a TLS certificate must be for (RFC 5922): the domain before any DNS. */
  readonly domain: string;
  readonly connectTimeoutMs: number;
};

let lastFlowId = 0;

/** The next id of a flow, unique in this process. */
export function nextFlowId(): number {
  lastFlowId += 1;
  return lastFlowId;
}

// The bounds of a flow in time and size. What stands on the wire comes from strangers, so nothing here waits or
// grows without end. The times of SIP itself (T1, timer F) belong to the core.

import type { Millis } from '../../core/time.ts';

export type FlowLimits = {
  /** From the TCP connection to the end of the TLS handshake; Node itself waits for ever. */
  readonly handshakeMs: Millis;
  /** How long after a TLS handshake a close without a message is put down to the client certificate: in TLS 1.3
   * the server checks that only after our side has finished (RFC 8446 §4.4.2). */
  readonly certificateDoubtMs: Millis;
  /** From the first to the last byte of one message on a stream. */
  readonly unfinishedMessageMs: Millis;
  /** How long a UDP probe listens for an ICMP error. */
  readonly probeMs: Millis;
  /** How long a stream that has to be closed may take to deliver its last answer. */
  readonly lingerMs: Millis;
  /** Bytes that a stream's peer may leave unread before the flow is given up. */
  readonly unsentBytes: number;
};

export const FLOW_LIMITS: FlowLimits = {
  handshakeMs: 8_000,
  certificateDoubtMs: 2_000,
  unfinishedMessageMs: 30_000,
  probeMs: 1_000,
  lingerMs: 1_000,
  unsentBytes: 16 * 1024 * 1024,
};

// What tests of real sockets share: a recorder of flow events, requests towards loopback, messages, and waiting for
// something to become true (never for time to pass).

import type { Failure } from '../../src/core/health/verdict.ts';
import type { MessageError } from '../../src/core/sip/head.ts';
import type { SipMessage } from '../../src/core/sip/message.ts';
import type { SocketAddress, Transport } from '../../src/core/sip/transport.ts';
import type { Flow, FlowEvents, FlowRequest, KeepAliveSign } from '../../src/runtime/transport/flow.ts';

export type Recorder = {
  readonly events: FlowEvents;
  readonly messages: { readonly flow: Flow; readonly message: SipMessage; readonly source: SocketAddress }[];
  readonly malformed: { readonly flow: Flow; readonly error: MessageError; readonly source: SocketAddress }[];
  readonly signs: { readonly sign: KeepAliveSign; readonly source: SocketAddress }[];
  readonly closed: { readonly flow: Flow; readonly failure: Failure }[];
  readonly dropped: string[];
  /** What is done with each malformed request from now on. */
  readonly answering: (answer: (flow: Flow, source: SocketAddress) => void) => void;
};

/** Events of flows, written down. */
export function recordFlows(): Recorder {
  let answer: (flow: Flow, source: SocketAddress) => void = () => {};
  const recorder: Omit<Recorder, 'events' | 'answering'> = {
    messages: [],
    malformed: [],
    signs: [],
    closed: [],
    dropped: [],
  };
  return {
    ...recorder,
    answering: (given) => {
      answer = given;
    },
    events: {
      message: (flow, message, source) => recorder.messages.push({ flow, message, source }),
      malformed: (flow, error, source) => {
        recorder.malformed.push({ flow, error, source });
        answer(flow, source);
      },
      sign: (_flow, sign, source) => recorder.signs.push({ sign, source }),
      closed: (flow, failure) => recorder.closed.push({ flow, failure }),
      dropped: (_flow, description) => recorder.dropped.push(description),
    },
  };
}

/** A request for a flow to `port` on loopback. */
export function requestTo(
  port: number,
  changes: Partial<FlowRequest> & { readonly transport?: Transport; readonly address?: string } = {},
): FlowRequest {
  const { transport = 'tcp', address = '127.0.0.1', ...rest } = changes;
  return {
    target: { address, port, transport, host: 'sip1.example.com' },
    regId: null,
    local: null,
    preferredPort: null,
    domain: 'example.com',
    connectTimeoutMs: 3_000,
    ...rest,
  };
}

/** Waits until `condition` holds; fails after `limitMs`. */
export async function until(condition: () => boolean, limitMs = 5_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A whole 200 answer of `cseq` as bytes. */
export function answerBytes(cseq: number, body = ''): Buffer {
  const lines = [
    'SIP/2.0 200 OK',
    'Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKtest',
    'From: <sip:alice@example.com>;tag=a',
    'To: <sip:alice@example.com>;tag=b',
    'Call-ID: test@127.0.0.1',
    `CSeq: ${cseq} REGISTER`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

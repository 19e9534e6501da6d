// The registrar between its sockets and its machine: holds the state, hands each request to registrar.ts, and writes
// down what happened. It never writes down credentials.

import type { Env } from '../core/env.ts';
import type { Result } from '../core/result.ts';
import { formatMessage } from '../core/sip/format.ts';
import type { MessageError } from '../core/sip/head.ts';
import { headerValue, listValues } from '../core/sip/headers.ts';
import type { SipMessage, SipRequest } from '../core/sip/message.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import { secondsLeft } from './bindings.ts';
import { answerBroken, answerRequest, bindingsOf, emptyRegistrar, type Reply } from './registrar.ts';
import type { RegistrarSettings } from './settings.ts';

/** Who sent something, and how. */
export type Peer = { readonly transport: 'udp' | 'tcp' | 'tls'; readonly source: SocketAddress };

export type RegistrarEvent = Peer & (AnsweredEvent | DroppedEvent);

/** A request that was answered. */
export type AnsweredEvent = {
  readonly type: 'answered';
  readonly method: string;
  /** These three are the fields as they came; null when absent. */
  readonly to: string | null;
  readonly callId: string | null;
  readonly cseq: string | null;
  /** The Contact values of the request. */
  readonly contacts: readonly string[];
  readonly status: number;
  readonly reason: string;
  /** A retransmission, answered as before. */
  readonly repeated: boolean;
};

/** Something that got no answer. */
export type DroppedEvent = {
  readonly type: 'dropped';
  /** Why, without its content. */
  readonly description: string;
};

export type RegisteredContact = {
  readonly uri: string;
  readonly secondsLeft: number;
  readonly callId: string;
  readonly cseq: number;
};

/** The bytes of an answer and, for UDP, where they go. */
export type Outgoing = { readonly bytes: Uint8Array; readonly to: SocketAddress };

export type Reception = {
  /** Null: there is nothing to answer. */
  readonly receive: (message: Result<SipMessage, MessageError>, peer: Peer) => Outgoing | null;
  /** Writes down that something of `peer` was dropped. */
  readonly drop: (peer: Peer, description: string) => void;
  /** The latest 1,000, oldest first. */
  readonly events: () => readonly RegistrarEvent[];
  readonly bindings: (user: string) => readonly RegisteredContact[];
};

/** Opens with nobody registered; `onEvent` is called for each event as it happens. */
export function openReception(
  settings: RegistrarSettings,
  env: () => Env,
  onEvent: (event: RegistrarEvent) => void,
): Reception {
  let state = emptyRegistrar();
  const events: RegistrarEvent[] = [];

  const tell = (event: RegistrarEvent): void => {
    events.push(event);
    if (events.length > MAX_EVENTS) events.shift();
    onEvent(event);
  };
  const drop = (peer: Peer, description: string): void => tell({ ...peer, type: 'dropped', description });
  const replyTo = (request: SipRequest, problem: string | null, { source }: Peer): Reply | null => {
    if (problem !== null) return answerBroken({ request, source }, 'Message Malformed', env());
    const step = answerRequest(state, { request, source }, settings, env());
    state = step.state;
    return step.reply;
  };
  return {
    receive: (message, peer) => {
      const request = message.ok ? message.value : message.error.head;
      const problem = message.ok ? null : message.error.message;
      const reply = request?.kind === 'request' ? replyTo(request, problem, peer) : null;
      if (request?.kind !== 'request' || reply === null) {
        drop(peer, problem ?? (request?.kind === 'request' ? 'a request without answer' : 'a response'));
        return null;
      }
      tell({ ...peer, ...answeredEvent(request, reply) });
      return { bytes: formatMessage(reply.response), to: reply.to };
    },
    drop,
    events: () => [...events],
    bindings: (user) => {
      const { now } = env();
      return bindingsOf(state, user, now).map((binding) => {
        const { uri, callId, cseq } = binding;
        return { uri, callId, cseq, secondsLeft: secondsLeft(binding, now) };
      });
    },
  };
}

function answeredEvent({ method, headers }: SipRequest, { response, repeated }: Reply): AnsweredEvent {
  return {
    type: 'answered',
    method,
    to: headerValue(headers, 'To'),
    callId: headerValue(headers, 'Call-ID'),
    cseq: headerValue(headers, 'CSeq'),
    contacts: listValues(headers, 'Contact'),
    status: response.status,
    reason: response.reason,
    repeated,
  };
}

const MAX_EVENTS = 1000;

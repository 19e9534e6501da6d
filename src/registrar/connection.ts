// One accepted TCP or TLS connection of the embedded registrar: framing (RFC 3261 §18.3), CRLF keep-alives (RFC 5626
// §4.4.1), and an end to whoever says nothing, never finishes a message, or does not read its answers.

import type { Socket } from 'node:net';
import { PONG } from '../core/keepalive/crlf.ts';
import type { Result } from '../core/result.ts';
import { emptyFramer, pushBytes } from '../core/sip/framer.ts';
import type { MessageError } from '../core/sip/head.ts';
import type { SipMessage } from '../core/sip/message.ts';
import { parseMessage } from '../core/sip/parse.ts';
import type { Millis } from '../core/time.ts';

export type ConnectionLimits = {
  /** Without a byte from the other side. */
  readonly idleMs: Millis;
  /** From the first to the last byte of one message, and of a TLS handshake. */
  readonly unfinishedMs: Millis;
  /** Bytes of answers that the other side may leave unread. */
  readonly unreadBytes: number;
  /** Connections at a time, for TCP and TLS each; more are closed at once. */
  readonly maxConnections: number;
};

export const CONNECTION_LIMITS: ConnectionLimits = {
  idleMs: 600_000,
  unfinishedMs: 30_000,
  unreadBytes: 1024 * 1024,
  maxConnections: 20_000,
};

export type ConnectionEvents = {
  /** The bytes of the answer, or null for none. Not a message: the stream ends after the answer. */
  readonly received: (message: Result<SipMessage, MessageError>) => Uint8Array | null;
  /** Why the connection ended, unless the other side ended it in good order; called at most once. */
  readonly broken: (description: string) => void;
};

/** Takes over all events of a connected socket, until it is closed. */
export function serveConnection(socket: Socket, events: ConnectionEvents, limits: ConnectionLimits): void {
  let framer = emptyFramer();
  let unfinished: NodeJS.Timeout | null = null;

  const end = (description: string): void => {
    if (socket.destroyed) return;
    socket.destroy();
    events.broken(description);
  };
  const send = (bytes: Uint8Array | null): void => {
    if (bytes === null || socket.destroyed) return;
    socket.write(bytes);
    if (socket.writableLength > limits.unreadBytes) end('its answers are left unread');
  };
  const watchUnfinished = (waiting: boolean): void => {
    if (unfinished !== null) clearTimeout(unfinished);
    unfinished = waiting ? setTimeout(() => end('a message was not finished'), limits.unfinishedMs) : null;
  };
  const take = (bytes: Uint8Array): void => {
    const step = pushBytes(framer, bytes);
    framer = step.framer;
    for (const message of step.messages) if (!socket.destroyed) send(events.received(parseMessage(message)));
    if (step.pings > 0) send(PONG);
    if (step.error !== null) {
      send(events.received({ ok: false, error: step.error }));
      watchUnfinished(true);
      // Framing that is lost cannot be found again; end() lets the 400 go out first.
      socket.end();
      return;
    }
    const isUnfinished = framer.phase !== 'between';
    if (!isUnfinished || unfinished === null || step.messages.length > 0) watchUnfinished(isUnfinished);
  };

  socket.setTimeout(limits.idleMs, () => end('nothing was heard for too long'));
  socket.on('data', take);
  socket.on('error', (error) => events.broken(error.message));
  socket.on('close', () => watchUnfinished(false));
}

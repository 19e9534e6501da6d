// Why a WebSocket did not come about or came to its end, as a verdict (RFC 6455 §4.1, §7.4, RFC 7118 §4.1). The socket
// below has verdicts of its own: here is only what the layers of HTTP and WebSocket add.

import { printable } from '../../core/health/evidence.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import { formatAddress } from './system-error.ts';

/** An answer to the handshake that is not 101. `location` is its header field, for a redirection. */
export type HttpAnswer = {
  readonly status: number;
  readonly reason: string;
  readonly location: string | undefined;
};

/** The web server has answered, but not with a WebSocket; `resource` is what was asked for. */
export function verdictOfRefusal(answer: HttpAnswer, resource: string, remote: SocketAddress): Failure {
  const words = printable(`${answer.status} ${answer.reason}`);
  const elsewhere = answer.location === undefined ? '' : ` (Location: ${printable(answer.location)})`;
  const cause = `${formatAddress(remote)} answered the WebSocket handshake for ${printable(resource)} with HTTP ${words}${elsewhere}`;
  const advice = ADVICE[answer.status];
  if (advice !== undefined) return failureOf('connect.websocket-refused', cause, { advice });
  const isRedirect = answer.status >= 300 && answer.status < 400;
  return failureOf('connect.websocket-refused', cause, isRedirect ? { advice: FOLLOW_YOURSELF } : {});
}

/** The 101 named another subprotocol than sip, or none (null): RFC 7118 §4.1 demands it. */
export function verdictOfSubprotocol(named: string | null, remote: SocketAddress): Failure {
  const what =
    named === null ? 'without the subprotocol "sip"' : `with the subprotocol "${printable(named)}"`;
  return failureOf(
    'connect.websocket-protocol',
    `${formatAddress(remote)} opened a WebSocket ${what}: it does not speak SIP over WebSocket there`,
    { advice: 'check the path; the server may serve SIP under another one, such as /ws' },
  );
}

/** A 101 that RFC 6455 forbids; `flaw` says how. */
export function verdictOfBadUpgrade(flaw: string, remote: SocketAddress): Failure {
  const place = formatAddress(remote);
  return failureOf(
    'connect.websocket-protocol',
    `${place} broke the rules of the WebSocket handshake: ${printable(flaw)}`,
  );
}

/** An answer that is not HTTP; `bytes` is its beginning. */
export function verdictOfNotHttp(bytes: Uint8Array, remote: SocketAddress): Failure {
  const [line = ''] = new TextDecoder('latin1').decode(bytes.subarray(0, LONGEST_LINE)).split(/[\r\n]/);
  const cause = `${formatAddress(remote)} answered the WebSocket handshake with "${printable(line)}", which is not HTTP`;
  const speaksSip = line.startsWith('SIP/2.0 ');
  const advice = 'SIP is spoken there without WebSocket: use transport tcp or tls';
  return failureOf('connect.websocket-protocol', cause, speaksSip ? { advice } : {});
}

/** No whole answer to the handshake in time. */
export function verdictOfSilence(limitMs: number, remote: SocketAddress): Failure {
  const place = formatAddress(remote);
  return failureOf(
    'connect.timeout',
    `${place} accepted the connection, but did not answer the WebSocket handshake within ${limitMs / 1000} s`,
    { advice: 'check the port: what listens there may not be a WebSocket server' },
  );
}

/** The peer closed with a close frame (RFC 6455 §7.4.1). */
export function verdictOfClosing(code: number, reason: string, remote: SocketAddress): Failure {
  const meaning = CLOSE_CODES[code];
  const number = meaning === undefined ? String(code) : `${code}, ${meaning}`;
  const said = reason === '' ? '' : `: "${printable(reason)}"`;
  return failureOf('connect.closed', `${formatAddress(remote)} closed the WebSocket (${number})${said}`);
}

/** Frames that break RFC 6455, or a message that is too large. */
export function verdictOfBadFrames(flaw: string, remote: SocketAddress): Failure {
  const place = formatAddress(remote);
  return failureOf(
    'connect.closed',
    `the WebSocket of ${place} cannot be read any further: ${printable(flaw)}`,
  );
}

const FOLLOW_YOURSELF = 'write the place that it names into the account, if you trust it';

const ADVICE: Readonly<Record<number, string>> = {
  401: 'the web server wants credentials of its own for the handshake, which sipreg does not send: ask the provider',
  403: 'the web server does not let this host in; it may want another path, or an Origin that only browsers send',
  404: 'check the path of the ws: or wss: URI',
  426: 'the server wants another version of WebSocket, or none: check the path',
};

const CLOSE_CODES: Readonly<Record<number, string>> = {
  1000: 'normal closure',
  1001: 'going away',
  1002: 'protocol error',
  1003: 'unsupported data',
  1005: 'without a reason',
  1007: 'data that does not fit its type',
  1008: 'policy violation',
  1009: 'message too big',
  1011: 'server error',
  1012: 'service restart',
  1013: 'try again later',
};

const LONGEST_LINE = 200;

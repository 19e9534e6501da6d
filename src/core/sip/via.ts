// The Via field (RFC 3261 §20.42, RFC 3581): who sent a message, and how an answer finds back.

import { failure, type Result, success } from '../result.ts';
import { endOfListValue, listValues, sameName } from './headers.ts';
import { parseHostPort, parsePort } from './host-port.ts';
import { ipVersion, withoutBrackets } from './ip.ts';
import type { ParseError, SipMessage } from './message.ts';
import { formatParams, parseParams } from './params.ts';
import { endOfToken, skipSpace } from './scan.ts';
import { type Param, paramValue } from './uri.ts';

const SLASH = 0x2f;

export type Via = {
  /** "SIP/2.0", in the case it came. */
  readonly version: string;
  /** In upper case: UDP, TCP, TLS, WS, WSS, or whatever else. */
  readonly transport: string;
  /** An IPv6 literal keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
  readonly params: readonly Param[];
};

/** Parses one Via value. Errors: SIP_PARSE_VIA, SIP_PARSE_PARAM. */
export function parseVia(value: string): Result<Via, ParseError> {
  const text = value.trim();
  const endOfProtocol = endOfToken(text, 0);
  const version = afterSlash(text, endOfProtocol);
  const endOfVersion = endOfToken(text, version);
  const transport = afterSlash(text, endOfVersion);
  const endOfTransport = endOfToken(text, transport);
  if (endOfProtocol === 0 || endOfVersion === version || endOfTransport === transport) {
    return viaError(0);
  }
  const at = skipSpace(text, endOfTransport);
  const semicolon = text.indexOf(';', at);
  const end = semicolon === -1 ? text.length : semicolon;
  const sentBy = parseHostPort(text.slice(at, end).trimEnd());
  if (sentBy === null) return viaError(at);
  const params = parseParams(text, end);
  if (!params.ok) return params;
  return success({
    version: `${text.slice(0, endOfProtocol)}/${text.slice(version, endOfVersion)}`,
    transport: text.slice(transport, endOfTransport).toUpperCase(),
    host: sentBy.host,
    port: sentBy.port,
    params: params.value,
  });
}

/** One Via value. */
export function formatVia(via: Via): string {
  const port = via.port === null ? '' : `:${via.port}`;
  return `${via.version}/${via.transport} ${via.host}${port}${formatParams(via.params)}`;
}

/** The first Via of a message; null when there is none or it is malformed. */
export function topVia(message: SipMessage): Via | null {
  // Whoever gets an answer looks at its Via, one after another: it is parsed once.
  if (latestMessage !== message) {
    latestVia = parseTopVia(message);
    latestMessage = message;
  }
  return latestVia;
}

let latestMessage: SipMessage | null = null;
let latestVia: Via | null = null;

function parseTopVia(message: SipMessage): Via | null {
  for (const { name, value } of message.headers) {
    if (value === '' || !sameName(name, 'Via')) continue;
    const via = parseVia(value.slice(0, endOfListValue(value, 0)));
    return via.ok ? via.value : null;
  }
  return null;
}

/** How many Via values a message has. A response with more than one is not ours (RFC 3261 §8.1.3.3). */
export function viaCount(message: SipMessage): number {
  return listValues(message.headers, 'Via').length;
}

/** The branch, which names the transaction (RFC 3261 §17.1.3); null when there is none. */
export function branchOf(via: Via): string | null {
  return paramValue(via.params, 'branch');
}

/** Where the other side saw our request come from (RFC 3581 §4): an IP literal without brackets and a port. Each
 * is null when absent or not what it should be, for we would put it into our Contact. */
export function receivedAddress(via: Via): { readonly address: string | null; readonly port: number | null } {
  const received = withoutBrackets(paramValue(via.params, 'received') ?? '');
  return {
    address: ipVersion(received) === 0 ? null : received,
    port: parsePort(paramValue(via.params, 'rport') ?? ''),
  };
}

/** The offset of what follows the slash that is next after `at`; -1 without one. */
function afterSlash(text: string, at: number): number {
  const slash = skipSpace(text, at);
  return text.charCodeAt(slash) === SLASH ? skipSpace(text, slash + 1) : -1;
}

function viaError(offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_VIA', message: 'Via is malformed', offset });
}

// The Via field (RFC 3261 §20.42, RFC 3581): who sent a message, and how an answer finds back.

import { failure, type Result, success } from '../result.ts';
import { endOfListValue, listValues, sameName } from './headers.ts';
import { type HostPort, parseHostPort, parsePort } from './host-port.ts';
import { ipVersion, withoutBrackets } from './ip.ts';
import type { ParseError, SipMessage, SipResponse } from './message.ts';
import { chosenValues, formatParams, parseParams } from './params.ts';
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

/** The Via that comes back with an answer. */
export type AnsweredVia = HostPort & {
  readonly branch: string | null;
  /** RFC 6223. */
  readonly keep: string | null;
  readonly seen: SeenAddress;
};

/** Where the other side saw our request come from (RFC 3581 §4): an IP literal without brackets and a port. Each is null
 * when absent or not what it should be, for we would put it into our Contact. */
export type SeenAddress = { readonly address: string | null; readonly port: number | null };

const USUAL_PROTOCOL = 'SIP/2.0/UDP ';
const ANSWERED_PARAMS = ['branch', 'received', 'rport', 'keep'];

/** Parses one Via value. Errors: SIP_PARSE_VIA, SIP_PARSE_PARAM. */
export function parseVia(value: string): Result<Via, ParseError> {
  const text = value.trim();
  const sender = startOfSender(text);
  const end = startOfParams(text, sender);
  const sentBy = sender === -1 ? null : parseHostPort(text.slice(sender, end).trimEnd());
  if (sentBy === null) return viaError(Math.max(sender, 0));
  const params = parseParams(text, end);
  if (!params.ok) return params;
  const [name = '', version = '', transport = ''] = text.slice(0, sender).split('/');
  return success({
    version: `${name.trim()}/${version.trim()}`,
    transport: transport.trim().toUpperCase(),
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
export const topVia = ofLatest((message: SipMessage): Via | null => {
  const text = topViaText(message);
  const via = text === null ? null : parseVia(text);
  return via?.ok ? via.value : null;
});

/** What the first Via of a response says to us, who sent the request; null when there is none or it is malformed. */
export const answeredVia = ofLatest((response: SipResponse): AnsweredVia | null => {
  const text = topViaText(response)?.trim() ?? '';
  const sender = startOfSender(text);
  if (sender === -1) return null;
  const end = startOfParams(text, sender);
  const sentBy = answeredSentBy(text, sender, end);
  const values = sentBy === null ? null : chosenValues(text, end, ANSWERED_PARAMS);
  if (sentBy === null || values === null) return null;
  return {
    host: sentBy.host,
    port: sentBy.port,
    branch: values[0] ?? null,
    seen: seenAddress(values[1] ?? '', values[2] ?? ''),
    keep: values[3] ?? null,
  };
});

/** It comes back as we sent it: that of the answer before is mostly that of this one too. */
function answeredSentBy(text: string, start: number, end: number): HostPort | null {
  const isSame = end - start === latestSentBy.text.length && text.startsWith(latestSentBy.text, start);
  if (!isSame) {
    const sentBy = text.slice(start, end);
    latestSentBy = { text: sentBy, parsed: parseHostPort(sentBy.trimEnd()) };
  }
  return latestSentBy.parsed;
}

let latestSentBy: { readonly text: string; readonly parsed: HostPort | null } = { text: '', parsed: null };

function topViaText({ headers }: SipMessage): string | null {
  for (const { name, value } of headers) {
    if (value !== '' && sameName(name, 'Via')) return value.slice(0, endOfListValue(value, 0));
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

/** Where the other side saw the request come from. */
export function receivedAddress(via: Via): SeenAddress {
  return seenAddress(paramValue(via.params, 'received') ?? '', paramValue(via.params, 'rport') ?? '');
}

function seenAddress(received: string, rport: string): SeenAddress {
  const address = withoutBrackets(received);
  return { address: ipVersion(address) === 0 ? null : address, port: parsePort(rport) };
}

/** The offset of the sent-by, after the protocol; -1 when there is none. */
function startOfSender(text: string): number {
  if (text.startsWith(USUAL_PROTOCOL)) return skipSpace(text, USUAL_PROTOCOL.length);
  const endOfName = endOfToken(text, 0);
  const version = afterSlash(text, endOfName);
  const endOfVersion = endOfToken(text, version);
  const transport = afterSlash(text, endOfVersion);
  const end = endOfToken(text, transport);
  const isProtocol = endOfName > 0 && endOfVersion > version && end > transport;
  return isProtocol ? skipSpace(text, end) : -1;
}

/** The offset of the parameters after the sent-by that begins at `start`, or of the end. */
function startOfParams(text: string, start: number): number {
  const semicolon = text.indexOf(';', start);
  return semicolon === -1 ? text.length : semicolon;
}

/** The offset of what follows the slash that is next after `at`; -1 without one. */
function afterSlash(text: string, at: number): number {
  const slash = skipSpace(text, at);
  return text.charCodeAt(slash) === SLASH ? skipSpace(text, slash + 1) : -1;
}

function viaError(offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_VIA', message: 'Via is malformed', offset });
}

/** `read`, called once as long as it is asked for the same message: whoever gets one looks at it, one after another. */
function ofLatest<M extends SipMessage, T>(read: (message: M) => T): (message: M) => T {
  let latest: { readonly message: M; readonly value: T } | null = null;
  return (message) => {
    if (latest?.message !== message) latest = { message, value: read(message) };
    return latest.value;
  };
}

// The Via field (RFC 3261 §20.42, RFC 3581): who sent a message, and how an answer finds back.

import { failure, type Result, success } from '../result.ts';
import { endOfListValue, headerRows, listValues } from './headers.ts';
import { parseHostPort, parsePort } from './host-port.ts';
import { ipVersion, withoutBrackets } from './ip.ts';
import type { ParseError, SipMessage } from './message.ts';
import { formatParams, parseParams } from './params.ts';
import { endOfToken, skipSpace } from './scan.ts';
import { type Param, paramValue } from './uri.ts';

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
  const words: string[] = [];
  let at = 0;
  for (let word = 0; word < 3; word++) {
    const end = endOfToken(text, at);
    if (end === at) return viaError(at);
    words.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (word === 2) break;
    if (text[at] !== '/') return viaError(at);
    at = skipSpace(text, at + 1);
  }
  const semicolon = text.indexOf(';', at);
  const end = semicolon === -1 ? text.length : semicolon;
  const sentBy = parseHostPort(text.slice(at, end).trimEnd());
  if (sentBy === null) return viaError(at);
  const params = parseParams(text, end);
  if (!params.ok) return params;
  const [protocol = '', version = '', transport = ''] = words;
  return success({
    version: `${protocol}/${version}`,
    transport: transport.toUpperCase(),
    ...sentBy,
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
  if (latest?.message !== message) latest = { message, via: parseTopVia(message) };
  return latest.via;
}

let latest: { readonly message: SipMessage; readonly via: Via | null } | null = null;

function parseTopVia(message: SipMessage): Via | null {
  const row = headerRows(message.headers, 'Via').find((value) => value !== '');
  if (row === undefined) return null;
  const via = parseVia(row.slice(0, endOfListValue(row, 0)));
  return via.ok ? via.value : null;
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

function viaError(offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_VIA', message: 'Via is malformed', offset });
}

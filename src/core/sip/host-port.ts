// host [":" port] as URIs and Via share it (RFC 3261 §25.1, with the IPv6 grammar of RFC 5954).

import { ipVersion } from './ip.ts';

const OPEN_BRACKET = 0x5b;
const COLON = 0x3a;
/** Leading zeros are borne, within reason. */
const MAX_PORT_DIGITS = 8;

export type HostPort = {
  /** As written, without white space; an IPv6 literal keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
};

/** Splits and checks "host", "host:port", "[IPv6]" or "[IPv6]:port"; null when it is none of them. */
export function parseHostPort(text: string): HostPort | null {
  const isLiteral = text.charCodeAt(0) === OPEN_BRACKET;
  const end = isLiteral ? text.indexOf(']') + 1 : colonOrEnd(text);
  const host = isLiteral ? parseLiteral(text.slice(0, end)) : parseName(text.slice(0, end).trimEnd());
  if (host === null) return null;
  const rest = end === text.length ? '' : text.slice(end).trim();
  if (rest === '') return { host, port: null };
  const port = rest.charCodeAt(0) === COLON ? parsePort(rest.slice(1).trimStart()) : null;
  return port === null ? null : { host, port };
}

/** A port from 1 to 65535; null for anything else. */
export function parsePort(text: string): number | null {
  if (text.length > MAX_PORT_DIGITS) return null;
  let port = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return null;
    port = port * 10 + digit;
  }
  return port >= 1 && port <= 65_535 ? port : null;
}

function colonOrEnd(text: string): number {
  const colon = text.indexOf(':');
  return colon === -1 ? text.length : colon;
}

function parseLiteral(text: string): string | null {
  // RFC 5118 §4.10: ":::" comes from an old grammar; it is understood, and never sent on.
  const literal = text.replace(':::', '::');
  return ipVersion(literal.slice(1, -1)) === 6 ? literal : null;
}

/** A host name or IPv4 address. The underscore is no part of the grammar, but of many a name in use. */
function parseName(text: string): string | null {
  return /^[A-Za-z0-9._-]{1,255}$/.test(text) ? text : null;
}

// host [":" port] as URIs and Via share it (RFC 3261 §25.1, with the IPv6 grammar of RFC 5954).

import { ipVersion } from './ip.ts';

export type HostPort = {
  /** As written, without white space; an IPv6 literal keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
};

/** Splits and checks "host", "host:port", "[IPv6]" or "[IPv6]:port"; null when it is none of them. */
export function parseHostPort(text: string): HostPort | null {
  const end = text.startsWith('[') ? text.indexOf(']') + 1 : colonOrEnd(text);
  const host = text.startsWith('[')
    ? parseLiteral(text.slice(0, end))
    : parseName(text.slice(0, end).trimEnd());
  if (host === null) return null;
  const rest = text.slice(end).trim();
  if (rest === '') return { host, port: null };
  const port = rest.startsWith(':') ? parsePort(rest.slice(1).trimStart()) : null;
  return port === null ? null : { host, port };
}

/** A port from 1 to 65535; null for anything else. */
export function parsePort(text: string): number | null {
  if (!/^\d{1,8}$/.test(text)) return null;
  const port = Number(text);
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

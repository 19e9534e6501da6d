// SIP and SIPS URIs (RFC 3261 §19.1): parse and format. Components keep their escaped form, so that format gives
// back what parse took. Comparison is in uri-compare.ts; tel: and other schemes are not SIP URIs.

import { failure, type Result, success } from '../result.ts';
import { sameName } from './headers.ts';
import { parseHostPort } from './host-port.ts';
import { withoutBrackets } from './ip.ts';
import { MAX_PARAMS } from './limits.ts';
import type { ParseError } from './message.ts';
import { unquote } from './scan.ts';

/** A `;name=value` parameter of a URI or of a header value, as it stood on the wire (a quoted value keeps its quotes). */
export type Param = { readonly name: string; readonly value: string | null };

export type SipUri = {
  readonly scheme: 'sip' | 'sips';
  /** Escaped, as on the wire; null when there is no userinfo. */
  readonly user: string | null;
  readonly password: string | null;
  /** As written; an IPv6 literal keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
  readonly params: readonly Param[];
  /** What follows "?", in order. */
  readonly headers: readonly Param[];
};

const NO_PARAMS: readonly Param[] = [];

/** Anything but printable ASCII, a space, `"`, `<`, `>`, or "%" that starts no escape. Searching for what is wrong keeps
 * the search linear. */
const NO_URI_TEXT = /[^!#-;=?-~]|%(?![0-9A-Fa-f]{2})/;

/** Parses a sip: or sips: URI without angle brackets. Errors: SIP_PARSE_URI_SCHEME for any other scheme, else
 * SIP_PARSE_URI. */
export function parseUri(text: string): Result<SipUri, ParseError> {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips') {
    return failure({ code: 'SIP_PARSE_URI_SCHEME', message: 'not a sip: or sips: URI', offset: 0 });
  }
  if (NO_URI_TEXT.test(text)) return uriError('the URI has a character that must be escaped', 0);
  const at = text.indexOf('@', colon);
  const userinfo = at === -1 ? '' : text.slice(colon + 1, at);
  const passwordAt = userinfo.indexOf(':');
  const user = passwordAt === -1 ? userinfo : userinfo.slice(0, passwordAt);
  if (at !== -1 && user === '') return uriError('the user part is empty', colon + 1);
  const start = at === -1 ? colon + 1 : at + 1;
  const question = indexOrEnd(text, '?', start, text.length);
  const semicolon = indexOrEnd(text, ';', start, question);
  const params = parseParams(text, ';', semicolon, question);
  const headers = parseParams(text, '&', question, text.length);
  if (params.length > MAX_PARAMS || headers.length > MAX_PARAMS) {
    return uriError('the URI has too many parameters', 0);
  }
  const hostPort = parseHostPort(text.slice(start, semicolon));
  if (hostPort === null) return uriError('host or port is malformed', start);
  if (hasNameless(params) || hasNameless(headers) || indexOrEnd(text, '@', start, question) < question) {
    return uriError('a parameter is malformed', 0);
  }
  return success({
    scheme,
    user: at === -1 ? null : user,
    password: passwordAt === -1 ? null : userinfo.slice(passwordAt + 1),
    host: hostPort.host,
    port: hostPort.port,
    params,
    headers,
  });
}

/** The user of a text that is known to be a SIP URI, without a look at the rest; null: it has none. */
export function userOf(text: string): string | null {
  const at = text.indexOf('@');
  if (at === -1) return null;
  const userinfo = text.slice(text.indexOf(':') + 1, at);
  const passwordAt = userinfo.indexOf(':');
  return passwordAt === -1 ? userinfo : userinfo.slice(0, passwordAt);
}

/** The URI as text, without angle brackets. */
export function formatUri(uri: SipUri): string {
  const password = uri.password === null ? '' : `:${uri.password}`;
  const userinfo = uri.user === null ? '' : `${uri.user}${password}@`;
  const port = uri.port === null ? '' : `:${uri.port}`;
  let text = `${uri.scheme}:${userinfo}${uri.host}${port}`;
  for (const entry of uri.params) text += `;${formatParam(entry)}`;
  if (uri.headers.length > 0) text += `?${uri.headers.map(formatParam).join('&')}`;
  return text;
}

/** `name` or `name=value`. */
export function formatParam(entry: Param): string {
  return entry.value === null ? entry.name : `${entry.name}=${entry.value}`;
}

/** The first parameter of that name, in any case; undefined when there is none. */
export function param(params: readonly Param[], name: string): Param | undefined {
  for (const entry of params) if (sameName(entry.name, name)) return entry;
  return undefined;
}

/** The value of a header parameter, a quoted one decoded; null when it is absent or has no value. "%" is no escape
 * here (RFC 4475 §3.1.1.5); for a parameter of a URI see uriParam. */
export function paramValue(params: readonly Param[], name: string): string | null {
  const value = param(params, name)?.value ?? null;
  return value === null ? null : unquote(value);
}

/** A parameter of the URI itself, name and value unescaped (RFC 4475 §3.1.1.3); undefined when there is none. */
export function uriParam(uri: SipUri, name: string): Param | undefined {
  if (uri.params.length === 0) return undefined;
  const unescaped = uri.params.map((entry) => ({
    name: unescape(entry.name),
    value: entry.value === null ? null : unescape(entry.value),
  }));
  return param(unescaped, name);
}

/** Decodes %-escapes once, as UTF-8; "%" without two hexadecimal digits stays. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: RFC 3261 §19.1.2 has this name, and the global is obsolete.
export function unescape(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = new TextEncoder().encode(text);
  const decoded = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) : '';
    const escaped = /^[0-9A-Fa-f]{2}$/.test(hex);
    decoded[length++] = escaped ? Number.parseInt(hex, 16) : (bytes[at] ?? 0);
    if (escaped) at += 2;
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(decoded.subarray(0, length));
}

/** `text` as the user part of a URI: everything that RFC 3261 §25.1 `user` does not allow becomes an escape. */
export function escapeUser(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.!~*'()&=+$,;?/]+/g, (run) =>
    Array.from(new TextEncoder().encode(run), escapeByte).join(''),
  );
}

/** The host without the brackets of an IPv6 literal: what a resolver or a socket takes. */
export function bareHost(uri: SipUri): string {
  return withoutBrackets(uri.host);
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Where `sought` is first from `start` on, if that is before `end`; else `end`. */
function indexOrEnd(text: string, sought: string, start: number, end: number): number {
  const index = text.indexOf(sought, start);
  return index === -1 || index > end ? end : index;
}

/** The `name=value` pieces, each after a separator, from the one at `start` to `end`: MAX_PARAMS and one more at most. */
function parseParams(text: string, separator: string, start: number, end: number): readonly Param[] {
  if (start === end) return NO_PARAMS;
  const params: Param[] = [];
  for (let at = start; at < end && params.length <= MAX_PARAMS; ) {
    const next = indexOrEnd(text, separator, at + 1, end);
    const equals = indexOrEnd(text, '=', at + 1, next);
    params.push({
      name: text.slice(at + 1, equals),
      value: equals === next ? null : text.slice(equals + 1, next),
    });
    at = next;
  }
  return params;
}

function hasNameless(params: readonly Param[]): boolean {
  for (const { name } of params) if (name === '') return true;
  return false;
}

function uriError(message: string, offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_URI', message, offset });
}

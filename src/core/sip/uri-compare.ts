// When two SIP URIs are the same (RFC 3261 §19.1.4, IP literals by RFC 5954 §4.2). The relation is not transitive,
// so it makes no keys: it only answers for two URIs.

import { sameHost } from './ip.ts';
import { type Param, parseUri, type SipUri } from './uri.ts';

/** RFC 3261 §19.1.4: these never match when only one of the URIs has them, not even with their default. */
const DECISIVE_PARAMS: ReadonlySet<string> = new Set(['transport', 'user', 'ttl', 'method', 'maddr']);

/** Whether both URIs are equivalent. */
export function sameUri(a: SipUri, b: SipUri): boolean {
  return (
    a.scheme === b.scheme &&
    a.port === b.port &&
    sameUserinfo(a.user, b.user) &&
    sameUserinfo(a.password, b.password) &&
    sameHost(a.host, b.host) &&
    sameParams(a.params, b.params) &&
    sameHeaders(a.headers, b.headers)
  );
}

/** Whether both texts are SIP URIs, and the same one. */
export function sameUriText(a: string, b: string): boolean {
  const [one, other] = [parseUri(a), parseUri(b)];
  return one.ok && other.ok && sameUri(one.value, other.value);
}

/** The user part keeps its case. */
function sameUserinfo(a: string | null, b: string | null): boolean {
  return a === b || (a !== null && b !== null && withoutNeedlessEscapes(a) === withoutNeedlessEscapes(b));
}

function sameParams(a: readonly Param[], b: readonly Param[]): boolean {
  if (a.length === 0 && b.length === 0) return true;
  const left = folded(a);
  const right = folded(b);
  for (const [name, value] of left) {
    if (right.has(name) ? right.get(name) !== value : DECISIVE_PARAMS.has(name)) return false;
  }
  for (const name of right.keys()) if (!left.has(name) && DECISIVE_PARAMS.has(name)) return false;
  return true;
}

/** Names and values in lower case: parameters are compared without regard to case. */
function folded(params: readonly Param[]): ReadonlyMap<string, string | null> {
  const byName = new Map<string, string | null>();
  for (const { name, value } of params) {
    const key = withoutNeedlessEscapes(name).toLowerCase();
    if (!byName.has(key))
      byName.set(key, value === null ? null : withoutNeedlessEscapes(value).toLowerCase());
  }
  return byName;
}

/** URI headers are never ignored, and their order means nothing. */
function sameHeaders(a: readonly Param[], b: readonly Param[]): boolean {
  return a.length === b.length && (a.length === 0 || sortedHeaders(a) === sortedHeaders(b));
}

function sortedHeaders(headers: readonly Param[]): string {
  return headers
    .map(
      ({ name, value }) =>
        `${withoutNeedlessEscapes(name).toLowerCase()}=${withoutNeedlessEscapes(value ?? '')}`,
    )
    .sort()
    .join('&');
}

/** RFC 3261 §19.1.4: only the reserved characters differ from their escapes. An escaped "%" stays too, or else
 * "%2541" would become "%41". */
function withoutNeedlessEscapes(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%[0-9A-Fa-f]{2}/g, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return ';/?:@&=+$,%'.includes(character) ? code.toUpperCase() : character;
  });
}

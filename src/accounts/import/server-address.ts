// Servers as other programs name them: "sip.example.com", "sip.example.com:5061", "<sip:sip.example.com;transport=tls>";
// and the keys that the servers of one account make here.

import { bracketed, ipVersion } from '../../core/sip/ip.ts';
import { TRANSPORTS, type Transport } from '../../core/sip/transport.ts';
import { escapeUser, formatUri, parseUri, type SipUri, uriParam } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';

/** A SIP URI with or without angle brackets and a display name before them; null: it is none. */
export function parseAddress(text: string): SipUri | null {
  const parsed = parseUri(withinBrackets(text));
  return parsed.ok ? parsed.value : null;
}

/** A server, its scheme as good as there; null: it is none. */
export function parseServer(text: string): SipUri | null {
  const bare = withinBrackets(text);
  const written = ipVersion(bare) === 6 ? bracketed(bare) : bare;
  const address = parseAddress(/^sips?:/i.test(written) ? written : `sip:${written}`);
  return address === null ? null : asServer(address);
}

/** Without what only users and calls have. */
export function asServer(address: SipUri): SipUri {
  const params = address.params.filter(({ name }) => name.toLowerCase() !== 'user');
  return { ...address, user: null, password: null, params, headers: [] };
}

function withinBrackets(text: string): string {
  const open = text.indexOf('<');
  const close = text.indexOf('>', open);
  return (open === -1 || close === -1 ? text : text.slice(open + 1, close)).trim();
}

/** Seconds as digits; undefined: something else. */
export function parseSeconds(text: string): number | undefined {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

/** `registrar`, `outboundProxy` and `transport`. Proxies that are the registrar itself say only how it is reached. The
 * transport is that of the next hop, and out of the URIs unless the proxies have different ones. */
export function routingKeys(
  registrar: SipUri,
  proxies: readonly SipUri[],
): Pick<Partial<AccountEntry>, 'registrar' | 'outboundProxy' | 'transport'> {
  const isOwn = proxies.every((proxy) => isSameServer(proxy, registrar));
  const routes = isOwn ? [] : proxies;
  const hops = proxies.length === 0 ? [registrar] : proxies;
  const [transport, ...others] = new Set(hops.map((hop) => transportTo(hop, registrar)));
  const isOne = others.length === 0;
  const texts = routes.map((route) => formatUri(isOne ? withoutTransport(route) : route));
  const [only, ...more] = texts;
  const reached = (isOne ? transport : null) ?? (isOwn ? transportIn(registrar) : null);
  return {
    registrar: formatUri(withoutTransport(registrar)),
    ...(only !== undefined && { outboundProxy: more.length === 0 ? only : texts }),
    ...(reached && { transport: reached }),
  };
}

/** A sips: URI means TLS, whatever else is said (RFC 3261 §26.2.2); that of the registrar says so by itself. */
function transportTo(hop: SipUri, registrar: SipUri): Transport | null {
  const named = transportIn(hop);
  if (hop.scheme !== 'sips' || named === 'wss') return named;
  return registrar.scheme === 'sips' ? null : 'tls';
}

export function isSameServer(a: SipUri, b: SipUri): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && a.port === b.port;
}

/** `user` at the host and port of `server`. Programs put it into the URI as it is written, with its escapes if it has any. */
export function addressOfRecord(user: string, { scheme, host, port }: SipUri): string {
  const asWritten = parseUri(`${scheme}:${user}@${host}`);
  const isWritten = asWritten.ok && asWritten.value.user === user;
  return `${scheme}:${isWritten ? user : escapeUser(user)}@${host}${port === null ? '' : `:${port}`}`;
}

/** The transport of that name in any case; null for one that sipreg does not speak. */
export function transportNamed(name: string): Transport | null {
  const lower = name.toLowerCase();
  return TRANSPORTS.find((transport) => transport === lower) ?? null;
}

export function transportIn(uri: SipUri): Transport | null {
  return transportNamed(uriParam(uri, 'transport')?.value ?? '');
}

export function withoutTransport(uri: SipUri): SipUri {
  return { ...uri, params: uri.params.filter(({ name }) => name.toLowerCase() !== 'transport') };
}

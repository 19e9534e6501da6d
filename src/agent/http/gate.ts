// Who may ask: the Host header has to be one of ours, so that no web page can reach us under a name of its own (DNS
// rebinding), and where other hosts reach us a token has to be shown (RFC 6750).

import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopbackHost, type ListenAddress } from '../../accounts/listen-address.ts';
import { ipVersion, sameHost, withoutBrackets } from '../../core/sip/ip.ts';

/** Whether a Host header names this server; `hosts` are its further names. */
export function isOurHost(
  header: string | undefined,
  listen: ListenAddress,
  hosts: readonly string[],
): boolean {
  const host = hostOf(header);
  if (host === null) return false;
  if ([listen.host, ...hosts].some((name) => sameHost(name, host))) return true;
  // Both loopback addresses, and their name, are what a tunnel or a person writes.
  const listensLocally = isLoopbackHost(listen.host) || isWildcard(listen.host);
  if (listensLocally && isLoopbackHost(host)) return true;
  // Nobody can make an address theirs by DNS, and on all interfaces each address is ours.
  return isWildcard(listen.host) && ipVersion(host) !== 0;
}

/** The host of a Host header without its port, which a tunnel or a container may change; null: there is none. */
function hostOf(header: string | undefined): string | null {
  const [, host] = /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(?::\d{1,5})?$/i.exec(header ?? '') ?? [];
  return host === undefined ? null : withoutBrackets(host);
}

function isWildcard(host: string): boolean {
  return sameHost(host, '0.0.0.0') || sameHost(host, '::');
}

/** Whether an Authorization header shows `token`; how long the look takes says nothing about it. */
export function showsToken(header: string | undefined, token: string): boolean {
  const [, shown] = /^Bearer +(\S+)$/i.exec(header ?? '') ?? [];
  return shown !== undefined && timingSafeEqual(digestOf(shown), digestOf(token));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

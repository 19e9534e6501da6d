// IP literals as text and as numbers (RFC 3986 §3.2.2, RFC 5954): which version, and whether two are the same
// address. No zones: a zone means nothing to another host (RFC 4007 §11.2).

import type { SocketAddress } from './transport.ts';

const ZERO = 0x30;
const DOT = 0x2e;
/** 1.0.0.0 and 224.0.0.0: below the one and from the other on nobody can be reached. */
const FIRST_AFTER_ZERO_NET = 0x0100_0000;
const FIRST_MULTICAST = 0xe000_0000;

/** 4 or 6 for an IP literal without brackets, 0 for anything else. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (parseIpv4(text) !== -1) return 4;
  return parseIpv6(text) === null ? 0 : 6;
}

/** Whether `text` is an IP literal without brackets; a zone, as this host's own addresses may have one, is allowed. */
export function isIpLiteral(text: string): boolean {
  return ipVersion(text.split('%', 1)[0] ?? '') !== 0;
}

/** Whether somebody may be reached at the IP literal `text`: not for the unspecified address, multicast and broadcast. */
export function isUnicast(text: string): boolean {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== -1) return ipv4 >= FIRST_AFTER_ZERO_NET && ipv4 < FIRST_MULTICAST;
  const groups = parseIpv6(text);
  return groups !== null && (groups[0] ?? 0) < 0xff00 && groups.some((group) => group !== 0);
}

/** Whether two hosts, with or without brackets, are the same: IP literals as numbers (RFC 5954 §4.2), names without
 * regard to case. Escapes in a host are not decoded. */
export function sameHost(a: string, b: string): boolean {
  if (a === b) return true;
  const left = withoutBrackets(a);
  const right = withoutBrackets(b);
  const key = addressKey(left);
  return key === null ? left.toLowerCase() === right.toLowerCase() : key === addressKey(right);
}

/** The 4 or 16 octets of an IP literal without brackets, its zone left out; null for anything else. */
export function addressOctets(text: string): readonly number[] | null {
  const address = text.split('%', 1)[0] ?? '';
  const ipv4 = parseIpv4(address);
  if (ipv4 !== -1) return [ipv4 >>> 24, (ipv4 >>> 16) & 0xff, (ipv4 >>> 8) & 0xff, ipv4 & 0xff];
  return parseIpv6(address)?.flatMap((group) => [group >> 8, group & 0xff]) ?? null;
}

/** Whether both are the same address and port. */
export function sameSocketAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && sameHost(a.address, b.address);
}

/** `address` as a URI or Via writes it: IPv6 in brackets and without its zone, anything else as it is. */
export function bracketed(address: string): string {
  if (!address.includes(':') || address.startsWith('[')) return address;
  return `[${withoutZone(address)}]`;
}

/** Whether an IPv6 address is good on its own link only: fe80::/10. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** An address without the zone that a link-local one has. */
export function withoutZone(address: string): string {
  return address.split('%', 1)[0] ?? address;
}

/** "192.0.2.7:5060", "[2001:db8::7]:5060". */
export function addressText({ address, port }: SocketAddress): string {
  return `${bracketed(address)}:${port}`;
}

/** The inside of "[…]"; other text as it is. */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Equal for literals of the same address; null for anything else. */
function addressKey(text: string): number | string | null {
  const ipv4 = parseIpv4(text);
  return ipv4 === -1 ? (parseIpv6(text)?.join(':') ?? null) : ipv4;
}

/** The 32 bits of an IPv4 address as a number; -1 for anything else. */
function parseIpv4(text: string): number {
  if (text.length > 15) return -1;
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= ZERO + 9) {
      // A leading zero is refused: some systems read it as octal.
      if (octet === 0) return -1;
      octet = octet === -1 ? code - ZERO : octet * 10 + code - ZERO;
      if (octet > 255) return -1;
    } else if (code === DOT && octet !== -1) {
      dots++;
      address = address * 256 + octet;
      octet = -1;
    } else return -1;
  }
  return dots === 3 && octet !== -1 ? address * 256 + octet : -1;
}

/** The eight groups of an IPv6 address. */
function parseIpv6(text: string): readonly number[] | null {
  if (text.length > 45 || !text.includes(':')) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves[1] === undefined ? [] : parseGroups(halves[1], true);
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** Groups between colons; `last`: the address ends here, so an IPv4 address may stand for the last two. */
function parseGroups(text: string, last: boolean): readonly number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const ipv4 = last && index === parts.length - 1 ? parseIpv4(part) : -1;
    if (ipv4 !== -1) groups.push(ipv4 >>> 16, ipv4 & 0xffff);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

// Which address families this host can use towards other hosts, the better one first (RFC 6724 §2.1, RFC 7984 §4).

import os from 'node:os';
import { isLinkLocal } from '../../core/sip/ip.ts';

type Address = {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly internal: boolean;
};

/** The families of the host as its network is now; both when it has no address at all, so that the attempt tells why. */
export function familiesOfHost(): readonly (4 | 6)[] {
  return familiesOf(Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []));
}

/** The families among `addresses`: neither loopback nor link-local addresses count. */
export function familiesOf(addresses: readonly Address[]): readonly (4 | 6)[] {
  const usable = addresses.filter(({ address, internal }) => !internal && !isLinkLocal(address));
  const sixes = usable.filter(({ family }) => family === 'IPv6');
  const hasFour = usable.some(({ family }) => family === 'IPv4');
  if (usable.length === 0) return [6, 4];
  if (sixes.length === 0) return [4];
  if (!hasFour) return [6];
  // RFC 6724 §2.1: a global IPv6 address precedes IPv4, which precedes a unique local one.
  return sixes.every(({ address }) => isUniqueLocal(address)) ? [4, 6] : [6, 4];
}

/** fc00::/7 (RFC 4193) */
function isUniqueLocal(address: string): boolean {
  return /^f[cd]/i.test(address);
}

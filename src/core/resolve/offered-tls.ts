// Whether a domain offered TLS (RFC 3263 §7, R239). Records that named it and have ceased to are a sign of an attack: who can
// change an answer of DNS could bring us to speak in the open. What was offered is therefore tried first for another day,
// as if DNS still named it; so whoever takes it out of DNS gains no more than by barring its port.

import { isSecure } from '../sip/transport.ts';
import { DAY_MS, type Millis } from '../time.ts';
import type { LocatedTarget } from './server.ts';

/** The targets over TLS that a hop led to last. */
export type TlsOffer = { readonly targets: readonly LocatedTarget[]; readonly offeredAt: Millis };

/** A domain that has not offered TLS for so long has given it up. */
export const REMEMBERED_MS: Millis = DAY_MS;

/** What is remembered when `located` is what DNS says now. */
export function offerAfter(
  before: TlsOffer | null,
  located: readonly LocatedTarget[],
  now: Millis,
): TlsOffer | null {
  const targets = located.filter(isEncrypted);
  if (targets.length > 0) return { targets, offeredAt: now };
  return before !== null && now - before.offeredAt < REMEMBERED_MS ? before : null;
}

/** `located` as it is to be tried; `tlsWithdrawn`: with targets before it that DNS does not name any more. */
export function withOffer(
  located: readonly LocatedTarget[],
  offer: TlsOffer | null,
): { readonly ranked: readonly LocatedTarget[]; readonly tlsWithdrawn: boolean } {
  if (offer === null || located.some(isEncrypted)) return { ranked: located, tlsWithdrawn: false };
  return { ranked: [...offer.targets, ...located], tlsWithdrawn: true };
}

function isEncrypted({ target }: LocatedTarget): boolean {
  return isSecure(target.transport);
}

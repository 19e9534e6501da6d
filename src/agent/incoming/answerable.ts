// An account as somebody whom requests can reach: under which names, and whom it hears.

import type { IncomingSettings } from '../../accounts/plan.ts';
import type { Plan } from '../../core/registration/plan.ts';
import { isIpLiteral } from '../../core/sip/ip.ts';
import { bareHost } from '../../core/sip/uri.ts';
import type { Addressable } from '../../core/uas/addressee.ts';
import type { Acceptor } from './acceptance.ts';

export type Answerable = Addressable &
  Acceptor & { readonly name: string; readonly incoming: IncomingSettings };

/** So many addresses of one account's servers are remembered; a name seldom has more. */
const MAX_ADDRESSES = 64;

/** `addresses`: where its registrar, proxies and followed redirects are, as it is learned. */
export function answerableOf(
  plan: Plan,
  incoming: IncomingSettings,
  addresses: ReadonlySet<string>,
): Answerable {
  const { uri, user } = plan.contact;
  return {
    name: plan.account,
    aor: plan.aor,
    contactUsers: [uri === null ? user : (uri.user ?? '')].filter((name) => name !== ''),
    incoming,
    knownAddresses: () => addresses,
  };
}

/** What of an account's addresses is known before a name was looked up: those that the accounts file has. */
export function writtenAddresses({ registrar, proxies }: Plan): Set<string> {
  return new Set([registrar, ...proxies].map(bareHost).filter(isIpLiteral));
}

/** Adds what a lookup has found; the oldest leave when there are too many. */
export function rememberAddresses(known: Set<string>, found: readonly { readonly address: string }[]): void {
  for (const { address } of found) {
    known.delete(address);
    known.add(address);
  }
  for (const oldest of known) {
    if (known.size <= MAX_ADDRESSES) break;
    known.delete(oldest);
  }
}

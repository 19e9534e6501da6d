// An account as somebody whom requests can reach: under which names, and whom it hears.

import type { IncomingSettings } from '../../accounts/plan.ts';
import { oncePerObject, oncePerText } from '../../core/made-once.ts';
import { contactUser } from '../../core/registration/contact.ts';
import type { Plan, Profile } from '../../core/registration/plan.ts';
import { isIpLiteral } from '../../core/sip/ip.ts';
import { bareHost } from '../../core/sip/uri.ts';
import type { Addressable } from '../../core/uas/addressee.ts';
import type { Acceptor } from './acceptance.ts';

export type Answerable = Addressable &
  Acceptor & { readonly name: string; readonly incoming: IncomingSettings };

/** So many addresses of one account's servers are remembered; a name seldom has more. */
const MAX_ADDRESSES = 64;

/** `knownAddresses`: where its registrar, proxies and followed redirects are, as it is learned. */
export function answerableOf(
  plan: Plan,
  incoming: IncomingSettings,
  knownAddresses: () => ReadonlySet<string>,
): Answerable {
  const user = contactUser(plan);
  return {
    name: plan.account,
    aor: plan.aor,
    contactUsers: user === null ? [] : [user],
    incoming,
    knownAddresses,
  };
}

/** What of an account's addresses is known before a name was looked up: those that the accounts file has. */
export const writtenAddresses = oncePerObject(({ registrar, proxies }: Profile): ReadonlySet<string> => {
  const written = [registrar, ...proxies];
  return setOf([...new Set(written.map(bareHost).filter(isIpLiteral))]);
});

/** `known` with what a lookup has found; the oldest leave when there are too many. */
export function rememberAddresses(
  known: ReadonlySet<string>,
  found: readonly { readonly address: string }[],
): ReadonlySet<string> {
  const isOld = known.size === found.length && found.every(({ address }) => known.has(address));
  if (isOld) return known;
  const addresses = new Set(known);
  for (const { address } of found) {
    addresses.delete(address);
    addresses.add(address);
  }
  return setOf([...addresses].slice(-MAX_ADDRESSES));
}

/** Thousands of accounts have the same few servers: equal sets are one. */
function setOf(addresses: readonly string[]): ReadonlySet<string> {
  return sharedSet(addresses.join('\n'));
}

const sharedSet = oncePerText(
  (text): ReadonlySet<string> => (text === '' ? new Set() : new Set(text.split('\n'))),
);

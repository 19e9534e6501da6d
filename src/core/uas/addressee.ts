// Which account of a flow a request is for (behaviour.md §22): the one whose Contact has the Request-URI's user, else
// the one whose address-of-record is in To, else the flow's only one, because trunks put the dialled number into both.

import { sameHost } from '../sip/ip.ts';
import type { NameAddr } from '../sip/name-addr.ts';
import { parseUri, type SipUri, unescape as unescapeUser, userOf } from '../sip/uri.ts';

/** What of an account requests are addressed to. */
export type Addressable = {
  /** The users of its Contacts, escaped as in a URI. */
  readonly contactUsers: readonly string[];
  /** A SIP URI. */
  readonly aor: string;
};

/** The accounts of a flow, found by what a request says. */
export type AddressBook<A> = {
  readonly all: readonly A[];
  readonly byContactUser: ReadonlyMap<string, readonly A[]>;
  readonly byAorUser: ReadonlyMap<string, readonly A[]>;
};

export function addressBook<A extends Addressable>(all: readonly A[]): AddressBook<A> {
  return {
    all,
    byContactUser: grouped(all, ({ contactUsers }) => contactUsers),
    byAorUser: grouped(all, ({ aor }) => [userOf(aor)].filter((user) => user !== null)),
  };
}

/** The account that a request to `requestUri` is for; null: none of them is meant. */
export function addressee<A extends Addressable>(
  { all, byContactUser, byAorUser }: AddressBook<A>,
  requestUri: string,
  to: NameAddr,
): A | null {
  if (all.length === 1) return all[0] ?? null;
  const target = parseUri(requestUri);
  const wanted = parseUri(to.uri);
  const byRequest = found(byContactUser, target.ok ? target.value : null);
  const byTo = found(byAorUser, wanted.ok ? wanted.value : null);
  // Two accounts of one flow may have the same user at different domains; To says which of them.
  const meant = byRequest.length > 1 ? byRequest.filter((account) => byTo.includes(account)) : byRequest;
  const candidates = meant.length > 0 ? meant : byRequest.length > 0 ? byRequest : byTo;
  const host = wanted.ok ? wanted.value.host : '';
  return candidates.find(({ aor }) => isAt(aor, host)) ?? candidates[0] ?? null;
}

/** Whether the URI names somebody at all; pings often name a host only. */
export function namesUser(requestUri: string): boolean {
  const uri = parseUri(requestUri);
  return uri.ok && uri.value.user !== null;
}

function isAt(aor: string, host: string): boolean {
  const uri = parseUri(aor);
  return uri.ok && sameHost(uri.value.host, host);
}

function found<A>(index: ReadonlyMap<string, readonly A[]>, uri: SipUri | null): readonly A[] {
  return (uri?.user == null ? undefined : index.get(unescapeUser(uri.user))) ?? [];
}

function grouped<A>(all: readonly A[], usersOf: (account: A) => readonly string[]): Map<string, A[]> {
  const groups = new Map<string, A[]>();
  for (const account of all) {
    for (const user of new Set(usersOf(account).map(unescapeUser))) {
      const group = groups.get(user);
      if (group === undefined) groups.set(user, [account]);
      else group.push(account);
    }
  }
  return groups;
}

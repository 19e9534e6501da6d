// What a change of the network means: which flows it has left behind, because their local address is gone or the system
// would now send from another one (TCP would take minutes to notice, and UDP would never), and how it is told.

import { type Failure, failureOf } from '../core/health/verdict.ts';
import { isLinkLocal, withoutZone } from '../core/sip/ip.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import type { NetworkChange } from '../runtime/network-watch.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import { formatAddress } from '../runtime/transport/system-error.ts';
import { localAddressTowards } from '../runtime/transport/udp-probe.ts';

/** An open flow; `isBound`: its local address is configured, so that only its loss counts. */
export type OpenFlow = { readonly flow: Flow; readonly isBound: boolean };

export type LeftBehind = { readonly flow: Flow; readonly failure: Failure };

/** Those of `open` that need a successor after a change in which the addresses `gone` went. */
export async function flowsLeftBehind(
  open: Iterable<OpenFlow>,
  gone: ReadonlySet<string>,
): Promise<readonly LeftBehind[]> {
  const leftBehind: LeftBehind[] = [];
  const chosen = new Map<string, string | null>();
  for (const { flow, isBound } of open) {
    const { local, remote } = flow;
    if (gone.has(withoutZone(local.address))) leftBehind.push({ flow, failure: localGone(flow) });
    else if (!isBound) {
      // One look for each place, however many flows lead there.
      const now = chosen.get(remote.address) ?? (await chosenTowards(flow));
      chosen.set(remote.address, now);
      if (now !== null && now !== withoutZone(local.address)) {
        leftBehind.push({ flow, failure: routeChanged(flow, now) });
      }
    }
  }
  return leftBehind;
}

/** A line about `change`, for which so many registrations that waited are tried again. What happens on one link alone, as
 * with every container of a host, is for who looks closely. */
export function networkChangeNews(
  { come, gone }: NetworkChange,
  woken: number,
): { readonly severity: 'notice' | 'debug'; readonly text: string } {
  const isTold = (address: string): boolean => !isLinkLocal(address);
  const facts = [
    ...[...gone].filter(isTold).map((address) => `the address ${address} is gone`),
    ...[...come].filter(isTold).map((address) => `${address} is a new address`),
  ];
  const what = facts.length === 0 ? 'other routes or link-local addresses' : facts.join(', ');
  const retried = woken === 1 ? 'one registration that waited is' : `${woken} registrations that waited are`;
  return {
    severity: woken > 0 || facts.length > 0 ? 'notice' : 'debug',
    text: `the network of this host has changed: ${what}${woken === 0 ? '' : `; ${retried} tried again`}`,
  };
}

/** Whether whoever sends from `local` has chosen the address. */
export function isFixed(local: SocketAddress | null): boolean {
  return local !== null && local.address !== '0.0.0.0' && local.address !== '::';
}

/** Null: there is no way at the moment, so there is no better one either. */
async function chosenTowards({ remote }: Flow): Promise<string | null> {
  const address = await localAddressTowards(remote);
  return address.ok ? withoutZone(address.value) : null;
}

function localGone({ local, remote }: Flow): Failure {
  const cause = `the address ${local.address}, from which ${formatAddress(remote)} was reached, is gone from this host`;
  return failureOf('connect.local-gone', cause);
}

function routeChanged({ local, remote }: Flow, now: string): Failure {
  const cause = `${formatAddress(remote)} is now reached from ${now}, no longer from ${local.address}`;
  return failureOf('connect.route-changed', cause);
}

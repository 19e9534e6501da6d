// Notices that an address of this host came or went, or that its routes changed, within seconds. It looks again and
// again; a netlink socket would need native code. What is there for one look only is not told: a link that is
// plugged in anew, or roams, is back with the next.

import { closeSync, openSync, readSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { isLinkLocal } from '../core/sip/ip.ts';
import { onPulse } from './pulse.ts';

/** What is there now and was not at the last call, and the other way round (addresses of IPv6 without zone). */
export type NetworkChange = {
  readonly come: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
  /** By a new route, or an address that is good beyond its own link: what could not be reached may be now. */
  readonly leadsFurther: boolean;
};

/** What is looked at, and when. */
export type NetworkSource = {
  /** Null: they cannot be read at the moment. */
  readonly addresses: () => ReadonlySet<string> | null;
  /** A line for each. */
  readonly routes: () => string;
  /** Calls `beat` again and again until the returned function is called. */
  readonly onPulse: (beat: () => void) => () => void;
};

type Network = { readonly addresses: ReadonlySet<string>; readonly routes: string };

const SYSTEM: NetworkSource = { addresses: localAddresses, routes: routingTable, onPulse };

/** One look in so many beats of the pulse. */
const BEATS_PER_LOOK = 2;

/** Tells every change that lasts for two looks, until `stop`. */
export function watchNetwork(
  changed: (change: NetworkChange) => void,
  source: NetworkSource = SYSTEM,
): { readonly stop: () => void } {
  let known: Network = { addresses: source.addresses() ?? new Set(), routes: source.routes() };
  let before = known;
  let beats = 0;
  const look = (): void => {
    const addresses = source.addresses();
    if (addresses === null) return;
    const now = { addresses, routes: source.routes() };
    const gone = [...known.addresses].filter((one) => !now.addresses.has(one) && !before.addresses.has(one));
    const come = [...now.addresses].filter((one) => before.addresses.has(one) && !known.addresses.has(one));
    const routes = now.routes === before.routes ? now.routes : known.routes;
    before = now;
    if (gone.length === 0 && come.length === 0 && routes === known.routes) return;
    const lost = new Set(gone);
    const kept = [...known.addresses].filter((one) => !lost.has(one));
    const leadsFurther = hasNewRoute(known.routes, routes) || !come.every(isLinkLocal);
    known = { addresses: new Set([...kept, ...come]), routes };
    changed({ come: new Set(come), gone: lost, leadsFurther });
  };
  const stop = source.onPulse(() => {
    beats += 1;
    if (beats % BEATS_PER_LOOK === 0) look();
  });
  return { stop };
}

function hasNewRoute(before: string, now: string): boolean {
  const known = new Set(before.split('\n'));
  return now.split('\n').some((route) => !known.has(route));
}

/** The addresses of all interfaces that are up and have a link. */
function localAddresses(): ReadonlySet<string> | null {
  try {
    const interfaces = Object.values(networkInterfaces());
    return new Set(interfaces.flatMap((rows) => (rows ?? []).map(({ address }) => address)));
  } catch {
    // It takes a file descriptor, and there may be none left: the next look will do.
    return null;
  }
}

/** Linux: what leads where, without the counters of use. Elsewhere nothing: then only addresses are watched. */
function routingTable(): string {
  if (process.platform !== 'linux') return '';
  return [
    ...columnsOf('/proc/net/route', ROUTE_COLUMNS),
    ...columnsOf('/proc/net/ipv6_route', IPV6_ROUTE_COLUMNS).filter((route) => !WITHIN_A_LINK.test(route)),
  ].join('\n');
}

/** The named columns of each row. A router's table may be endless; its beginning has to do. */
function columnsOf(path: string, columns: readonly number[]): readonly string[] {
  const rows = beginningOf(path)
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.map((row) => columns.map((column) => row[column]).join(' '));
}

function beginningOf(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // A system without IPv6, or a container without /proc: there is nothing to see.
    return '';
  }
  try {
    const bytes = new Uint8Array(MAX_TABLE_BYTES);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

const MAX_TABLE_BYTES = 64 * 1024;
/** Interface, destination, gateway, flags, metric, mask. */
const ROUTE_COLUMNS = [0, 1, 2, 3, 6, 7];
/** Destination and its prefix, next hop, metric, interface; the flags change with use. */
const IPV6_ROUTE_COLUMNS = [0, 1, 4, 5, 9];
/** To fe80::/10 and ff00::/8: each interface has some, so they come and go with every container of a host. */
const WITHIN_A_LINK = /^(fe[89ab]|ff)/;

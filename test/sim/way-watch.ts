// Whether requests would reach the agent at the Contacts that it has registered, through a NAT that forgets, and whether
// it has come back to the place that DNS prefers.

import { parseUri } from '../../src/core/sip/uri.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Hosts } from './hosts.ts';
import type { Link } from './link.ts';
import type { SimAccount, SimFlow } from './sim-account.ts';
import { Violation } from './violation.ts';
import type { Signposts } from './zone.ts';

type Surroundings = {
  readonly link: Link;
  readonly hosts: Hosts;
  readonly signposts: Signposts;
  readonly process: () => AgentProcess | null;
};

export function createWayWatch({ link, hosts, signposts, process }: Surroundings) {
  const isOpen = ({ connection, local }: SimFlow, contact: string): boolean => {
    const uri = parseUri(contact);
    if (!uri.ok || uri.value.port === null) return false;
    const leadsTo = link.leadsTo({ address: uri.value.host, port: uri.value.port });
    return leadsTo === local.port && (connection === null || connection.isOpenThere);
  };
  /** Who notices a dead way by its keep-alives; over plain UDP only the next REGISTER does (behaviour.md §16). */
  const isWatched = ({ connection, isProven }: SimFlow, { lifecycle, boundAt }: SimAccount): boolean =>
    lifecycle.registration.outbound === 'active' ||
    (connection === null ? link.reboundAt() < boundAt : isProven);
  return {
    checkOpen: (what: string): void => {
      for (const account of process()?.accounts ?? []) {
        const { state, registration } = account.lifecycle;
        const { flow: current, boundContact } = registration;
        if (state !== 'registered' || current === null || boundContact === null) continue;
        const flow = process()?.flows.byId(current.id);
        if (flow === undefined) throw new Violation('the way in is open', `${account.id} has a closed flow`);
        if (!isWatched(flow, account) || isOpen(flow, boundContact)) continue;
        const text = `${account.id} after ${what}: ${boundContact} does not lead to port ${flow.local.port}`;
        throw new Violation('the way in is open', text);
      }
    },
    /** behaviour.md §12: the agent goes back to the preferred target after a quiet period. */
    checkPreferred: (): void => {
      if (signposts !== 'srv' && signposts !== 'naptr') return;
      const wanted = hosts.hosts[0]?.address;
      for (const { id, lifecycle } of process()?.accounts ?? []) {
        const { target, way } = lifecycle.registration;
        const isBest = target?.address === wanted && (signposts === 'srv' || target?.transport === 'tls');
        if (isBest || target === null) continue;
        const text = `${id} is at ${target.address} over ${target.transport}, not at ${wanted} (return at ${way.detour?.returnAt})`;
        throw new Violation('the detour ends', text);
      }
    },
  };
}

// A locator on a clock that the test moves, and a DNS server whose zone the test may change.

import type { Hop } from '../../../src/core/resolve/hop.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { createLocator, type Location, type Locator } from '../../../src/runtime/dns/locator.ts';
import { type DnsZone, startDnsServer } from '../../support/dns-server.ts';

export type Zone = Record<string, DnsZone[string]>;

export async function openScene(zone: Zone) {
  const server = await startDnsServer(zone);
  const { locator, clock } = locatorOnClock();
  return {
    locator,
    clock,
    server,
    zone,
    /** What was asked since the last time. */
    asked: (): readonly string[] => (server.asked as string[]).splice(0).sort(),
    locate: async (parts: Partial<Hop> = {}): Promise<Location> =>
      locator.locate(hopTo(parts), [server.address]),
    end: async (): Promise<void> => {
      locator.stop();
      await server.stop();
    },
  };
}

export function locatorOnClock(): { readonly locator: Locator; readonly clock: { now: number } } {
  const clock = { now: 1_000 };
  return { locator: createLocator({ rng: seededRng(1), now: () => clock.now }), clock };
}

/** example.com by UDP, with what `parts` changes. */
export function hopTo(parts: Partial<Hop>): Hop {
  const host = 'example.com';
  return { host, port: null, transport: 'udp', secure: false, domain: host, ...parts };
}

/** The targets as "transport address:port"; the code of the failure when there are none. */
export function places(location: Location): readonly string[] | string {
  if (!location.ok) return location.failure.code;
  return location.located.map(({ target }) => `${target.transport} ${target.address}:${target.port}`);
}

/** A provider on loopback, as every address of a test. */
export function provider(ttl = 60): Zone {
  return {
    'example.com': { naptr: [[10, 10, 'SIP+D2U', '_sip._udp.example.com']], a: ['127.0.0.80'] },
    '_sip._udp.example.com': {
      srv: [
        [10, 0, 5070, 'a.example.com'],
        [20, 0, 5071, 'b.example.com'],
      ],
    },
    'a.example.com': { a: ['127.0.0.1'], ttl },
    'b.example.com': { a: ['127.0.0.2'], aaaa: ['::1'], ttl },
  };
}

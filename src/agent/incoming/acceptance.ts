// Whom to believe (interface.md, `acceptFrom`): requests come from the flow's peer, from an address that the registrar
// or a proxy of the account resolved to, or, if the operator wants so, from anybody. And how many of them: each source
// has a token bucket, so that no flood of one costs more than it may. Responses that make us send something are believed
// from servers of the account only.

import type { IncomingSettings } from '../../accounts/plan.ts';
import { setBounded } from '../../core/bounded-map.ts';
import { admit, type Bucket, type Pace } from '../../core/pacing/token-bucket.ts';
import { sameHost, withoutZone } from '../../core/sip/ip.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import type { Flow } from '../../runtime/transport/flow.ts';

/** What of an account decides whom it hears. */
export type Acceptor = {
  readonly incoming: Pick<IncomingSettings, 'acceptFrom'>;
  /** Where its registrar, proxies and followed redirects are: IP literals as the system writes them. */
  readonly knownAddresses: () => ReadonlySet<string>;
};

/** `known`: a server of the account. `stranger`: heard because the operator wants so. `refused`: not heard. */
export type Standing = 'known' | 'stranger' | 'refused';

/** Bounded: how many requests each source may have answered. */
export type SourceRates = {
  /** Whether one more request of `address` may be answered now; counts it. */
  readonly allow: (address: string, standing: Standing, now: Millis) => boolean;
};

/** Far more than a registrar needs that pings thousands of accounts; bounded, so that one cannot take all the time. */
const KNOWN_PACE: Pace = { perSecond: 20_000, burst: 20_000 };
/** What a stranger can make us send to an address that is perhaps not his. */
const STRANGER_PACE: Pace = { perSecond: 50, burst: 200 };
const MAX_SOURCES = 4_096;

/** How the account that is meant, or all that may be, stand to the source of a request that came over `flow`. */
export function standingOf(acceptors: readonly Acceptor[], flow: Flow, source: SocketAddress): Standing {
  if (acceptors.length === 0) return 'refused';
  if (isSameAddress(source.address, flow.remote.address)) return 'known';
  let standing: Standing = 'refused';
  for (const { incoming, knownAddresses } of acceptors) {
    if (incoming.acceptFrom !== 'peer' && knownAddresses().has(source.address)) return 'known';
    if (incoming.acceptFrom === 'any') standing = 'stranger';
  }
  return standing;
}

/** What of an account decides whose responses it follows. */
export type Asker = {
  readonly setup: Pick<Acceptor, 'incoming'>;
  readonly addresses: ReadonlySet<string>;
};

/**
 * Why a response of `source` to a REGISTER is not followed, as a sentence; null: it is. behaviour.md §22: a challenge or a
 * redirection counts only when it comes from a server of the account, or else credentials could be shown to a stranger.
 */
export function doubtAbout(
  { setup, addresses }: Asker,
  flow: Flow,
  status: number,
  source: SocketAddress,
): string | null {
  const asksForMore = status === 401 || status === 407 || (status >= 300 && status < 400);
  if (!asksForMore) return null;
  const server = { incoming: setup.incoming, knownAddresses: () => addresses };
  if (standingOf([server], flow, source) === 'known') return null;
  return `a ${status} came from ${source.address}, which is no address of the registrar: it is not followed`;
}

/** Rates of which nothing is used up. */
export function createSourceRates(): SourceRates {
  const buckets = new Map<string, Bucket>();
  return {
    allow: (address, standing, now) => {
      const { at, bucket } = admit(
        buckets.get(address),
        standing === 'known' ? KNOWN_PACE : STRANGER_PACE,
        now,
      );
      if (at > now) return false;
      // A source whose bucket is forgotten begins with a full one, which is what a quiet time would have given it.
      setBounded(buckets, address, bucket, MAX_SOURCES);
      return true;
    },
  };
}

/** IP literals as numbers, without the zone that a link-local source has. */
function isSameAddress(a: string, b: string): boolean {
  return a === b || sameHost(withoutZone(a), withoutZone(b));
}

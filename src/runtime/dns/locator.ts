// From the next hop of a request to the targets that it may go to, for all accounts of a process: asks what the core
// wants to know (core/resolve/location.ts), puts targets that failed lately last, and comes back to the last good
// targets while DNS fails, and to those with TLS when it names none any more.

import { setBounded } from '../../core/bounded-map.ts';
import type { Failure } from '../../core/health/verdict.ts';
import type { Hop } from '../../core/resolve/hop.ts';
import type { LocationEnv } from '../../core/resolve/location.ts';
import { isTemporary } from '../../core/resolve/location-failure.ts';
import { offerAfter, type TlsOffer, withOffer } from '../../core/resolve/offered-tls.ts';
import type { Answers } from '../../core/resolve/question.ts';
import type { LocatedTarget } from '../../core/resolve/server.ts';
import {
  healthiestFirst,
  NO_FAILED_TARGETS,
  type TargetHealth,
  targetFailed,
  targetServed,
} from '../../core/resolve/target-health.ts';
import type { Result } from '../../core/result.ts';
import type { Rng } from '../../core/rng.ts';
import type { Target } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import { createSharedAnswers, type SharedAnswers } from './answers.ts';
import { createAsker } from './asker.ts';
import { familiesOfHost } from './host-families.ts';
import { createLocalNames } from './local-names.ts';
import { askUntilLocated, locatedFromMemory } from './questioning.ts';

export type Location =
  | {
      readonly ok: true;
      /** In the order in which they are tried, at least one, each with the records that led to it. */
      readonly located: readonly LocatedTarget[];
      /** Until then the best of them stands back, because it failed lately (target-health.ts); null: it comes first. */
      readonly deferredUntil: Millis | null;
      /** DNS failed in this way, and these are the last good targets; null: DNS has just said so. */
      readonly stale: Failure | null;
      /** DNS names no target with TLS any more: those that it named are among these (offered-tls.ts). */
      readonly tlsWithdrawn: boolean;
    }
  | { readonly ok: false; readonly failure: Failure };

export type Locator = {
  /** Where `hop` leads, at once when nobody has to be asked. `servers`: DNS servers of the account's own
   * ("127.0.0.1:5353"); none: the system's. */
  readonly locate: (hop: Hop, servers: readonly string[]) => Location | Promise<Location>;
  /** The target did not serve a request: 503, a transport error, or no answer. `retryAfterSeconds`: it said so. */
  readonly noteFailed: (target: Target, retryAfterSeconds: number | null) => void;
  /** The target answered: what was before is forgotten. */
  readonly noteServed: (target: Target) => void;
  /** Addresses or DNS servers of this host changed: everything is asked anew. The last good targets stay. */
  readonly networkChanged: () => void;
  /** Gives up what is under way; nothing is asked any more. */
  readonly stop: () => void;
};

/** Those that an account's names are asked of, with what they have answered. */
type Servers = { readonly shared: SharedAnswers; readonly env: LocationEnv };

export type LocatorOptions = {
  readonly rng: Rng;
  readonly now: () => Millis;
};

/** What DNS has said of a hop. */
type Remembered = { readonly located: readonly LocatedTarget[]; readonly tls: TlsOffer | null };

/** The families of the host are looked at no more often than this. */
const FAMILIES_FOR_MS: Millis = 1_000;
/** The last good targets of more hops are not remembered; the oldest are forgotten first. */
const MAX_REMEMBERED_HOPS = 1024;

export function createLocator({ rng, now }: LocatorOptions): Locator {
  const localNames = createLocalNames(now);
  const families = createFamilies(now);
  const known = new Map<string, Servers>();
  const lastGood = new Map<string, Remembered>();
  let health: TargetHealth = NO_FAILED_TARGETS;
  let isStopped = false;

  const serversOf = (servers: readonly string[]): Servers => {
    const key = servers.join(' ');
    const before = known.get(key);
    if (before !== undefined) return before;
    const shared = createSharedAnswers(createAsker(servers, localNames), now);
    if (isStopped) shared.stop();
    const env: LocationEnv = {
      rng,
      asked: servers.length === 0 ? "the system's resolver" : servers.join(', '),
      // Looked at when a name has led to addresses: an address needs none of it.
      get families() {
        return families.current();
      },
    };
    const fresh = { shared, env };
    known.set(key, fresh);
    return fresh;
  };
  const remember = (key: string, known: Remembered): void => {
    lastGood.delete(key);
    setBounded(lastGood, key, known, MAX_REMEMBERED_HOPS);
  };
  const inOrder = ({ located, tls }: Remembered, stale: Failure | null): Location => {
    const { ranked, tlsWithdrawn } = withOffer(located, tls);
    const { ordered, deferredUntil } = healthiestFirst(health, ranked, now());
    return { ok: true, located: ordered, deferredUntil, stale, tlsWithdrawn };
  };
  const conclude = (key: string, found: Result<readonly LocatedTarget[], Failure>): Location => {
    const remembered = lastGood.get(key);
    if (found.ok) {
      const known = { located: found.value, tls: offerAfter(remembered?.tls ?? null, found.value, now()) };
      remember(key, known);
      return inOrder(known, null);
    }
    // RFC 3263 knows no such case; behaviour.md §12: a "no" counts, silence does not.
    if (remembered !== undefined && isTemporary(found.error)) return inOrder(remembered, found.error);
    return { ok: false, failure: found.error };
  };
  return {
    locate(hop, servers) {
      const { shared, env } = serversOf(servers);
      // Thousands of accounts ask for the same few hops: what is known costs them no promise.
      const found = locatedFromMemory(hop, shared.known, env);
      if (found?.isGiven && found.located.ok)
        return inOrder({ located: found.located.value, tls: null }, null);
      const key = hopKey(hop, servers);
      return found === null
        ? ask(hop, shared, env).then((located) => conclude(key, located))
        : conclude(key, found.located);
    },
    noteFailed(target, retryAfterSeconds) {
      health = targetFailed(health, target, now(), (retryAfterSeconds ?? 0) * 1000);
    },
    noteServed(target) {
      health = targetServed(health, target);
    },
    networkChanged() {
      families.forget();
      for (const { shared } of known.values()) shared.forget();
    },
    stop() {
      isStopped = true;
      for (const { shared } of known.values()) shared.stop();
    },
  };
}

/** The targets of `hop` by shared answers. */
async function ask(
  hop: Hop,
  shared: SharedAnswers,
  env: LocationEnv,
): Promise<Result<readonly LocatedTarget[], Failure>> {
  const { located, answers } = await askUntilLocated(hop, shared.answer, env);
  limitAnswers(answers, shared);
  return located;
}

/** NAPTR and SRV records live as long as the addresses that they led to. */
function limitAnswers(known: Answers, shared: SharedAnswers): void {
  const ttls = [...known.A.values(), ...known.AAAA.values()].flatMap((answer) =>
    answer.type === 'records' && answer.ttlSeconds !== null ? [answer.ttlSeconds] : [],
  );
  const ttlSeconds = ttls.length === 0 ? null : Math.min(...ttls);
  for (const type of ['NAPTR', 'SRV'] as const) {
    for (const name of known[type].keys()) shared.limit({ type, name }, ttlSeconds);
  }
}

function createFamilies(now: () => Millis) {
  let families: readonly (4 | 6)[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    current(): readonly (4 | 6)[] {
      if (now() - lookedAt >= FAMILIES_FOR_MS) {
        lookedAt = now();
        families = familiesOfHost();
      }
      return families;
    },
    forget(): void {
      lookedAt = Number.NEGATIVE_INFINITY;
    },
  };
}

function hopKey({ host, port, transport, secure, resource }: Hop, servers: readonly string[]): string {
  return JSON.stringify([host, port, transport, secure, resource, servers]);
}

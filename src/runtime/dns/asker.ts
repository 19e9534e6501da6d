// Asks one question of DNS, of an account's own servers or the way the system does it (/etc/hosts and nsswitch for
// addresses). Own servers mean just these, as with dig: of what this host knows by itself only "localhost" stands before
// them. Remembers nothing: answers.ts shares and keeps. c-ares reads resolv.conf when a Resolver is made, so a new one is
// made after a burst of silence and when the network changes.

import type dns from 'node:dns';
import type { Answer, Question, QuestionType } from '../../core/resolve/question.ts';
import type { Millis } from '../../core/time.ts';
import {
  addressAnswer,
  answerOfError,
  type DnsError,
  naptrAnswer,
  srvAnswer,
  systemAddressAnswer,
} from './answer.ts';
import type { LocalNames } from './local-names.ts';

export type Asker = {
  readonly ask: (question: Question) => Promise<Answer>;
  /** Begins afresh with the servers that the system has now; what is under way goes on. */
  readonly renew: () => void;
  /** Gives up what is under way; it comes to an end as unanswered. */
  readonly stop: () => void;
};

type Ask = { readonly [T in QuestionType]: (name: string) => Promise<Answer<T>> };

const QUERY_TIMEOUT_MS: Millis = 1_500;
const QUERY_TRIES = 2;
/** getaddrinfo has no limit in time of its own that we could set. */
const SYSTEM_TIMEOUT_MS: Millis = 10_000;
/** So many questions in a row without an answer are a burst. */
const BURST = 3;

/** Asks `servers` ("192.0.2.53", "127.0.0.1:5353", "[::1]:5353"); without any, the system. */
export function createAsker(servers: readonly string[], localNames: LocalNames): Asker {
  const resolvers = createResolvers(servers);
  const system = askSystem(resolvers, localNames);
  const own = servers.length === 0 ? system : askServers(resolvers);
  return {
    async ask({ type, name }) {
      const ask = isLocalhost(hostOf(name)) ? system : own;
      const answer = await ask[type](name).catch((error: DnsError) => answerOfError(error));
      resolvers.note(answer);
      return answer;
    },
    renew: resolvers.renew,
    stop: resolvers.stop,
  };
}

function askServers({ query }: Resolvers): Ask {
  return {
    NAPTR: async (name) => naptrAnswer(await query((resolver) => resolver.resolveNaptr(name))),
    SRV: async (name) => srvAnswer(await query((resolver) => resolver.resolveSrv(name))),
    A: async (name) => addressAnswer(await query((resolver) => resolver.resolve4(name, { ttl: true }))),
    AAAA: async (name) => addressAnswer(await query((resolver) => resolver.resolve6(name, { ttl: true }))),
  };
}

function askSystem(resolvers: Resolvers, localNames: LocalNames): Ask {
  const { NAPTR, SRV } = askServers(resolvers);
  /** Lookups under way: one brings the addresses of both families. */
  const lookups = new Map<string, Promise<readonly dns.LookupAddress[]>>();
  const lookUp = async (name: string, family: 4 | 6): Promise<Answer<'A' | 'AAAA'>> => {
    let lookup = lookups.get(name);
    if (lookup === undefined) {
      resolvers.assertAsking();
      lookup = systemLookup(name).finally(() => lookups.delete(name));
      lookups.set(name, lookup);
    }
    const found = await lookup;
    return systemAddressAnswer(found.filter((one) => one.family === family).map(({ address }) => address));
  };
  const unlessLocal = async <T extends QuestionType>(
    name: string,
    ask: (name: string) => Promise<Answer<T>>,
  ): Promise<Answer<T>> => ((await localNames.has(hostOf(name))) ? { type: 'noSuchType' } : await ask(name));
  return {
    NAPTR: (name) => unlessLocal(name, NAPTR),
    SRV: (name) => unlessLocal(name, SRV),
    A: (name) => lookUp(name, 4),
    AAAA: (name) => lookUp(name, 6),
  };
}

async function systemLookup(name: string): Promise<readonly dns.LookupAddress[]> {
  const { lookup } = await import('node:dns');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' }));
    }, SYSTEM_TIMEOUT_MS);
    lookup(name, { all: true, verbatim: true }, (error, found) => {
      clearTimeout(timer);
      if (error === null) resolve(found);
      else reject(error);
    });
  });
}

/** The name of a host in that of a service: "_sip._udp.example.com" is about "example.com". */
function hostOf(name: string): string {
  return name.replace(/^(?:_[^.]*\.)*/, '');
}

/** RFC 6761 §6.3: this host, whatever a DNS server would say. */
function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

type Resolver = dns.promises.Resolver;
type Resolvers = ReturnType<typeof createResolvers>;

/** The resolver in use, replaced when nobody answers. */
function createResolvers(servers: readonly string[]) {
  let current: Resolver | null = null;
  let silences = 0;
  let isStopped = false;
  const underWay = new Set<{ readonly resolver: Resolver }>();

  /** Throws when one of the servers is no address. */
  const resolverNow = (Resolver: typeof dns.promises.Resolver): Resolver => {
    if (current !== null) return current;
    const fresh = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
    if (servers.length > 0) fresh.setServers(servers);
    current = fresh;
    return fresh;
  };
  const renew = (): void => {
    current = null;
    silences = 0;
  };
  /** Throws after `stop`, in the resolver's own words. */
  const assertAsking = (): void => {
    if (isStopped) throw Object.assign(new Error('DNS is not asked any more'), { code: 'ECANCELLED' });
  };
  return {
    assertAsking,
    renew,
    /** Rejects with the resolver's error. */
    async query<R>(ask: (resolver: Resolver) => Promise<R>): Promise<R> {
      // Loaded when something is asked: whoever goes to an address does without.
      const { Resolver } = (await import('node:dns')).promises;
      assertAsking();
      const query = { resolver: resolverNow(Resolver) };
      underWay.add(query);
      try {
        return await ask(query.resolver);
      } finally {
        underWay.delete(query);
      }
    },
    note(answer: Answer): void {
      silences = answer.type === 'unanswered' ? silences + 1 : 0;
      if (silences >= BURST) renew();
    },
    stop(): void {
      isStopped = true;
      for (const { resolver } of underWay) resolver.cancel();
    },
  };
}

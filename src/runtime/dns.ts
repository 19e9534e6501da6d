// From a host name to addresses (A and AAAA), as the end of RFC 3263. Without servers of its own an account is
// resolved the way the system does it, /etc/hosts included; with servers only they are asked. NAPTR and SRV are
// another step and not here.

import dns from 'node:dns';
import os from 'node:os';
import { type Failure, failureOf, type VerdictCode } from '../core/health/verdict.ts';
import { failure, type Result, success } from '../core/result.ts';
import { isIpLiteral } from '../core/sip/ip.ts';

export type DnsSettings = {
  /** Addresses, with a port where it is not 53 ("127.0.0.1:5353", "[::1]:5353"); empty: the system's. */
  readonly servers: readonly string[];
};

type DnsError = NodeJS.ErrnoException;
type Answer = Result<readonly string[], DnsError>;

/** The addresses of `host` in the order to try them; at least one. An IP literal is its own address. */
export async function resolveAddresses(
  host: string,
  settings: DnsSettings,
): Promise<Result<readonly string[], Failure>> {
  const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIpLiteral(literal)) return success([literal]);
  const answer =
    settings.servers.length === 0 ? await askSystem(host) : await askServers(host, settings.servers);
  if (!answer.ok) return failure(verdictOf(answer.error, host, settings.servers));
  const addresses = [...new Set(answer.value)].slice(0, MAX_ADDRESSES);
  return success(usableFirst(addresses, familiesOfHost()));
}

/** Stable: addresses of a family that this host has no address of come last (but loopback is always there). */
export function usableFirst(addresses: readonly string[], families: ReadonlySet<4 | 6>): readonly string[] {
  const isUsable = (address: string): boolean =>
    families.has(address.includes(':') ? 6 : 4) || address === '::1' || address.startsWith('127.');
  return [...addresses.filter(isUsable), ...addresses.filter((address) => !isUsable(address))];
}

function familiesOfHost(): ReadonlySet<4 | 6> {
  const families = new Set<4 | 6>();
  for (const addresses of Object.values(os.networkInterfaces())) {
    for (const { address, family, internal } of addresses ?? []) {
      if (internal || address.startsWith('fe80:')) continue;
      families.add(family === 'IPv6' ? 6 : 4);
    }
  }
  return families;
}

/** getaddrinfo; it has no limit in time of its own that we could set. */
function askSystem(host: string): Promise<Answer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(failure(Object.assign(new Error('no answer in time'), { code: dns.TIMEOUT })));
    }, SYSTEM_TIMEOUT_MS);
    dns.lookup(host, { all: true, verbatim: true }, (error, found) => {
      clearTimeout(timer);
      resolve(error === null ? success(found.map(({ address }) => address)) : failure(error));
    });
  });
}

/** Both families at once; IPv6 first, as RFC 6724 prefers it. One family with addresses is enough. */
async function askServers(host: string, servers: readonly string[]): Promise<Answer> {
  const resolver = new dns.promises.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  try {
    resolver.setServers(servers);
  } catch (error) {
    return failure(error as DnsError);
  }
  const answers = await Promise.all([settled(resolver.resolve6(host)), settled(resolver.resolve4(host))]);
  const addresses = answers.flatMap((answer) => (answer.ok ? answer.value : []));
  if (addresses.length > 0) return success(addresses);
  const errors = answers.flatMap((answer) => (answer.ok ? [] : [answer.error]));
  // "No address of this family" says least: a time-out or an error of the other family leaves the matter open.
  return failure(errors.find(({ code }) => code !== dns.NODATA) ?? errors[0] ?? noData());
}

async function settled(query: Promise<readonly string[]>): Promise<Answer> {
  try {
    return success(await query);
  } catch (error) {
    return failure(error as DnsError);
  }
}

function noData(): DnsError {
  return Object.assign(new Error('no addresses'), { code: dns.NODATA });
}

function verdictOf(error: DnsError, host: string, servers: readonly string[]): Failure {
  const asked = servers.length === 0 ? "the system's resolver" : servers.join(', ');
  const code = codeOf(error);
  const words: Partial<Record<VerdictCode, string>> = {
    'dns.no-such-name': `${asked} says that there is no name "${host}"`,
    'dns.no-address': `"${host}" exists, but has neither an A nor an AAAA record (asked: ${asked})`,
    'dns.timeout': `${asked} did not answer for "${host}" (${error.code})`,
  };
  return failureOf(code, words[code] ?? `${asked} cannot resolve "${host}" (${error.code ?? error.message})`);
}

function codeOf({ code, errno }: DnsError): VerdictCode {
  // Node calls both outcomes of getaddrinfo ENOTFOUND; the number keeps them apart.
  if (code === dns.NODATA || errno === EAI_NODATA) return 'dns.no-address';
  if (code === dns.NOTFOUND) return 'dns.no-such-name';
  if (code === dns.TIMEOUT || code === dns.CONNREFUSED || code === 'EAI_AGAIN') return 'dns.timeout';
  return 'dns.failed';
}

const EAI_NODATA = -3007;
const SYSTEM_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 1_500;
const QUERY_TRIES = 2;
const MAX_ADDRESSES = 64;

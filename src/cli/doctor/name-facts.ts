// From the account's next hops to targets, with everything that DNS says on the way (RFC 3263), and from which address of
// this host each address can be reached. The rules are the agent's own; only what was answered is kept and told.

import dns from 'node:dns';
import type { PreparedAccount } from '../../agent/managed-registration.ts';
import { rememberAccount } from '../../agent/one-shot.ts';
import { printable } from '../../core/health/evidence.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import type { Plan } from '../../core/registration/plan.ts';
import { startRound } from '../../core/registration/round.ts';
import type { Hop } from '../../core/resolve/hop.ts';
import type { Answer, Answers, Question, QuestionType } from '../../core/resolve/question.ts';
import type { LocatedTarget } from '../../core/resolve/server.ts';
import { ipVersion } from '../../core/sip/ip.ts';
import type { Target } from '../../core/sip/transport.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { createAsker } from '../../runtime/dns/asker.ts';
import { familiesOfHost } from '../../runtime/dns/host-families.ts';
import { createLocalNames } from '../../runtime/dns/local-names.ts';
import { askUntilLocated } from '../../runtime/dns/questioning.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { nodeHash } from '../../runtime/hash.ts';
import { formatAddress, type SystemError } from '../../runtime/transport/system-error.ts';
import { localAddressTowards } from '../../runtime/transport/udp-probe.ts';
import { type Fact, type FactCode, fail, ok, warn } from './fact.ts';

/** Where one flow of the account goes first. */
export type FirstHop = { readonly plan: Plan; readonly hop: Hop };

export type Naming = { readonly facts: readonly Fact[]; readonly targets: readonly Target[] };

/** All questions together; c-ares asks every server of the system, several times. */
const LONGEST_MS = 15_000;
/** Of one type of record, and addresses whose route is looked at; more do not help a reader. */
const MAX_SHOWN = 12;
/** Records of one name that are shown. */
const MAX_RECORDS_SHOWN = 8;

/** The first hop of each flow (RFC 5626), one for most accounts. */
export function firstHops(prepared: PreparedAccount): readonly FirstHop[] {
  const env = { now: monotonicNow(), rng: systemRng, hash: nodeHash };
  return rememberAccount(prepared).map(({ lifecycle }) => {
    const [effect] = startRound(lifecycle.registration, 'query', env).effects;
    if (effect?.type !== 'resolve') throw new Error('a round begins with a lookup');
    return { plan: lifecycle.registration.plan, hop: effect.hop };
  });
}

/** Looks `hop` up. `servers` as in createAsker. */
export async function lookUp(hop: Hop, servers: readonly string[]): Promise<Naming> {
  if (ipVersion(hop.host) === 0) return await askDns(hop, servers);
  const env = { rng: systemRng, families: familiesOfHost(), asked: '' };
  const { located } = await askUntilLocated(hop, unasked, env);
  const named = ok('dns.targets', `${hop.host} is an address: DNS is not asked`);
  return await withRoutes([named], located.ok ? located.value : [], [hop.host]);
}

async function askDns(hop: Hop, servers: readonly string[]): Promise<Naming> {
  const asker = createAsker(servers, createLocalNames(monotonicNow));
  const limit = setTimeout(asker.stop, LONGEST_MS);
  const asked = servers.length === 0 ? "the system's resolver" : servers.join(', ');
  const env = { rng: systemRng, families: familiesOfHost(), asked };
  const { located, answers } = await askUntilLocated(hop, asker.ask, env);
  clearTimeout(limit);
  const facts = [serversFact(servers), ...answerFacts(answers)];
  if (!located.ok) return { facts: [...facts, fail('dns.targets', located.error)], targets: [] };
  const named = ok('dns.targets', targetsText(located.value));
  return await withRoutes([...facts, named], located.value, addressesIn(answers));
}

function unasked({ name }: Question): never {
  throw new Error(`an address needs no DNS, but ${name} was asked for`);
}

function serversFact(servers: readonly string[]): Fact {
  // As with dig: servers that are named are the only ones that say something.
  if (servers.length > 0) {
    return ok('dns.servers', `${servers.join(', ')} ("dns.servers" of the account: /etc/hosts is not asked)`);
  }
  return ok('dns.servers', `${dns.getServers().join(', ') || 'none'} (the system's, after /etc/hosts)`);
}

const CODES = { NAPTR: 'dns.naptr', SRV: 'dns.srv', A: 'dns.a', AAAA: 'dns.aaaa' } as const satisfies Record<
  QuestionType,
  FactCode
>;

/** One fact for each question, in the order in which RFC 3263 asks them. */
export function answerFacts(answers: Answers): readonly Fact[] {
  return (['NAPTR', 'SRV', 'A', 'AAAA'] as const).flatMap((type) => {
    const all = [...answers[type]];
    const facts = all.slice(0, MAX_SHOWN).map(([name, answer]) => answerFact({ type, name }, answer));
    const more = all.length - facts.length;
    return more > 0 ? [...facts, ok(CODES[type], `and ${more} more names`)] : facts;
  });
}

function answerFact({ type, name }: Question, answer: Answer): Fact {
  switch (answer.type) {
    case 'noSuchName': {
      const text = `${name}: there is no such name`;
      // Without NAPTR and SRV a domain is as good as any; a server without an address is none.
      return type === 'NAPTR' || type === 'SRV' ? ok(CODES[type], text) : warn(CODES[type], text, null);
    }
    case 'noSuchType':
      return ok(CODES[type], `${name}: none`);
    case 'unanswered': {
      const advice = 'check the DNS servers and the way to them';
      return warn(CODES[type], `${name}: no answer (${printable(answer.reason)})`, advice);
    }
    case 'records': {
      const words = recordWords(answer);
      const more = words.length - MAX_RECORDS_SHOWN;
      const shown = words.slice(0, MAX_RECORDS_SHOWN).join('; ');
      const ttl = answer.ttlSeconds === null ? '' : ` (TTL ${answer.ttlSeconds} s)`;
      return ok(CODES[type], `${name}: ${shown}${more > 0 ? `; and ${more} more` : ''}${ttl}`);
    }
  }
}

function recordWords({ records }: Answer & { readonly type: 'records' }): readonly string[] {
  return [...records].sort((one, other) => rankOf(one) - rankOf(other)).map(recordText);
}

type DnsRecord = (Answer & { readonly type: 'records' })['records'][number];

function recordText(record: DnsRecord): string {
  if (typeof record === 'string') return printable(record);
  if ('order' in record) {
    const { order, preference, service, replacement } = record;
    return `${order} ${preference} ${printable(service)} ${printable(replacement)}`;
  }
  const { priority, weight, port, target } = record;
  // RFC 2782: "." means that there is no such service.
  return target === ''
    ? '. (not offered)'
    : `${printable(target)}:${port} priority ${priority} weight ${weight}`;
}

/** Resolvers give records in any order; the one to be tried first comes first. */
function rankOf(record: DnsRecord): number {
  if (typeof record === 'string') return 0;
  return 'order' in record ? record.order * 65_536 + record.preference : record.priority;
}

function targetsText(located: readonly LocatedTarget[]): string {
  const words = located.slice(0, MAX_RECORDS_SHOWN).map(({ target }) => targetWords(target));
  const more = located.length - words.length;
  return `${words.join(', then ')}${more > 0 ? `, and ${more} more` : ''}`;
}

function targetWords(target: Target): string {
  const { transport, host, address } = target;
  const name = host === address ? '' : ` (${host})`;
  return `${transport} ${formatAddress(target)}${name}`;
}

function addressesIn({ A, AAAA }: Answers): readonly string[] {
  return [...A.values(), ...AAAA.values()].flatMap((answer) =>
    answer.type === 'records' ? answer.records.filter((record) => typeof record === 'string') : [],
  );
}

async function withRoutes(
  facts: readonly Fact[],
  located: readonly LocatedTarget[],
  addresses: readonly string[],
): Promise<Naming> {
  const routes = await routeFacts([...new Set(addresses)].slice(0, MAX_SHOWN));
  const hasRoute = routes.some(({ mark }) => mark === 'ok');
  return { facts: [...facts, ...routes], targets: hasRoute ? located.map(({ target }) => target) : [] };
}

/** Connecting a UDP socket sends nothing, but makes the system choose a route. */
async function routeFacts(addresses: readonly string[]): Promise<readonly Fact[]> {
  const found = await Promise.all(
    addresses.map(async (address) => ({
      address,
      local: await localAddressTowards({ address, port: 5060 }),
    })),
  );
  const isAnyReached = found.some(({ local }) => local.ok);
  return found.map(({ address, local }) => {
    if (local.ok) return ok('dns.route', `${address} from ${local.value}`);
    const fact = fail('dns.route', noRoute(address, local.error));
    return isAnyReached ? { ...fact, mark: 'warn' } : fact;
  });
}

function noRoute(address: string, { code, message }: SystemError): Failure {
  const cause = `this host has no route to ${address} (${code ?? message})`;
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return failureOf('connect.unreachable', cause, {
    advice: `check ${family} on this host; while another address works, nothing has to be done`,
  });
}

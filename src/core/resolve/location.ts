// Locating the servers of a next hop (RFC 3263 §4, RFC 2782, RFC 7984): a pure function of what is known. It says which
// questions are still open, all that do not depend on each other at once, until it can say the targets or why there are
// none. Whether a target works is not known here (target-health.ts).

import type { Failure } from '../health/verdict.ts';
import type { Rng } from '../rng.ts';
import { ipVersion } from '../sip/ip.ts';
import type { Target, Transport } from '../sip/transport.ts';
import { serverAddresses } from './addresses.ts';
import { defaultPort, defaultTransport, type Hop } from './hop.ts';
import { noAddressFailure, notOfferedFailure, unansweredFailure } from './location-failure.ts';
import { naptrChoices } from './naptr.ts';
import {
  type Answer,
  type Answers,
  dnsName,
  isDnsName,
  type NaptrRecord,
  type Question,
  type SrvRecord,
} from './question.ts';
import type { LocatedTarget, Server } from './server.ts';
import { srvOrder } from './srv-order.ts';

export type LocationStep =
  | { readonly type: 'ask'; readonly questions: readonly Question[] }
  /** Best first, at least one, none twice. */
  | { readonly type: 'located'; readonly targets: readonly LocatedTarget[] }
  | { readonly type: 'failed'; readonly failure: Failure };

export type LocationEnv = {
  readonly rng: Rng;
  /** The address families that this host can use, the better one first. */
  readonly families: readonly (4 | 6)[];
  /** Who is asked, for the words of a failure. */
  readonly asked: string;
};

/** A name whose SRV records may lead to servers. */
type Service = {
  readonly transport: Transport;
  readonly srvName: string;
  readonly naptr: NaptrRecord | null;
};

type AnsweredService = { readonly service: Service; readonly answer: Answer<'SRV'> | undefined };

/** The next step towards the targets of `hop`. Asks no question that `answers` has the answer of, so it comes to an end. */
export function locate(hop: Hop, answers: Answers, env: LocationEnv): LocationStep {
  if (ipVersion(hop.host) !== 0) return locatedAt(hop, hop.host);
  // RFC 3263 §4.2: an explicit port means A and AAAA only, also when it is 5060.
  if (hop.port !== null) return addressStep(hop, [plainServer(hop, transportOf(hop))], answers, env);
  const services = servicesOf(hop, answers);
  if (services === null) return { type: 'ask', questions: [{ type: 'NAPTR', name: dnsName(hop.host) }] };
  const open = services.filter(({ srvName }) => !answers.SRV.has(srvName));
  if (open.length > 0) {
    const names = new Set(open.map(({ srvName }) => srvName));
    return { type: 'ask', questions: [...names].map((name) => ({ type: 'SRV', name })) };
  }
  return serviceStep(hop, services, answers, env);
}

/** Where SRV records may be: what the hop names, else what NAPTR names, else each transport's name. null: ask NAPTR. */
function servicesOf(hop: Hop, answers: Answers): readonly Service[] | null {
  const plain = (transport: Transport): Service => ({
    transport,
    srvName: `${SRV_PREFIX[transport]}.${dnsName(hop.host)}`,
    naptr: null,
  });
  if (hop.transport !== null) return [plain(hop.transport)];
  const answer = answers.NAPTR.get(dnsName(hop.host));
  if (answer === undefined) return null;
  // Without an answer too: some resolvers choke on NAPTR, and SRV says the same with less choice.
  const choices = answer.type === 'records' ? naptrChoices(answer.records, hop.secure) : [];
  if (choices.length > 0) return choices.map(({ record, ...choice }) => ({ ...choice, naptr: record }));
  return (hop.secure ? SECURE_TRANSPORTS : TRANSPORTS).map(plain);
}

/** All SRV questions are answered. */
function serviceStep(
  hop: Hop,
  services: readonly Service[],
  answers: Answers,
  env: LocationEnv,
): LocationStep {
  const answered = services.map((service) => ({ service, answer: answers.SRV.get(service.srvName) }));
  const share = Math.ceil(MAX_SERVERS / services.length);
  const serversBy = (order: (records: readonly SrvRecord[]) => readonly SrvRecord[]): readonly Server[] =>
    answered.flatMap(({ service, answer }) =>
      order(usableRecords(answer).slice(0, share)).map((record) => serverOf(service, record)),
    );
  const servers = serversBy((records) => records);
  // One service that leads somewhere is enough, also when nobody answered for another (RFC 3263 §4.1).
  if (servers.length === 0) return withoutServers(hop, answered, answers, env);
  const open = openAddressQuestions(servers, answers);
  if (open.length > 0) return { type: 'ask', questions: open };
  // Chance decides once, when everything is known.
  return addressStep(
    hop,
    serversBy((records) => srvOrder(records, env.rng)),
    answers,
    env,
  );
}

/** No SRV record leads to a server: the addresses of the name itself, unless SRV forbids that, or nobody knows. */
function withoutServers(
  hop: Hop,
  answered: readonly AnsweredService[],
  answers: Answers,
  env: LocationEnv,
): LocationStep {
  for (const { service, answer } of answered) {
    if (answer?.type === 'unanswered') {
      const failure = unansweredFailure({ type: 'SRV', name: service.srvName }, answer, env.asked);
      return { type: 'failed', failure };
    }
  }
  // RFC 3263 §4.2: the transport that is determined by now, at its default port.
  const preferred = answered.filter(({ service }) => service.naptr !== null || hop.transport !== null);
  const isDefault = ({ service }: AnsweredService): boolean =>
    service.transport === defaultTransport(hop.secure);
  const candidates = preferred.length > 0 ? preferred : answered.filter(isDefault);
  const chosen = candidates.find(({ answer }) => answer?.type !== 'records');
  if (chosen !== undefined) {
    return addressStep(hop, [plainServer(hop, chosen.service.transport)], answers, env);
  }
  // RFC 2782: "." means that there is no such service, and the addresses of the name are not tried either.
  const srvName = candidates[0]?.service.srvName ?? hop.host;
  return { type: 'failed', failure: notOfferedFailure(srvName, env.asked) };
}

/** The records that lead to a server, lowest priority first; none when the only target is ".". */
function usableRecords(answer: Answer<'SRV'> | undefined): readonly SrvRecord[] {
  if (answer?.type !== 'records') return [];
  return answer.records
    .filter(({ target, port }) => isDnsName(dnsName(target)) && port > 0)
    .sort((a, b) => a.priority - b.priority);
}

function serverOf({ transport, srvName, naptr }: Service, record: SrvRecord): Server {
  const { port } = record;
  return { host: dnsName(record.target), port, transport, naptr, srv: { ...record, name: srvName } };
}

/** The host itself, without SRV. */
function plainServer(hop: Hop, transport: Transport): Server {
  const port = hop.port ?? defaultPort(transport);
  return { host: dnsName(hop.host), port, transport, naptr: null, srv: null };
}

/** The addresses of the servers, in their order (RFC 7984 §4: each server's own addresses stay together). */
function addressStep(hop: Hop, servers: readonly Server[], answers: Answers, env: LocationEnv): LocationStep {
  const open = openAddressQuestions(servers, answers);
  if (open.length > 0) return { type: 'ask', questions: open };
  const targets = new Map<string, LocatedTarget>();
  for (const server of servers) {
    for (const { address, type } of serverAddresses(server.host, answers, env.families)) {
      const { host, port, transport, naptr, srv } = server;
      const key = `${transport} ${address} ${port}`;
      if (targets.has(key) || targets.size === MAX_TARGETS) continue;
      const target = withResource(hop, { transport, host, address, port });
      targets.set(key, { target, decision: { naptr, srv, address: type } });
    }
  }
  if (targets.size > 0) return { type: 'located', targets: [...targets.values()] };
  return { type: 'failed', failure: noAddressFailure(servers, answers, env.asked) };
}

function openAddressQuestions(servers: readonly Server[], answers: Answers): readonly Question[] {
  const names = [...new Set(servers.map(({ host }) => host))];
  // RFC 7984 §3: both kinds for every server. IPv4-only hosts ask for AAAA too: a name may lead to ::1.
  return names.flatMap((name) =>
    (['AAAA', 'A'] as const).filter((type) => !answers[type].has(name)).map((type) => ({ type, name })),
  );
}

function locatedAt(hop: Hop, address: string): LocationStep {
  const transport = transportOf(hop);
  const port = hop.port ?? defaultPort(transport);
  const target = withResource(hop, { transport, host: address, address, port });
  return { type: 'located', targets: [{ target, decision: { naptr: null, srv: null, address: null } }] };
}

function transportOf(hop: Hop): Transport {
  return hop.transport ?? defaultTransport(hop.secure);
}

function withResource({ resource }: Hop, target: Target): Target {
  return resource === undefined ? target : { ...target, resource };
}

/**
 * Without NAPTR "any transport" may be used that has SRV records (RFC 3263 §4.1). TLS comes first, because registering
 * uses it where it is offered (RFC 3261 §26.3.2.1, R208); then UDP, which §4.1 makes the default, and TCP. Those that
 * come later stay in the list, for when the first cannot be reached. WebSocket needs to be asked for.
 */
const TRANSPORTS: readonly Transport[] = ['tls', 'udp', 'tcp'];
const SECURE_TRANSPORTS: readonly Transport[] = ['tls'];

/** RFC 3263 §4.1, §4.2; for RFC 7118's transports after the same pattern. */
const SRV_PREFIX: Readonly<Record<Transport, string>> = {
  udp: '_sip._udp',
  tcp: '_sip._tcp',
  tls: '_sips._tcp',
  ws: '_sip._ws',
  wss: '_sips._ws',
};

/** Over all services together: each costs two questions. */
const MAX_SERVERS = 48;
const MAX_TARGETS = 64;

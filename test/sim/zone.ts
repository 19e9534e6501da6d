// The DNS of a simulated SIP domain: what its name leads to (RFC 3263), and how the servers that are asked can fail.

import type { Answer, NaptrRecord, Question } from '../../src/core/resolve/question.ts';
import type { Hosts } from './hosts.ts';
import { DOMAIN } from './registrar-model.ts';

/**
 * How the hosts are found. `address`: the domain has their addresses. `srv`: SRV records, the first host preferred.
 * `naptr`: both transports, TLS preferred. `edges`: each account has a flow to every host, by its name.
 */
export type Signposts = 'address' | 'srv' | 'naptr' | 'edges';

/** `silence`: nobody answers. `refusal`: somebody does, with an error. `no-such-name`: nothing is there. `no-tls`: what leads
 * to TLS is taken out. */
export type DnsFailure = 'silence' | 'refusal' | 'no-such-name' | 'no-tls';

export type Zone = { fails: DnsFailure | null; readonly answer: (question: Question) => Answer };

/** An address of the domain at which nothing ever answers. */
export const DEAD_ADDRESS = '192.0.2.99';

const TTL_SECONDS = 60;

export function createZone(signposts: Signposts, hasDeadTarget: boolean, { hosts }: Hosts): Zone {
  const recordsOf = ({ type, name }: Question): Answer => {
    if (type === 'A') return addresses(name);
    if (type === 'SRV') return services(name);
    if (type === 'NAPTR' && signposts === 'naptr' && name === DOMAIN) return choices();
    return { type: isName(name) ? 'noSuchType' : 'noSuchName' };
  };
  const isName = (name: string): boolean => name === DOMAIN || hosts.some((host) => host.name === name);
  const addresses = (name: string): Answer => {
    const found = hosts.filter((host) => host.name === name || (signposts === 'address' && name === DOMAIN));
    const dead = hasDeadTarget && name === DOMAIN ? [DEAD_ADDRESS] : [];
    if (found.length === 0) return { type: isName(name) ? 'noSuchType' : 'noSuchName' };
    return records([...dead, ...found.map(({ address }) => address)]);
  };
  const services = (name: string): Answer => {
    const port = name === `_sips._tcp.${DOMAIN}` ? 5061 : 5060;
    const isThere = signposts === 'naptr' ? NAPTR_SERVICES : SRV_SERVICES;
    if ((signposts !== 'srv' && signposts !== 'naptr') || !isThere.includes(name)) return NO_NAME;
    return records(
      hosts.map((host, index) => ({ priority: 10 * (index + 1), weight: 0, port, target: host.name })),
    );
  };
  const choices = (): Answer =>
    records(
      NAPTR_SERVICES.map((replacement, index) => ({
        order: 10 * (index + 1),
        preference: 0,
        flags: 's',
        service: index === 0 ? 'SIPS+D2T' : 'SIP+D2U',
        regexp: '',
        replacement,
      })),
    );
  const zone: Zone = {
    fails: null,
    answer: (question) => {
      switch (zone.fails) {
        case null:
          return recordsOf(question);
        case 'silence':
          return { type: 'unanswered', code: 'dns.timeout', reason: 'ETIMEOUT' };
        case 'refusal':
          return { type: 'unanswered', code: 'dns.failed', reason: 'ESERVFAIL' };
        case 'no-such-name':
          return NO_NAME;
        case 'no-tls':
          return withoutTls(recordsOf(question), question);
      }
    },
  };
  return zone;
}

function withoutTls(answer: Answer, { type, name }: Question): Answer {
  if (type === 'SRV' && name.startsWith('_sips.')) return NO_NAME;
  if (type !== 'NAPTR' || answer.type !== 'records') return answer;
  const left = (answer.records as readonly NaptrRecord[]).filter(
    ({ service }) => !service.startsWith('SIPS'),
  );
  return { ...answer, records: left };
}

function records(found: Extract<Answer, { type: 'records' }>['records']): Answer {
  return { type: 'records', records: found, ttlSeconds: TTL_SECONDS };
}

const NO_NAME: Answer = { type: 'noSuchName' };
const NAPTR_SERVICES: readonly string[] = [`_sips._tcp.${DOMAIN}`, `_sip._udp.${DOMAIN}`];
const SRV_SERVICES: readonly string[] = [`_sip._tcp.${DOMAIN}`, `_sip._udp.${DOMAIN}`];

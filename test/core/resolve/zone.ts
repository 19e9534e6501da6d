// A zone as data, and a location that is run against it to its end: which questions it asked, in rounds, and what it
// came to. What the zone does not have does not exist.

import { type Hop, nextHop } from '../../../src/core/resolve/hop.ts';
import { type LocationEnv, type LocationStep, locate } from '../../../src/core/resolve/location.ts';
import type {
  Answer,
  NaptrRecord,
  Question,
  SrvRecord,
  Unanswered,
} from '../../../src/core/resolve/question.ts';
import { seededRng } from '../../../src/core/rng.ts';
import type { Transport } from '../../../src/core/sip/transport.ts';
import { uri } from '../registration/script.ts';

/** By "TYPE name", such as "SRV _sip._udp.example.com": records, or how there are none. */
export type Zone = Readonly<Record<string, readonly unknown[] | 'timeout' | 'servfail' | 'nodata'>>;

export type Run = {
  readonly step: Exclude<LocationStep, { type: 'ask' }>;
  /** "TYPE name", one list for each round. */
  readonly asked: readonly (readonly string[])[];
};

export function naptr(order: number, preference: number, service: string, replacement: string): NaptrRecord {
  return { order, preference, flags: 's', service, regexp: '', replacement };
}

export function srv(priority: number, weight: number, port: number, target: string): SrvRecord {
  return { priority, weight, port, target };
}

export function hopTo(text: string, transport: Transport | 'auto' = 'auto'): Hop {
  return nextHop(uri(text), transport, false);
}

/** Runs the location of `hop` to its end; throws when it asks twice or for ever. */
export function run(hop: Hop, zone: Zone, env: Partial<LocationEnv> = {}): Run {
  const known = { NAPTR: new Map(), SRV: new Map(), A: new Map(), AAAA: new Map() };
  const asked: string[][] = [];
  for (;;) {
    const step = locate(hop, known, {
      rng: seededRng(1),
      families: [6, 4],
      asked: '192.0.2.53',
      ...env,
    });
    if (step.type !== 'ask') return { step, asked };
    const round = step.questions.map(({ type, name }) => `${type} ${name}`);
    const repeated = round.filter((one, index) => asked.flat().includes(one) || round.indexOf(one) !== index);
    if (round.length === 0 || repeated.length > 0) throw new Error(`asked again: ${repeated.join(', ')}`);
    asked.push(round);
    for (const question of step.questions) known[question.type].set(question.name, answerTo(question, zone));
  }
}

/** The targets as "transport address:port"; the code of the failure when there are none. */
export function targetsOf({ step }: Run): readonly string[] | string {
  if (step.type === 'failed') return step.failure.code;
  return step.targets.map(({ target }) => `${target.transport} ${target.address}:${target.port}`);
}

/** The targets that `text` leads to in `zone`. */
export function targets(
  text: string,
  zone: Zone,
  env: Partial<LocationEnv> = {},
): readonly string[] | string {
  return targetsOf(run(hopTo(text), zone, env));
}

function answerTo({ type, name }: Question, zone: Zone): Answer {
  const entry = zone[`${type} ${name}`];
  if (entry === 'timeout') return unanswered('dns.timeout', 'ETIMEOUT');
  if (entry === 'servfail') return unanswered('dns.failed', 'ESERVFAIL');
  if (entry === 'nodata') return { type: 'noSuchType' };
  if (entry !== undefined) return { type: 'records', records: entry, ttlSeconds: 60 } as Answer;
  const isKnown = Object.keys(zone).some((key) => key.endsWith(` ${name}`));
  return isKnown ? { type: 'noSuchType' } : { type: 'noSuchName' };
}

function unanswered(code: Unanswered['code'], reason: string): Unanswered {
  return { type: 'unanswered', code, reason };
}

// The decision table of RFC 3263 (test/vectors/dns.json): for each URI which questions are asked, in which order, and the
// transport and port that come out.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hopTo, naptr, type Run, run, srv, type Zone } from './zone.ts';

type Row = {
  readonly uri: string;
  readonly lookups: readonly string[];
  readonly transport?: string;
  readonly port?: number;
  readonly fallbackPort?: number;
};

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/dns.json'), 'utf8')) as {
  readonly decisionTable: readonly Row[];
  readonly naptrServices: Readonly<Record<string, string>>;
  readonly srvPrefix: Readonly<Record<string, string>>;
};

/** Only addresses: every step is taken, and the last one leads somewhere. */
const BARE: Zone = { 'A example.com': ['192.0.2.7'], 'A server.example.com': ['192.0.2.8'] };
const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;

/** The kinds of questions, in order, as the table writes them. */
function kinds({ asked }: Run): readonly string[] {
  return asked.map((round) => {
    const types = [...new Set(round.map((question) => question.split(' ', 1)[0]))].sort();
    return types.join('/');
  });
}

/** The same kinds of a row. Addresses are those of SRV targets or, as the fall-back, of the host: one or the other. */
function expectedKinds({ lookups }: Row): readonly string[] {
  return [...new Set(lookups.map((lookup) => lookup.replace('fallback ', '').split(' ', 1)[0] ?? ''))];
}

describe('the decision table', () => {
  it('has the rows that RFC 3263 asks for', () => {
    expect(vectors.decisionTable.length).toBe(11);
  });

  it.each(vectors.decisionTable)('R184 R222 R223 R229 R230 R231 $uri without SRV records', (row) => {
    const result = run(hopTo(row.uri), BARE);
    expect(kinds(result)).toEqual(expectedKinds(row));
    if (result.step.type !== 'located') throw new Error(result.step.failure.cause);
    const [{ target }] = result.step.targets as [(typeof result.step.targets)[number]];
    const last = row.lookups.at(-1)?.match(/^fallback A\/AAAA (?:example\.com )?(\w+) (\d+)$/);
    expect(target).toMatchObject({
      transport: row.transport ?? last?.[1],
      port: row.port ?? row.fallbackPort ?? Number(last?.[2]),
    });
  });

  const located = vectors.decisionTable.filter(({ lookups }) => lookups.some((one) => one.includes('SRV')));
  it.each(located)('R223 R226 R231 $uri with NAPTR and SRV records', (row) => {
    const names = Object.values(vectors.srvPrefix).map((prefix) => `SRV ${prefix}.example.com`);
    const zone: Zone = {
      ...BARE,
      'NAPTR example.com': [
        naptr(1, 1, row.uri.startsWith('sips') ? 'SIPS+D2T' : 'SIP+D2T', '_x._tcp.example.com'),
      ],
      'SRV _x._tcp.example.com': [srv(1, 1, 5099, 'server.example.com')],
      ...Object.fromEntries(names.map((name) => [name, [srv(1, 1, 5098, 'server.example.com')]])),
    };
    const result = run(hopTo(row.uri), zone);
    expect(kinds(result)).toEqual(expectedKinds(row));
    const port = row.lookups[0]?.startsWith('NAPTR') ? 5099 : 5098;
    expect(result.step).toMatchObject({ type: 'located', targets: [{ target: { port } }] });
  });

  it.each(TRANSPORTS.map((transport) => [transport, vectors.srvPrefix[transport]] as const))(
    'R232 %s is looked up as %s',
    (transport, prefix) => {
      const zone = { [`SRV ${prefix}.example.com`]: [srv(1, 1, 5070, 'server.example.com')], ...BARE };
      const { step } = run(hopTo('sip:example.com', transport), zone);
      expect(step).toMatchObject({ targets: [{ target: { transport, port: 5070 } }] });
    },
  );

  it.each(Object.entries(vectors.naptrServices))('R224 NAPTR service %s is %s', (service, transport) => {
    const zone = {
      ...BARE,
      'NAPTR example.com': [naptr(1, 1, service, 'chosen.example.com')],
      'SRV chosen.example.com': [srv(1, 1, 5099, 'server.example.com')],
    };
    const { step, asked } = run(hopTo('sip:example.com'), zone);
    const isOurs = (TRANSPORTS as readonly string[]).includes(transport);
    expect(asked.flat().includes('SRV chosen.example.com')).toBe(isOurs);
    expect(step).toMatchObject({
      targets: [{ target: isOurs ? { transport, port: 5099 } : { transport: 'udp', port: 5060 } }],
    });
  });
});

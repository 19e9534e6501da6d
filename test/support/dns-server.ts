// A DNS server for tests (RFC 1035 §4) that answers from a table and can misbehave: silence, SERVFAIL, answers too large
// for UDP. UDP and TCP on one port that the system chooses. It notes what it was asked.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

type Records = {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** priority, weight, port, target */
  readonly srv?: readonly (readonly [number, number, number, string])[];
  /** order, preference, service, replacement */
  readonly naptr?: readonly (readonly [number, number, string, string])[];
  /** Seconds (60). */
  readonly ttl?: number;
  /** Over UDP the answer has no records and says that it was cut, so that the client asks over TCP. */
  readonly truncated?: boolean;
  /** These types are not answered. */
  readonly silentFor?: readonly DnsType[];
};

export type DnsType = 'A' | 'AAAA' | 'SRV' | 'NAPTR';

/** Names in lower case; a name that is not there does not exist (NXDOMAIN). May be changed while the server runs. */
export type DnsZone = Readonly<Record<string, Records | 'servfail' | 'silent'>>;

export type DnsTestServer = {
  readonly address: string;
  /** Every question so far, such as "A example.com". */
  readonly asked: readonly string[];
  readonly stop: () => Promise<void>;
};

export async function startDnsServer(zone: DnsZone): Promise<DnsTestServer> {
  const asked: string[] = [];
  const { udp, tcp, port } = await openPort();
  udp.on('message', (query, sender) => {
    const answer = answerTo(query, zone, asked, 'udp');
    if (answer !== null) udp.send(answer, sender.port, sender.address);
  });
  const connections = new Set<net.Socket>();
  tcp.on('connection', (connection) => {
    connections.add(connection);
    connection.on('error', () => connection.destroy());
    connection.on('close', () => connections.delete(connection));
    connection.once('data', (bytes) => {
      // RFC 1035 §4.2.2: two bytes of length before each message. A query of a test comes in one piece.
      const answer = answerTo(bytes.subarray(2), zone, asked, 'tcp');
      if (answer === null) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      connection.end(Buffer.concat([length, answer]));
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    asked,
    stop: async () => {
      for (const connection of connections) connection.destroy();
      tcp.close();
      udp.close();
      await Promise.all([once(tcp, 'close'), once(udp, 'close')]);
    },
  };
}

/** One port for both; when UDP has no use of the port that TCP got, another. */
async function openPort(): Promise<{ udp: dgram.Socket; tcp: net.Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const tcp = net.createServer();
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as net.AddressInfo;
    const udp = dgram.createSocket('udp4');
    udp.bind(port, '127.0.0.1');
    try {
      await once(udp, 'listening');
      return { udp, tcp, port };
    } catch (error) {
      tcp.close();
      if (attempt === 10) throw error;
    }
  }
}

function answerTo(query: Buffer, zone: DnsZone, asked: string[], over: 'udp' | 'tcp'): Buffer | null {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const typeCode = query.readUInt16BE(at + 1);
  const type = TYPES[typeCode];
  const question = query.subarray(12, at + 5);
  const name = labels.join('.').toLowerCase();
  asked.push(`${type} ${name}`);
  const entry = zone[name];
  if (entry === 'silent') return null;
  const records: Records = entry === undefined || entry === 'servfail' ? {} : entry;
  if (type !== undefined && records.silentFor?.includes(type)) return null;
  const isCut = records.truncated === true && over === 'udp';
  const data = isCut ? [] : dataOf(type, records);
  const code = entry === undefined ? NXDOMAIN : entry === 'servfail' ? SERVFAIL : 0;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (isCut ? TRUNCATED : 0) | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data.length, 6);
  return Buffer.concat([
    header,
    question,
    ...data.map((bytes) => record(typeCode, records.ttl ?? 60, bytes)),
  ]);
}

function dataOf(type: DnsType | undefined, { a, aaaa, srv, naptr }: Records): readonly Buffer[] {
  switch (type) {
    case 'A':
      return (a ?? []).map((address) => Buffer.from(address.split('.').map(Number)));
    case 'AAAA':
      return (aaaa ?? []).map(bytes16);
    case 'SRV':
      return (srv ?? []).map(([priority, weight, port, target]) =>
        Buffer.concat([numbers(priority, weight, port), nameBytes(target)]),
      );
    case 'NAPTR':
      return (naptr ?? []).map(([order, preference, service, replacement]) =>
        Buffer.concat([numbers(order, preference), ...['s', service, ''].map(text), nameBytes(replacement)]),
      );
    default:
      return [];
  }
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, 2 * index);
  return bytes;
}

/** RFC 1035 §3.3: a length and that many bytes. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter(Boolean);
  return Buffer.concat([...labels.map(text), Buffer.from([0])]);
}

/** Only the form "2001:db8::1": one group after the double colon. */
function bytes16(address: string): Buffer {
  const [head = '', tail = '0'] = address.split('::');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of head.split(':').filter(Boolean).entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  bytes.writeUInt16BE(Number.parseInt(tail, 16), 14);
  return bytes;
}

const TYPES: Readonly<Record<number, DnsType>> = { 1: 'A', 28: 'AAAA', 33: 'SRV', 35: 'NAPTR' };
const TRUNCATED = 0x0200;
const SERVFAIL = 2;
const NXDOMAIN = 3;

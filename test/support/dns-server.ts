// A DNS server for tests (RFC 1035 §4): answers A and AAAA from a table, on UDP, on a port that the system chooses.

import dgram from 'node:dgram';

export type DnsZone = Readonly<
  Record<
    string,
    { readonly a?: readonly string[]; readonly aaaa?: readonly string[] } | 'servfail' | 'silent'
  >
>;

export type DnsTestServer = { readonly address: string; readonly stop: () => Promise<void> };

/** Names that the zone does not have do not exist (NXDOMAIN). */
export async function startDnsServer(zone: DnsZone): Promise<DnsTestServer> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (query, sender) => {
    const answer = answerTo(query, zone);
    if (answer !== null) socket.send(answer, sender.port, sender.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function answerTo(query: Buffer, zone: DnsZone): Buffer | null {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const entry = zone[labels.join('.').toLowerCase()];
  if (entry === 'silent') return null;
  const code = entry === undefined ? NXDOMAIN : entry === 'servfail' ? SERVFAIL : 0;
  const known = entry === undefined || entry === 'servfail' ? {} : entry;
  const data =
    type === TYPE_A ? (known.a ?? []).map(bytes4) : type === TYPE_AAAA ? (known.aaaa ?? []).map(bytes16) : [];
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data.length, 6);
  return Buffer.concat([header, question, ...data.map((bytes) => record(type, bytes))]);
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function bytes4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
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

const TYPE_A = 1;
const TYPE_AAAA = 28;
const SERVFAIL = 2;
const NXDOMAIN = 3;

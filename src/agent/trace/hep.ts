// SIP messages as HEPv3 packets (the Homer Encapsulation Protocol, as Homer, heplify and sngrep read it): "HEP3", the whole
// length, and chunks of a vendor, a type, a length and a value. No compression, no correlation: a SIP message has its own
// Call-ID.

import { addressOctets } from '../../core/sip/ip.ts';
import type { TraceMessage } from './trace-ring.ts';

/** What every packet says of us. */
export type HepSender = {
  /** The capture agent's ID; Homer shows it with each message. */
  readonly id: number;
  /** Its name; null: it has none. */
  readonly node: string | null;
  /** What the collector may ask for (the chunk "authenticate key"); it travels in the clear. */
  readonly password: string | null;
};

const CHUNK = {
  family: 1,
  protocol: 2,
  sourceIpv4: 3,
  destinationIpv4: 4,
  sourceIpv6: 5,
  destinationIpv6: 6,
  sourcePort: 7,
  destinationPort: 8,
  seconds: 9,
  microseconds: 10,
  payloadType: 11,
  agentId: 12,
  password: 14,
  payload: 15,
  node: 19,
} as const;

/** The vendor of the chunks that everybody knows. */
const GENERIC = 0;
/** What Linux calls AF_INET and AF_INET6. */
const IPV4_FAMILY = 2;
const IPV6_FAMILY = 10;
const TCP = 6;
const UDP = 17;
const SIP = 1;
/** With its chunks it fits into one UDP datagram of 65,507 bytes. */
const MAX_PAYLOAD = 64_000;

/** One packet with the message as it may be shown. What went over TLS is told as TCP: HEP knows IP protocols only. */
export function hepPacket(message: TraceMessage, { id, node, password }: HepSender): Buffer {
  const { direction, local, remote, transport, text } = message;
  const [from, to] = direction === 'sent' ? [local, remote] : [remote, local];
  const [source, destination] = octetPair(from.address, to.address);
  const isFour = source.length === 4;
  const time = Date.parse(message.time);
  const chunks = [
    chunk(CHUNK.family, Buffer.of(isFour ? IPV4_FAMILY : IPV6_FAMILY)),
    chunk(CHUNK.protocol, Buffer.of(transport === 'udp' ? UDP : TCP)),
    chunk(isFour ? CHUNK.sourceIpv4 : CHUNK.sourceIpv6, source),
    chunk(isFour ? CHUNK.destinationIpv4 : CHUNK.destinationIpv6, destination),
    chunk(CHUNK.sourcePort, uint16(from.port)),
    chunk(CHUNK.destinationPort, uint16(to.port)),
    chunk(CHUNK.seconds, uint32(Math.floor(time / 1_000))),
    chunk(CHUNK.microseconds, uint32((time % 1_000) * 1_000)),
    chunk(CHUNK.payloadType, Buffer.of(SIP)),
    chunk(CHUNK.agentId, uint32(id)),
    ...(password === null ? [] : [chunk(CHUNK.password, Buffer.from(password))]),
    ...(node === null ? [] : [chunk(CHUNK.node, Buffer.from(node))]),
    chunk(CHUNK.payload, Buffer.from(text).subarray(0, MAX_PAYLOAD)),
  ];
  const body = Buffer.concat(chunks);
  return Buffer.concat([Buffer.from('HEP3'), uint16(6 + body.length), body]);
}

function chunk(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([uint16(GENERIC), uint16(type), uint16(6 + value.length), value]);
}

/** Both of one length: 4 octets when both are IPv4, else 16, with IPv4 as its mapped form (RFC 4291 §2.5.5.2). */
function octetPair(from: string, to: string): readonly [Buffer, Buffer] {
  const pair = [from, to].map((address) => Buffer.from(addressOctets(address) ?? []));
  const isFour = pair.every((octets) => octets.length === 4);
  const [source, destination] = isFour ? pair : pair.map(mapped);
  if (source === undefined || destination === undefined) throw new Error('a message has two ends');
  return [source, destination];
}

function mapped(octets: Buffer): Buffer {
  return octets.length === 4 ? Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff), octets]) : octets;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

// Messages as a capture file that Wireshark and sngrep read (pcapng, draft-ietf-opsawg-pcapng): raw IP packets with the real
// addresses and ports, UDP or TCP as they travelled. What was encrypted stands there as plain TCP, with a comment at each
// packet that says so. No handshakes, no acknowledgements: only what the messages need to be understood.

import { ipVersion } from '../../core/sip/ip.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import type { TraceMessage } from './trace-ring.ts';

/** LINKTYPE_RAW: packets begin with their IP header. */
const LINK_TYPE_RAW = 101;
const UDP = 17;
const TCP = 6;
/** PSH and ACK (RFC 9293 §3.1). */
const TCP_FLAGS = 0x18;
const HOP_LIMIT = 64;
/** Of one packet: with its headers it fits into IPv4's 65,535 bytes. */
const MAX_PAYLOAD = 65_000;

/** The capture file with `messages`, oldest first. */
export function packetCapture(messages: readonly TraceMessage[]): Buffer {
  const sequences = new Map<string, number>();
  return Buffer.concat([
    sectionHeader(),
    interfaceDescription(),
    ...messages.flatMap((message) => packetBlocks(message, sequences)),
  ]);
}

/** One packet, or several where a message on a stream is longer than a packet. */
function packetBlocks(message: TraceMessage, sequences: Map<string, number>): readonly Buffer[] {
  const [from, to] =
    message.direction === 'sent' ? [message.local, message.remote] : [message.remote, message.local];
  const payload = Buffer.from(message.text);
  const comment = commentOf(message);
  const block = (packet: Buffer): Buffer => enhancedPacket(Date.parse(message.time), packet, comment);
  if (message.transport === 'udp') {
    return [block(ipPacket(from, to, UDP, udpSegment(from, to, payload.subarray(0, MAX_PAYLOAD))))];
  }
  const blocks: Buffer[] = [];
  const [ahead, back] = [`${placeText(from)} ${placeText(to)}`, `${placeText(to)} ${placeText(from)}`];
  for (let at = 0; at < payload.length; at += MAX_PAYLOAD) {
    const part = payload.subarray(at, at + MAX_PAYLOAD);
    const sequence = sequences.get(ahead) ?? 1;
    blocks.push(
      block(ipPacket(from, to, TCP, tcpSegment(from, to, sequence, sequences.get(back) ?? 1, part))),
    );
    sequences.set(ahead, (sequence + part.length) >>> 0);
  }
  return blocks;
}

/** What the packet itself does not tell. */
function commentOf({ transport, account }: TraceMessage): string {
  const over = { udp: '', tcp: '', tls: ', TLS', ws: ', WebSocket', wss: ', WebSocket over TLS' }[transport];
  const plain = over === '' ? '' : `${over}: contents as sipreg saw them`;
  return `sipreg${account === null ? '' : ` ${account}`}${plain}; credentials redacted`;
}

function placeText({ address, port }: SocketAddress): string {
  return `${address} ${port}`;
}

function sectionHeader(): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(0x1a2b3c4d, 0);
  body.writeUInt16LE(1, 4);
  // The length of the section: not said.
  body.writeBigInt64LE(-1n, 8);
  return blockOf(0x0a0d0d0a, body);
}

function interfaceDescription(): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINK_TYPE_RAW, 0);
  return blockOf(1, body);
}

/** `time`: milliseconds since 1970; the file counts microseconds. */
function enhancedPacket(time: number, packet: Buffer, comment: string): Buffer {
  const head = Buffer.alloc(20);
  const micros = BigInt(time) * 1000n;
  head.writeUInt32LE(Number(micros >> 32n), 4);
  head.writeUInt32LE(Number(micros & 0xffff_ffffn), 8);
  head.writeUInt32LE(packet.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const text = Buffer.from(comment);
  const option = Buffer.alloc(4);
  option.writeUInt16LE(1, 0);
  option.writeUInt16LE(text.length, 2);
  return blockOf(6, Buffer.concat([head, padded(packet), option, padded(text), Buffer.alloc(4)]));
}

function blockOf(type: number, body: Buffer): Buffer {
  const length = body.length + 12;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(length, 0);
  return Buffer.concat([head, body, tail]);
}

/** To a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function udpSegment(from: SocketAddress, to: SocketAddress, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(from.port, 0);
  head.writeUInt16BE(to.port, 2);
  head.writeUInt16BE(8 + payload.length, 4);
  return withChecksum(from, to, UDP, Buffer.concat([head, payload]), 6);
}

function tcpSegment(
  from: SocketAddress,
  to: SocketAddress,
  sequence: number,
  acknowledged: number,
  payload: Buffer,
): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(from.port, 0);
  head.writeUInt16BE(to.port, 2);
  head.writeUInt32BE(sequence, 4);
  head.writeUInt32BE(acknowledged, 8);
  // A header of five words.
  head.writeUInt8(5 << 4, 12);
  head.writeUInt8(TCP_FLAGS, 13);
  head.writeUInt16BE(0xffff, 14);
  return withChecksum(from, to, TCP, Buffer.concat([head, payload]), 16);
}

/** RFC 768, RFC 9293 §3.1, RFC 8200 §8.1: over a pseudo header with both addresses. */
function withChecksum(
  from: SocketAddress,
  to: SocketAddress,
  protocol: number,
  segment: Buffer,
  place: number,
): Buffer {
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(segment.length, 0);
  pseudo.writeUInt32BE(protocol, 4);
  // RFC 768: a sum of 0 is sent as all ones, for 0 says that there is none.
  const sum = checksum(Buffer.concat([...addressPair(from, to), pseudo, segment])) || 0xffff;
  segment.writeUInt16BE(sum, place);
  return segment;
}

function ipPacket(from: SocketAddress, to: SocketAddress, protocol: number, segment: Buffer): Buffer {
  const [source, destination] = addressPair(from, to);
  if (source.length === 4) {
    const head = Buffer.alloc(12);
    // Version 4, a header of five words.
    head.writeUInt8(0x45, 0);
    head.writeUInt16BE(20 + segment.length, 2);
    head.writeUInt8(HOP_LIMIT, 8);
    head.writeUInt8(protocol, 9);
    const whole = Buffer.concat([head, source, destination]);
    whole.writeUInt16BE(checksum(whole), 10);
    return Buffer.concat([whole, segment]);
  }
  const head = Buffer.alloc(8);
  head.writeUInt8(0x60, 0);
  head.writeUInt16BE(segment.length, 4);
  head.writeUInt8(protocol, 6);
  head.writeUInt8(HOP_LIMIT, 7);
  return Buffer.concat([head, source, destination, segment]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += bytes.readUInt8(bytes.length - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Both of one length: 4 bytes when both are IPv4, else 16. */
function addressPair(from: SocketAddress, to: SocketAddress): readonly [Buffer, Buffer] {
  const isFour = ipVersion(from.address) === 4 && ipVersion(to.address) === 4;
  const bytesOf = isFour ? ipv4Bytes : ipv6Bytes;
  return [bytesOf(from.address), bytesOf(to.address)];
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** RFC 4291 §2.2; an IPv4 address as its mapped form, §2.5.5.2. */
function ipv6Bytes(address: string): Buffer {
  if (ipVersion(address) === 4)
    return Buffer.concat([Buffer.alloc(10), Buffer.alloc(2, 0xff), ipv4Bytes(address)]);
  const [plain = ''] = address.split('%');
  const [left = [], right] = plain.split('::').map(groupsOf);
  const gap = right === undefined ? 0 : Math.max(0, 16 - left.length - right.length);
  return Buffer.concat([Buffer.from(left), Buffer.alloc(gap), Buffer.from(right ?? [])], 16);
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [...ipv4Bytes(group)];
    const value = Number.parseInt(group, 16);
    return [(value >> 8) & 0xff, value & 0xff];
  });
}

// The Binding messages that we send (RFC 5389 §7): the request that keeps a flow open, and the answer to a peer that
// asks the same of us. Neither is authenticated, and a request has no attribute, so that every server understands it.

import { assert } from '../assert.ts';
import { hexOf, type Rng } from '../rng.ts';
import { addressOctets } from '../sip/ip.ts';
import type { SocketAddress } from '../sip/transport.ts';
import { MAGIC_COOKIE, STUN_ATTRIBUTE, STUN_HEADER_BYTES, STUN_TYPE, type StunMessage } from './message.ts';

export type BindingRequest = {
  /** 24 hexadecimal digits. */
  readonly transactionId: string;
  readonly bytes: Uint8Array;
};

/** A request with a transaction id that nobody can guess (RFC 5389 §6: 96 random bits). */
export function bindingRequest(rng: Rng): BindingRequest {
  const id = rng.bytes(TRANSACTION_ID_BYTES);
  return { transactionId: hexOf(id), bytes: messageOf(STUN_TYPE.request, id, []) };
}

/** The answer to a request that came from `source`: where that is, or 420 with what we do not understand. */
export function bindingAnswer(
  { transactionId, unknown }: Extract<StunMessage, { type: 'request' }>,
  source: SocketAddress,
): Uint8Array {
  const id = Uint8Array.from({ length: TRANSACTION_ID_BYTES }, (_, index) =>
    Number.parseInt(transactionId.slice(2 * index, 2 * index + 2), 16),
  );
  if (unknown.length === 0) {
    const place = { type: STUN_ATTRIBUTE.xorMappedAddress, value: xorAddress(source, id) };
    return messageOf(STUN_TYPE.success, id, [place]);
  }
  // RFC 5389 §7.3.1 and §15.9. A list without end would make the answer larger than what was asked.
  const named = unknown.slice(0, MOST_UNKNOWN_NAMED).flatMap((type) => [type >> 8, type & 0xff]);
  return messageOf(STUN_TYPE.error, id, [
    { type: STUN_ATTRIBUTE.errorCode, value: [0, 0, 4, 20] },
    { type: STUN_ATTRIBUTE.unknownAttributes, value: named },
  ]);
}

type Attribute = { readonly type: number; readonly value: readonly number[] };

function messageOf(type: number, id: Uint8Array, attributes: readonly Attribute[]): Uint8Array {
  const length = attributes.reduce((sum, { value }) => sum + 4 + paddedLength(value.length), 0);
  const bytes = new Uint8Array(STUN_HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, length);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(id, 8);
  let at = STUN_HEADER_BYTES;
  for (const { type: attribute, value } of attributes) {
    view.setUint16(at, attribute);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + paddedLength(value.length);
  }
  return bytes;
}

function paddedLength(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** RFC 5389 §15.2: XOR-MAPPED-ADDRESS. */
function xorAddress({ address, port }: SocketAddress, id: Uint8Array): readonly number[] {
  const octets = addressOctets(address);
  assert(octets !== null, 'a datagram comes from an IP address');
  const mask = [...COOKIE_OCTETS, ...id];
  const family = octets.length === 4 ? 1 : 2;
  const mixed = [port >> 8, port & 0xff].map((octet, index) => octet ^ (mask[index] ?? 0));
  return [0, family, ...mixed, ...octets.map((octet, index) => octet ^ (mask[index] ?? 0))];
}

const TRANSACTION_ID_BYTES = 12;
const MOST_UNKNOWN_NAMED = 4;
const COOKIE_OCTETS = [0x21, 0x12, 0xa4, 0x42];

// STUN Binding messages on a SIP flow (RFC 5389 §6, §15; RFC 8489 has the same format): bytes to data, with strict
// bounds. Only the Binding method, without authentication (RFC 5626 §8). What is no such message is null, and nobody's
// business.

import { hexOf } from '../rng.ts';
import type { SocketAddress } from '../sip/transport.ts';
import { crc32 } from './crc32.ts';

/** `transactionId`: 24 hexadecimal digits. `unknown`: attributes that one must understand, but that we do not. */
export type StunMessage =
  | {
      readonly type: 'request';
      readonly transactionId: string;
      readonly unknown: readonly number[];
    }
  | { readonly type: 'indication' }
  | {
      readonly type: 'success';
      readonly transactionId: string;
      /** Where the request came from, as the server saw it; null when it does not say. */
      readonly mapped: SocketAddress | null;
      readonly unknown: readonly number[];
    }
  | {
      readonly type: 'error';
      readonly transactionId: string;
      /** 300 to 699; null when the answer does not say. */
      readonly code: number | null;
    };

export const STUN_HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;
/** RFC 5389 §15.5: what the CRC is mixed with. */
const FINGERPRINT_MASK = 0x5354554e;

/** RFC 5389 §6 and §18.1: the Binding method in the four classes. */
export const STUN_TYPE = { request: 0x0001, indication: 0x0011, success: 0x0101, error: 0x0111 } as const;

/** RFC 5389 §18.2. */
export const STUN_ATTRIBUTE = {
  mappedAddress: 0x0001,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
} as const;

type Attribute = { readonly type: number; readonly at: number; readonly value: DataView };

/** Reads one datagram; null: it is no Binding message, or a damaged one. */
export function parseStun(bytes: Uint8Array): StunMessage | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!hasStunHeader(view)) return null;
  const attributes = readAttributes(view);
  if (attributes === null || !hasGoodFingerprint(bytes, attributes)) return null;
  const transactionId = hexOf(bytes.subarray(8, STUN_HEADER_BYTES));
  switch (view.getUint16(0)) {
    case STUN_TYPE.request:
      return { type: 'request', transactionId, unknown: unknownOf(attributes, KNOWN_IN_REQUESTS) };
    case STUN_TYPE.indication:
      return { type: 'indication' };
    case STUN_TYPE.success: {
      const unknown = unknownOf(attributes, KNOWN_IN_RESPONSES);
      return { type: 'success', transactionId, mapped: mappedAddressOf(view, attributes), unknown };
    }
    case STUN_TYPE.error:
      return { type: 'error', transactionId, code: errorCodeOf(attributes) };
    default:
      return null;
  }
}

/** RFC 5389 §6: the first two bits are zero, the cookie stands in its place, and the length is right. */
function hasStunHeader(view: DataView): boolean {
  if (view.byteLength < STUN_HEADER_BYTES || view.getUint8(0) > 0x3f) return false;
  const length = view.getUint16(2);
  const isWhole = length % 4 === 0 && length === view.byteLength - STUN_HEADER_BYTES;
  return isWhole && view.getUint32(4) === MAGIC_COOKIE;
}

/** RFC 5389 §15: type, length and value, padded to four bytes; null when one does not fit. */
function readAttributes(view: DataView): readonly Attribute[] | null {
  const attributes: Attribute[] = [];
  let isSealed = false;
  for (let at = STUN_HEADER_BYTES; at < view.byteLength; ) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const end = at + 4 + Math.ceil(length / 4) * 4;
    if (end > view.byteLength) return null;
    const value = new DataView(view.buffer, view.byteOffset + at + 4, length);
    // RFC 5389 §15.4: after MESSAGE-INTEGRITY only the fingerprint counts.
    if (!isSealed || type === STUN_ATTRIBUTE.fingerprint) attributes.push({ type, at, value });
    isSealed ||= type === STUN_ATTRIBUTE.messageIntegrity;
    at = end;
  }
  return attributes;
}

/** RFC 5389 §15.5: the last attribute, when there is one; it tells a STUN message from what looks like it. */
function hasGoodFingerprint(bytes: Uint8Array, attributes: readonly Attribute[]): boolean {
  const fingerprint = attributes.find(({ type }) => type === STUN_ATTRIBUTE.fingerprint);
  if (fingerprint === undefined) return true;
  const { at, value } = fingerprint;
  if (value.byteLength !== 4 || at + 8 !== bytes.length) return false;
  return value.getUint32(0) === (crc32(bytes.subarray(0, at)) ^ FINGERPRINT_MASK) >>> 0;
}

function unknownOf(attributes: readonly Attribute[], known: ReadonlySet<number>): readonly number[] {
  const required = attributes.filter(({ type }) => type < FIRST_OPTIONAL && !known.has(type));
  return [...new Set(required.map(({ type }) => type))];
}

function mappedAddressOf(view: DataView, attributes: readonly Attribute[]): SocketAddress | null {
  const xored = attributes.find(({ type }) => type === STUN_ATTRIBUTE.xorMappedAddress);
  if (xored !== undefined) return readAddress(xored.value, (index) => view.getUint8(4 + index));
  // RFC 5389 §12.1: all that a server of RFC 3489 has.
  const plain = attributes.find(({ type }) => type === STUN_ATTRIBUTE.mappedAddress);
  return plain === undefined ? null : readAddress(plain.value, () => 0);
}

/** RFC 5389 §15.1, §15.2: family, port and address, mixed with the cookie and the transaction id (`mask`). */
function readAddress(value: DataView, mask: (index: number) => number): SocketAddress | null {
  const size = value.byteLength === 8 ? 4 : 16;
  const isRight = value.byteLength === 4 + size && value.getUint8(1) === (size === 4 ? 1 : 2);
  if (!isRight) return null;
  const port = value.getUint16(2) ^ ((mask(0) << 8) | mask(1));
  const octets = Array.from({ length: size }, (_, index) => value.getUint8(4 + index) ^ mask(index));
  return { address: size === 4 ? octets.join('.') : formatIpv6(octets), port };
}

function formatIpv6(octets: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, group) => {
    const [high = 0, low = 0] = octets.slice(2 * group, 2 * group + 2);
    return ((high << 8) | low).toString(16);
  });
  return groups.join(':');
}

/** RFC 5389 §15.6: the hundreds in three bits, then the rest. */
function errorCodeOf(attributes: readonly Attribute[]): number | null {
  const error = attributes.find(({ type }) => type === STUN_ATTRIBUTE.errorCode);
  if (error === undefined || error.value.byteLength < 4) return null;
  const hundreds = error.value.getUint8(2) & 7;
  const rest = error.value.getUint8(3);
  return hundreds >= 3 && hundreds <= 6 && rest < 100 ? hundreds * 100 + rest : null;
}

/** RFC 5389 §15: attributes from here on may be ignored by who does not know them. */
const FIRST_OPTIONAL = 0x8000;

/** Known, whatever of them means anything here: RFC 5389 §18.2 and RFC 8489 §18.3. */
const KNOWN_IN_REQUESTS: ReadonlySet<number> = new Set([
  0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020,
]);

/** RFC 5389 §12.1: a server of RFC 3489 also sends these, and they are to be ignored. */
const KNOWN_IN_RESPONSES: ReadonlySet<number> = new Set([
  ...KNOWN_IN_REQUESTS,
  0x0002,
  0x0004,
  0x0005,
  0x000b,
]);

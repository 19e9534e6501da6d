// STUN messages: the published vectors (RFC 5769), what must be ignored, and whatever else may come.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../../../src/core/rng.ts';
import { bindingAnswer, bindingRequest } from '../../../src/core/stun/binding.ts';
import { crc32 } from '../../../src/core/stun/crc32.ts';
import { parseStun, type StunMessage } from '../../../src/core/stun/message.ts';

type Vector = {
  readonly name: string;
  readonly hex: string;
  readonly parsed?: { readonly txid: string };
  readonly xorMapped?: { readonly address: string; readonly port: number };
};

const file = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/stun.json'), 'utf8')) as {
  readonly vectors: readonly Vector[];
  readonly derived: readonly Vector[];
};

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function vector(name: string): Vector {
  const found = [...file.vectors, ...file.derived].find((one) => one.name.startsWith(name));
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found;
}

/** A message of `type` with the given attributes and a transaction id of 01 … 0c. */
function message(type: string, attributes: string): Uint8Array {
  const length = (attributes.length / 2).toString(16).padStart(4, '0');
  return bytesOf(`${type}${length}2112a4420102030405060708090a0b0c${attributes}`);
}

/** `bytes` with a FINGERPRINT behind them, whose checksum is mixed with `mask`. */
function fingerprinted(bytes: Uint8Array, mask = 0x5354554e): Uint8Array {
  const whole = new Uint8Array(bytes.length + 8);
  whole.set(bytes);
  const view = new DataView(whole.buffer);
  view.setUint16(2, whole.length - 20);
  view.setUint32(bytes.length, 0x80280004);
  view.setUint32(bytes.length + 4, crc32(whole.subarray(0, bytes.length)) ^ mask);
  return whole;
}

describe('parseStun', () => {
  it.each(['IPv4 response', 'IPv6 response', 'Binding success response'])('R437 reads the %s', (name) => {
    const { hex, xorMapped } = vector(name);
    const { address, port } = xorMapped ?? { address: '', port: 0 };
    expect(parseStun(bytesOf(hex))).toMatchObject({
      type: 'success',
      mapped: { address, port },
      unknown: [],
    });
  });

  it('R432 reads requests, and names the attributes that one has to understand', () => {
    expect(parseStun(bytesOf(vector('minimal').hex))).toEqual({
      type: 'request',
      transactionId: '0102030405060708090a0b0c',
      unknown: [],
    });
    const { hex, parsed } = vector('sample request');
    // PRIORITY is of ICE.
    expect(parseStun(bytesOf(hex))).toEqual({
      type: 'request',
      transactionId: parsed?.txid,
      unknown: [0x24],
    });
    const authenticated = vector('request with long-term auth');
    expect(parseStun(bytesOf(authenticated.hex))).toMatchObject({ type: 'request', unknown: [] });
  });

  it('reads errors', () => {
    expect(parseStun(bytesOf(vector('Binding error 420').hex))).toMatchObject({ type: 'error', code: 420 });
    expect(parseStun(message('0111', ''))).toMatchObject({ type: 'error', code: null });
    expect(parseStun(message('0111', '0009000400000163'))).toMatchObject({ code: null });
  });

  it('R437 falls back to MAPPED-ADDRESS, and takes XOR-MAPPED-ADDRESS when there is one', () => {
    const plain = '0001000800011a2bc0000201';
    const mapped = { address: '192.0.2.1', port: 0x1a2b };
    expect(parseStun(message('0101', plain))).toMatchObject({ type: 'success', mapped });
    const xored = vector('Binding success response').hex.slice(40);
    const both = parseStun(message('0101', `${plain}${xored}`));
    expect(both).toMatchObject({ mapped: { address: '203.0.113.7', port: 5070 } });
    const version6 = '000100140002000a20010db8000000000000000000000001';
    expect(parseStun(message('0101', version6))).toMatchObject({
      mapped: { address: '2001:db8:0:0:0:0:0:1', port: 10 },
    });
  });

  it.each([
    ['of an unknown family', '0001000800031a2bc0000201'],
    ['whose length is that of the other family', '0001000800021a2bc0000201'],
    ['that is too short', '0001000400011a2b'],
  ])('finds no address in one %s', (_what, attribute) => {
    expect(parseStun(message('0101', attribute))).toMatchObject({ type: 'success', mapped: null });
  });

  it('R436 ignores what is optional, and names what is not', () => {
    expect(parseStun(message('0101', '8022000361626300c0570000'))).toMatchObject({ unknown: [] });
    expect(parseStun(message('0101', '7fff00007fff00007ffe0000'))).toMatchObject({
      unknown: [0x7fff, 0x7ffe],
    });
    // RFC 5389 §12.1: SOURCE-ADDRESS and CHANGED-ADDRESS of an old server.
    const old = '0004000800010d96c00002010005000800010d97c0000202';
    expect(parseStun(message('0101', old))).toMatchObject({ unknown: [] });
  });

  it('R439 checks a FINGERPRINT when there is one', () => {
    const good = fingerprinted(message('0101', ''));
    expect(parseStun(good)).toMatchObject({ type: 'success' });
    expect(parseStun(fingerprinted(message('0101', ''), 0x5354554f))).toBeNull();
    expect(parseStun(bytesOf(vector('IPv4 response').hex).fill(0x41, 30, 31))).toBeNull();
    const notLast = message('0101', `${Buffer.from(good.subarray(20)).toString('hex')}80220000`);
    expect(parseStun(notLast)).toBeNull();
  });

  it('sees nothing behind MESSAGE-INTEGRITY', () => {
    const sealed = `00080014${'00'.repeat(20)}7fff0000`;
    expect(parseStun(message('0101', sealed))).toMatchObject({ unknown: [] });
  });

  it.each([
    ['a truncated header', bytesOf(vector('truncated header').hex)],
    ['nothing', new Uint8Array(0)],
    ['another cookie', bytesOf('000100002112a4430102030405060708090a0b0c')],
    ['a length that is no multiple of four', bytesOf('000100022112a4420102030405060708090a0b0c0000')],
    ['a length beyond the datagram', bytesOf('000100042112a4420102030405060708090a0b0c')],
    ['bytes behind its length', bytesOf('000100002112a4420102030405060708090a0b0c00000000')],
    ['an attribute beyond the end', message('0101', '8022000500000000')],
    ['the first two bits set', bytesOf('400100002112a4420102030405060708090a0b0c')],
    ['another method', message('0003', '')],
  ])('R432 is null for %s', (_what, bytes) => {
    expect(parseStun(bytes)).toBeNull();
  });

  it('R438 reads an indication, which nobody answers', () => {
    expect(parseStun(message('0011', ''))).toEqual({ type: 'indication' });
  });

  it('never throws, whatever comes', () => {
    const good = [...file.vectors, ...file.derived].map(({ hex }) => bytesOf(hex));
    const spoiled = fc
      .tuple(fc.constantFrom(...good), fc.nat(), fc.uint8Array({ maxLength: 12 }))
      .map(([bytes, at, change]) => {
        const copy = Uint8Array.from(bytes);
        copy.set(change.subarray(0, copy.length), at % Math.max(1, copy.length - change.length + 1));
        return copy;
      });
    const stun = fc.uint8Array({ maxLength: 200 }).map((attributes) => {
      const whole = attributes.subarray(0, attributes.length - (attributes.length % 4));
      return message('0101', Buffer.from(whole).toString('hex'));
    });
    fc.assert(
      fc.property(fc.oneof(spoiled, stun, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const parsed: StunMessage | null = parseStun(bytes);
        return parsed === null || typeof parsed.type === 'string';
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what we send', () => {
  it('R433 is a request of twenty bytes with a new transaction id each time', () => {
    const rng = seededRng(1);
    const first = bindingRequest(rng);
    const second = bindingRequest(rng);
    expect(first.transactionId).not.toBe(second.transactionId);
    expect(parseStun(first.bytes)).toEqual({
      type: 'request',
      transactionId: first.transactionId,
      unknown: [],
    });
    expect(first.bytes).toHaveLength(20);
  });

  it.each([
    { address: '203.0.113.7', port: 5070 },
    { address: '2001:db8:0:0:0:0:ff:1', port: 65_535 },
  ])('R438 is an answer that says where the request came from: $address', (source) => {
    const request = { type: 'request', transactionId: '0102030405060708090a0b0c', unknown: [] } as const;
    const answer = bindingAnswer(request, source);
    expect(parseStun(answer)).toMatchObject({
      type: 'success',
      transactionId: request.transactionId,
      mapped: source,
    });
  });

  it('R438 is the very answer of the vector', () => {
    const request = parseStun(bytesOf(vector('minimal').hex));
    if (request?.type !== 'request') throw new Error('no request');
    const answer = bindingAnswer(request, { address: '203.0.113.7', port: 5070 });
    expect(Buffer.from(answer).toString('hex')).toBe(vector('Binding success response').hex);
  });

  it('refuses what one would have to understand, by name', () => {
    const request = {
      type: 'request',
      transactionId: '0102030405060708090a0b0c',
      unknown: [0x7fff],
    } as const;
    const answer = bindingAnswer(request, { address: '203.0.113.7', port: 5070 });
    expect(Buffer.from(answer).toString('hex')).toBe(vector('Binding error 420').hex);
  });
});

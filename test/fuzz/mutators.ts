// Ways to spoil a message, one at a time: single bits and bytes, pieces of other messages, repeated lines, numbers at the edge,
// and bytes that text should not have. All chance comes from the generator that is handed in.

import type { Rng } from '../../src/core/rng.ts';

/** Spoils `bytes` in one way; `other` gives what is spliced in. */
type Mutator = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

type Random = {
  /** A whole number from 0 to below `end`; 0 for an empty range. */
  readonly below: (end: number) => number;
  readonly oneOf: <T>(items: readonly [T, ...T[]]) => T;
};

export function randomOf(rng: Rng): Random {
  const below = (end: number): number => Math.floor(rng.unit() * Math.max(0, end));
  return { below, oneOf: (items) => items[below(items.length)] ?? items[0] };
}

/** `bytes` spoiled in one to `most` ways. */
export function mutated(
  bytes: Uint8Array,
  most: number,
  rng: Rng,
  others: readonly Uint8Array[],
): Uint8Array {
  const random = randomOf(rng);
  let spoiled = bytes;
  for (let left = 1 + random.below(most); left > 0; left--) {
    const other = others[random.below(others.length)] ?? bytes;
    spoiled = random.oneOf(MUTATORS)(spoiled, random, other);
  }
  return spoiled.length > LONGEST ? spoiled.subarray(0, LONGEST) : spoiled;
}

const LONGEST = 70_000;
const encoder = new TextEncoder();

const flipBit: Mutator = (bytes, { below }) => {
  const copy = bytes.slice();
  const at = below(copy.length);
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << below(8));
  return copy;
};

const insertByte: Mutator = (bytes, { below }) =>
  spliced(bytes, below(bytes.length + 1), 0, Uint8Array.of(below(256)));

const deleteBytes: Mutator = (bytes, { below }) => spliced(bytes, below(bytes.length), 1 + below(8), NOTHING);

const insertSign: Mutator = (bytes, { below, oneOf }) =>
  spliced(bytes, below(bytes.length + 1), 0, encoder.encode(oneOf(SIGNS)));

/** Bytes that are no UTF-8, or the ends of what is. */
const insertForeign: Mutator = (bytes, { below, oneOf }) =>
  spliced(bytes, below(bytes.length + 1), 0, oneOf(FOREIGN));

/** A piece of another message takes the place of one of ours; both end where tokens do. */
const spliceToken: Mutator = (bytes, random, other) => {
  const [from, to] = tokenIn(bytes, random);
  const [otherFrom, otherTo] = tokenIn(other, random);
  return spliced(bytes, from, to - from, other.subarray(otherFrom, otherTo));
};

const repeatLine: Mutator = (bytes, random) => {
  const [from, to] = lineIn(bytes, random);
  const times = random.oneOf([1, 1, 1, 2, 300]);
  const line = bytes.subarray(from, to);
  const copies = new Uint8Array(line.length * times);
  for (let copy = 0; copy < times; copy++) copies.set(line, copy * line.length);
  return spliced(bytes, to, 0, copies);
};

const takeLine: Mutator = (bytes, random, other) => {
  const [at] = lineIn(bytes, random);
  const [from, to] = lineIn(other, random);
  return spliced(bytes, at, 0, other.subarray(from, to));
};

const deleteLine: Mutator = (bytes, random) => {
  const [from, to] = lineIn(bytes, random);
  return spliced(bytes, from, to - from, NOTHING);
};

/** The next number takes a value at the edge of what is allowed. */
const replaceNumber: Mutator = (bytes, { below, oneOf }) => {
  const start = below(bytes.length);
  const from = bytes.findIndex((byte, at) => at >= start && isDigit(byte));
  if (from === -1) return bytes;
  let to = from;
  while (isDigit(bytes[to] ?? 0)) to++;
  return spliced(bytes, from, to - from, encoder.encode(oneOf(NUMBERS)));
};

const cutShort: Mutator = (bytes, { below }) => bytes.slice(0, below(bytes.length));

const appendOther: Mutator = (bytes, _, other) => spliced(bytes, bytes.length, 0, other);

const repeatPiece: Mutator = (bytes, { below, oneOf }) => {
  const at = below(bytes.length);
  const piece = bytes.subarray(at, at + 1 + below(4));
  const times = oneOf([2, 10, 100, 5_000]);
  const run = new Uint8Array(piece.length * times);
  for (let copy = 0; copy < times; copy++) run.set(piece, copy * piece.length);
  return spliced(bytes, at, 0, run);
};

const MUTATORS: readonly [Mutator, ...Mutator[]] = [
  flipBit,
  flipBit,
  insertByte,
  deleteBytes,
  insertSign,
  insertSign,
  insertForeign,
  spliceToken,
  spliceToken,
  repeatLine,
  takeLine,
  deleteLine,
  replaceNumber,
  cutShort,
  appendOther,
  repeatPiece,
];

const NOTHING = new Uint8Array(0);
const SIGNS: readonly [string, ...string[]] = [
  ...(['"', '\\', '<', '>', ',', ';', '=', ':', '@', '?', '&', '%', '%00', '[', ']', '(', ')'] as const),
  ...([
    '\r\n',
    '\r\n ',
    '\r',
    '\n',
    '\r\n\r\n',
    ' ',
    '\t',
    '\0',
    '\\\0',
    '*',
    '::',
    ':::',
    '/',
    '//',
    '-1',
  ] as const),
];
const FOREIGN: readonly [Uint8Array, ...Uint8Array[]] = [
  Uint8Array.of(0xff),
  Uint8Array.of(0xc3),
  Uint8Array.of(0xc0, 0x80),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
  Uint8Array.of(0xef, 0xbb, 0xbf),
  Uint8Array.of(0xe2, 0x80, 0xae),
  Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a),
  Uint8Array.of(0x00, 0x00, 0x00, 0x00),
];
const NUMBERS: readonly [string, ...string[]] = [
  ...([
    '0',
    '1',
    '-1',
    '00',
    '65535',
    '65536',
    '2147483647',
    '2147483648',
    '4294967295',
    '4294967296',
  ] as const),
  ...(['18446744073709551616', '9007199254740993', '1e9', '0x10', '1.5', '٣', ''] as const),
  '9'.repeat(400),
];

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const end = Math.min(bytes.length, at + remove);
  const whole = new Uint8Array(at + insert.length + bytes.length - end);
  whole.set(bytes.subarray(0, at));
  whole.set(insert, at);
  whole.set(bytes.subarray(end), at + insert.length);
  return whole;
}

function tokenIn(bytes: Uint8Array, { below }: Random): readonly [number, number] {
  let from = below(bytes.length);
  while (from > 0 && isTokenByte(bytes[from - 1] ?? 0)) from--;
  let to = from + 1;
  while (to < bytes.length && isTokenByte(bytes[to] ?? 0)) to++;
  return [from, Math.min(to, bytes.length)];
}

function lineIn(bytes: Uint8Array, { below }: Random): readonly [number, number] {
  const at = below(bytes.length);
  const end = bytes.indexOf(0x0a, at);
  return [bytes.lastIndexOf(0x0a, at - 1) + 1, end === -1 ? bytes.length : end + 1];
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isTokenByte(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2e;
}

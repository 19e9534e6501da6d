// Messages on a stream (RFC 3261 §18.3): bytes come in whatever pieces, whole messages go out. Between messages
// stand the line breaks of RFC 5626 §4.4.1. Pure: a push gives a new framer. However small the pieces are, a byte is
// searched once, copied at most six times, and held at about its own size.

import { failure, type Result, success } from '../result.ts';
import { declaredLength, isStartLine, type MessageError, messageError, parseHead } from './head.ts';
import { MAX_HEAD_BYTES, MAX_MESSAGE_BYTES } from './limits.ts';

const CR = 0x0d;
const LF = 0x0a;

/** What has come of the message so far, last piece first. A push adds one, and copies none of the others but when so
 * many small ones stand in a row that they become one of the next size: each costs some hundred bytes of its own. */
type Pieces = {
  readonly bytes: Uint8Array;
  readonly before: Pieces | null;
  /** How often the bytes in it were put together. */
  readonly size: number;
  /** Pieces of this size in a row, up to this one. */
  readonly row: number;
};

/** So many pieces of one size become one. */
const MAX_ROW = 64;

export type Framer = {
  /** `between`: no start line yet. `broken`: an error ended this stream, and nothing more is read. */
  readonly phase: 'between' | 'start-line' | 'head' | 'body' | 'broken';
  /** How many bytes of CRLFCRLF came last: the end of a head, or a ping. */
  readonly matched: number;
  readonly pieces: Pieces | null;
  /** Bytes in `pieces`. */
  readonly held: number;
  /** In `body`: the bytes of the whole message. */
  readonly size: number;
};

export type Framed = {
  readonly framer: Framer;
  readonly messages: readonly Uint8Array[];
  /** CRLFCRLF: the other side asks for a CRLF. A sign of life too: it may have been two answers. */
  readonly pings: number;
  /** A CRLF that no other followed at once: the answer to our ping. When a ping comes in two pieces, each of its
   * halves has been counted here before the whole is counted there. */
  readonly pongs: number;
  /** The stream cannot be read any further and must be closed; `head`, when known, is what a 400 would answer. */
  readonly error: MessageError | null;
};

/** A stream from which nothing has been read. */
export function emptyFramer(): Framer {
  return { phase: 'between', matched: 0, pieces: null, held: 0, size: 0 };
}

/** Reads the next `bytes` of the stream. Errors: those of parseHead, and SIP_PARSE_CONTENT_LENGTH when it is absent,
 * malformed or contradicts itself: on a stream nothing else says where a message ends (RFC 3261 §18.3). */
export function pushBytes(framer: Framer, bytes: Uint8Array): Framed {
  const reading = startReading(framer, bytes);
  while (reading.at < bytes.length && reading.phase !== 'broken') {
    if (reading.phase === 'between') passLineBreaks(reading);
    else if (reading.phase === 'body') readBody(reading);
    else readHead(reading);
  }
  if (reading.phase !== 'between' && reading.phase !== 'broken') keepRest(reading);
  const { phase, matched, pieces, held, size, messages, pings, pongs, error } = reading;
  return { framer: { phase, matched, pieces, held, size }, messages, pings, pongs, error };
}

/** A push at work: the framer's state and where in `bytes` it is. `start`: the first byte of `bytes` that belongs to
 * the message and is in no piece yet. */
type Reading = { -readonly [Key in keyof Framer]: Framer[Key] } & {
  readonly bytes: Uint8Array;
  readonly messages: Uint8Array[];
  at: number;
  start: number;
  pings: number;
  pongs: number;
  error: MessageError | null;
};

function startReading({ phase, matched, pieces, held, size }: Framer, bytes: Uint8Array): Reading {
  return {
    phase,
    matched,
    pieces,
    held,
    size,
    bytes,
    at: 0,
    start: 0,
    messages: [],
    pings: 0,
    pongs: 0,
    error: null,
  };
}

function passLineBreaks(reading: Reading): void {
  const { bytes } = reading;
  let counted = reading.matched >= 2;
  for (; reading.at < bytes.length; reading.at++) {
    const expected = reading.matched % 2 === 0 ? CR : LF;
    if (bytes[reading.at] !== expected) break;
    if (reading.matched < 3) reading.matched++;
    else {
      reading.pings++;
      if (counted) reading.pongs++;
      counted = false;
      reading.matched = 0;
    }
  }
  if (reading.matched >= 2 && !counted) reading.pongs++;
  if (reading.at === bytes.length) return;
  reading.phase = 'start-line';
  reading.matched = 0;
  reading.start = reading.at;
}

function readHead(reading: Reading): void {
  const ended = reachLineEnd(reading);
  const length = reading.held + reading.at - reading.start;
  if (length > MAX_HEAD_BYTES) {
    giveUp(reading, messageError('SIP_PARSE_TOO_LARGE', `the head is larger than ${MAX_HEAD_BYTES} bytes`));
  } else if (ended && reading.phase === 'head') startBody(reading, soFar(reading));
  else if (ended) checkStartLine(reading);
}

/** Moves to the end of the start line, of the head, or of the bytes; false for the last. */
function reachLineEnd(reading: Reading): boolean {
  const { bytes } = reading;
  const wanted = reading.phase === 'head' ? 4 : 2;
  let matched: number = reading.matched;
  while (reading.at < bytes.length && matched < wanted) {
    const next = matched === 0 ? bytes.indexOf(CR, reading.at) : reading.at;
    if (next === -1) reading.at = bytes.length;
    else {
      const expected = matched % 2 === 0 ? CR : LF;
      if (bytes[next] === expected) matched++;
      else matched = bytes[next] === CR ? 1 : 0;
      reading.at = next + 1;
    }
  }
  reading.matched = matched;
  return matched === wanted;
}

/** What never ends its head would never be found out otherwise: the banner of a mail server, say. */
function checkStartLine(reading: Reading): void {
  if (isStartLine(soFar(reading))) reading.phase = 'head';
  else
    giveUp(
      reading,
      messageError('SIP_PARSE_NOT_SIP', 'the first line is no SIP request and no SIP response'),
    );
}

function startBody(reading: Reading, head: Uint8Array): void {
  const size = messageSize(head);
  if (!size.ok) {
    giveUp(reading, size.error);
    return;
  }
  reading.phase = 'body';
  reading.size = size.value;
  if (reading.pieces !== null) {
    reading.pieces = addPiece(null, head, 0);
    reading.held = head.length;
    reading.start = reading.at;
  }
  if (reading.size === head.length) finish(reading);
}

/** The bytes of the whole message that begins with `headBytes`. */
function messageSize(headBytes: Uint8Array): Result<number, MessageError> {
  const head = parseHead(headBytes);
  if (!head.ok) return head;
  const length = declaredLength(head.value);
  if (!length.ok) return length;
  if (length.value === null) {
    const message = 'a message on a stream has no Content-Length';
    return failure(messageError('SIP_PARSE_CONTENT_LENGTH', message, head.value));
  }
  const size = headBytes.length + length.value;
  if (size <= MAX_MESSAGE_BYTES) return success(size);
  const message = `the message is larger than ${MAX_MESSAGE_BYTES} bytes`;
  return failure(messageError('SIP_PARSE_TOO_LARGE', message, head.value));
}

function readBody(reading: Reading): void {
  const end = reading.start + reading.size - reading.held;
  reading.at = Math.min(end, reading.bytes.length);
  if (reading.at === end) finish(reading);
}

/** A whole message is there: it goes out, and line breaks may follow. */
function finish(reading: Reading): void {
  reading.messages.push(soFar(reading));
  reading.phase = 'between';
  reading.matched = 0;
  reading.pieces = null;
  reading.held = 0;
  reading.size = 0;
}

/** Copies what a later push will complete, because the caller may use its buffer again. */
function keepRest(reading: Reading): void {
  const rest = reading.bytes.slice(reading.start);
  reading.pieces = addPiece(reading.pieces, rest, 0);
  reading.held += rest.length;
}

function addPiece(before: Pieces | null, bytes: Uint8Array, size: number): Pieces {
  const row = before?.size === size ? before.row + 1 : 1;
  const pieces = { bytes, before, size, row };
  if (row < MAX_ROW) return pieces;
  let length = 0;
  let first: Pieces | null = pieces;
  for (let left = row; left > 0 && first !== null; left--) {
    length += first.bytes.length;
    first = first.before;
  }
  return addPiece(first, joined(pieces, length), size + 1);
}

function giveUp(reading: Reading, error: MessageError): void {
  reading.phase = 'broken';
  reading.pieces = null;
  reading.held = 0;
  reading.error = error;
}

/** The message up to where the reading is, in one piece. */
function soFar({ pieces, held, bytes, start, at }: Reading): Uint8Array {
  const last = bytes.subarray(start, at);
  if (pieces === null) return last;
  const whole = joined(pieces, held, last.length);
  whole.set(last, held);
  return whole;
}

/** The last `length` bytes of `pieces`, and `room` for more after them. */
function joined(pieces: Pieces, length: number, room = 0): Uint8Array {
  const whole = new Uint8Array(length + room);
  let end = length;
  for (let piece: Pieces | null = pieces; piece !== null && end > 0; piece = piece.before) {
    end -= piece.bytes.length;
    whole.set(piece.bytes, end);
  }
  return whole;
}

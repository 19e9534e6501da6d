// The readers of network bytes as targets: each takes any bytes, and throws when a promise of its own does not hold. Most
// promises are that what was read can be written and read again, and that nothing is larger than its bound.

import { deepStrictEqual, ok } from 'node:assert/strict';
import { parseAuthenticationInfo } from '../../src/core/digest/authentication-info.ts';
import { parseChallenges } from '../../src/core/digest/challenge.ts';
import { redactMessageText } from '../../src/core/digest/redaction.ts';
import { parseAuthorization } from '../../src/core/digest/verification.ts';
import { answerInWords, printable } from '../../src/core/health/evidence.ts';
import type { Rng } from '../../src/core/rng.ts';
import { formatMessage } from '../../src/core/sip/format.ts';
import { emptyFramer, type Framed, pushBytes } from '../../src/core/sip/framer.ts';
import { listValues } from '../../src/core/sip/headers.ts';
import { MAX_HEADER_ROWS, MAX_LIST_VALUES } from '../../src/core/sip/limits.ts';
import { checkRequest } from '../../src/core/sip/mandatory.ts';
import type { HeaderField, SipMessage } from '../../src/core/sip/message.ts';
import { formatNameAddr, parseContacts, parseNameAddr } from '../../src/core/sip/name-addr.ts';
import { parseCSeq, parseDeltaSeconds, parseRetryAfter } from '../../src/core/sip/numbers.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { formatUri, parseUri } from '../../src/core/sip/uri.ts';
import { sameUri } from '../../src/core/sip/uri-compare.ts';
import { formatVia, parseVia, receivedAddress, topVia } from '../../src/core/sip/via.ts';
import { parseStun } from '../../src/core/stun/message.ts';
import type { Target } from './target.ts';

/** A datagram, and what becomes of it when it is sent back. */
export const parser: Target = {
  name: 'parser',
  run: (bytes) => {
    const parsed = parseMessage(bytes);
    if (!parsed.ok) {
      ok(/^SIP_PARSE_[A-Z_]+$/.test(parsed.error.code), `a stable code: ${parsed.error.code}`);
      return;
    }
    const message = parsed.value;
    ok(message.headers.length <= MAX_HEADER_ROWS, 'a bounded number of rows');
    if (message.kind === 'request') checkRequest(message);
    else answerInWords(message);
    topVia(message);
    readsTheSame(message);
  },
};

/** As an answer would be: a start line is never sent back. */
function readsTheSame(message: SipMessage): void {
  const headers = message.headers.filter(({ name }) => name !== 'Content-Length');
  const { body } = message;
  const echo = { kind: 'response', version: 'SIP/2.0', status: 200, reason: 'OK', headers, body } as const;
  const again = parseMessage(formatMessage(echo));
  // What was sent without its limits may be beyond them with a line more.
  if (!again.ok && again.error.code === 'SIP_PARSE_TOO_LARGE') return;
  ok(again.ok, 'what is written can be read');
  deepStrictEqual(again.value.headers.slice(0, -1), headers);
  deepStrictEqual(again.value.body, body);
}

/** A stream gives the same messages, however it is cut. */
export const framer: Target = {
  name: 'framer',
  run: (bytes, rng) => {
    const whole = pushAll([bytes]);
    for (let cutting = 0; cutting < 2; cutting++) {
      const split = pushAll(piecesOf(bytes, rng));
      deepStrictEqual(split, whole);
    }
    for (const message of whole.messages) ok(parseMessage(message).ok, 'a framed message can be parsed');
  },
};

type Framing = {
  readonly messages: readonly Uint8Array[];
  readonly pings: number;
  readonly error: string | null;
};

function pushAll(pieces: readonly Uint8Array[]): Framing {
  let state = emptyFramer();
  const messages: Uint8Array[] = [];
  let pings = 0;
  let error: string | null = null;
  for (const piece of pieces) {
    const framed: Framed = pushBytes(state, piece);
    state = framed.framer;
    for (const message of framed.messages) messages.push(message.slice());
    pings += framed.pings;
    error ??= framed.error?.code ?? null;
  }
  ok(state.phase === 'between' || state.phase === 'broken' || state.held > 0, 'it waits for something');
  return { messages, pings, error };
}

function piecesOf(bytes: Uint8Array, rng: Rng): readonly Uint8Array[] {
  const count = 1 + Math.floor(rng.unit() * 6);
  const cuts = Array.from({ length: count }, () => Math.floor(rng.unit() * (bytes.length + 1)));
  const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge));
}

/** Every reader of a header value, for every value of the message. */
export const values: Target = {
  name: 'values',
  run: (bytes) => {
    const parsed = parseMessage(bytes);
    const message = parsed.ok ? parsed.value : parsed.error.head;
    if (message === null) {
      readValue({ name: 'X', value: new TextDecoder().decode(bytes) });
      return;
    }
    if (message.kind === 'request') readUri(message.uri);
    for (const header of message.headers) readValue(header);
    ok(parseContacts(message.headers).contacts.length <= MAX_LIST_VALUES, 'a bounded number of contacts');
    readChallenges(message.headers);
  },
};

function readValue({ value }: HeaderField): void {
  readNumbers(value);
  const list = listValues([{ name: 'X', value }], 'X');
  ok(list.length <= MAX_LIST_VALUES, 'a bounded list');
  for (const one of list.slice(0, 8)) {
    readNameAddr(one);
    readVia(one);
  }
  readChallenges([{ name: 'WWW-Authenticate', value }]);
  parseAuthorization(value);
  const info = parseAuthenticationInfo([{ name: 'Authentication-Info', value }], 'www');
  ok(!hasControl(info?.nextnonce ?? ''), 'a nonce fits into a header');
  const shown = printable(value);
  ok(shown.length <= 201 && !hasControl(shown), 'what is shown is printable and bounded');
  ok(redactMessageText(`Authorization: ${value}`).startsWith('Authorization: '), 'redaction keeps the name');
}

function readNumbers(value: string): void {
  const seconds = parseDeltaSeconds(value);
  ok(
    seconds === null || (Number.isInteger(seconds) && seconds >= 0 && seconds <= 4_294_967_295),
    'an uint32',
  );
  const after = parseRetryAfter(value);
  ok(after === null || (after >= 0 && after <= 86_400), 'a day at most');
  const cseq = parseCSeq(value);
  ok(!cseq.ok || cseq.value.number <= 4_294_967_295, 'an uint32');
}

function readUri(text: string): void {
  const uri = parseUri(text);
  if (!uri.ok) return;
  const again = parseUri(formatUri(uri.value));
  ok(again.ok, 'a URI can be read again');
  deepStrictEqual(again.value, uri.value);
  ok(sameUri(uri.value, again.value), 'a URI is itself');
}

function readNameAddr(text: string): void {
  const address = parseNameAddr(text);
  if (!address.ok) return;
  const again = parseNameAddr(formatNameAddr(address.value));
  ok(again.ok, 'an address can be read again');
  deepStrictEqual(again.value.uri, address.value.uri);
  deepStrictEqual(again.value.params, address.value.params);
  readUri(address.value.uri);
}

function readVia(text: string): void {
  const via = parseVia(text);
  if (!via.ok) return;
  const again = parseVia(formatVia(via.value));
  ok(again.ok, 'a Via can be read again');
  deepStrictEqual(again.value, via.value);
  const { port } = receivedAddress(via.value);
  ok(port === null || (port > 0 && port < 65_536), 'a port');
}

function readChallenges(headers: readonly HeaderField[]): void {
  const { usable, unknownAlgorithms } = parseChallenges(headers);
  ok(usable.length + unknownAlgorithms.length <= 2 * 16, 'a bounded number of challenges');
  for (const { realm, nonce, opaque } of usable) {
    for (const text of [realm, nonce, opaque ?? '']) ok(!hasControl(text), 'it fits into a header');
  }
}

/** Whatever begins like STUN, and everything else too. */
export const stun: Target = { name: 'stun', run: (bytes) => void parseStun(bytes) };

function hasControl(text: string): boolean {
  return /[\u0000-\u0008\u000a-\u001f\u007f]/.test(text);
}

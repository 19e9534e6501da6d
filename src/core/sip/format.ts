// A message as bytes (RFC 3261 §7). Every line ends in CRLF, nothing is folded, and a line break within a field is
// a bug of ours: what goes to the wire has passed here, so that no text can smuggle in a header field.

import { assert, InvariantError } from '../assert.ts';
import { KNOWN_NAMES } from './header-names.ts';
import { headerValue } from './headers.ts';
import type { HeaderField, SipMessage } from './message.ts';
import { parseDeltaSeconds } from './numbers.ts';
import { isToken } from './scan.ts';

const ENCODER = new TextEncoder();
/** UTF-8 has no more for one UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;
const SHARED_BYTES = 16_384;

const ROW_BEGINNINGS: ReadonlyMap<string, string> = new Map(
  KNOWN_NAMES.map((name) => [name, `\r\n${name}: `]),
);

let shared = new Uint8Array(0);
let used = 0;

/** The message as it goes to the wire; Content-Length is added when it is absent. Throws InvariantError for a field
 * that cannot be written as it is. */
export function formatMessage(message: SipMessage): Uint8Array {
  const { headers, body } = message;
  let text = startLine(message);
  for (const { name, value } of headers) text += rowBeginning(name) + value;
  const length = headerValue(headers, 'Content-Length');
  if (length === null) text += `${rowBeginning('Content-Length')}${body.length}`;
  else assert(parseDeltaSeconds(length) === body.length, 'Content-Length is the length of the body');
  text += '\r\n\r\n';
  assertOneLineEach(headers, text);
  return bytesOf(text, body);
}

/** What stands between the values of two rows: a message is quickly made of few pieces of text. */
function rowBeginning(name: string): string {
  const known = ROW_BEGINNINGS.get(name);
  if (known !== undefined) return known;
  assert(isToken(name), 'a header name is a token');
  return `\r\n${name}: `;
}

/** UTF-8. Small messages share a buffer, one after another: a buffer of its own costs more than all else that is done
 * to write one. It goes when the last of them does, and they go when they are answered. */
function bytesOf(head: string, body: Uint8Array): Uint8Array {
  const most = MAX_BYTES_PER_UNIT * head.length + body.length;
  if (most > shared.length - used) {
    shared = new Uint8Array(Math.max(most, SHARED_BYTES));
    used = 0;
  }
  const start = used;
  used += ENCODER.encodeInto(head, shared.subarray(start)).written;
  shared.set(body, used);
  used += body.length;
  return shared.subarray(start, used);
}

function startLine(message: SipMessage): string {
  if (message.kind === 'request') {
    assert(isToken(message.method), 'a method is a token');
    assert(/^[^\x00-\x20<>\x7f]+$/.test(message.uri), 'a Request-URI has no white space and no brackets');
    assert(isVersion(message.version), 'a version is SIP/2.0');
    return `${message.method} ${message.uri} ${message.version}`;
  }
  assert(isVersion(message.version), 'a version is SIP/2.0');
  assert(
    Number.isInteger(message.status) && message.status >= 100 && message.status <= 699,
    'a status is 100 to 699',
  );
  assert(isOneLine(message.reason), 'a reason phrase is one line');
  return `${message.version} ${message.status} ${message.reason}`;
}

/** Throws unless the lines of `text` end where those of `headers` do. RFC 3261 §25.1: NUL may stand in a quoted-pair
 * (RFC 4475 §3.1.1.2), and a To that has one must be sent back. */
function assertOneLineEach(headers: readonly HeaderField[], text: string): void {
  // The whole text is searched, and not each value: a value is made of pieces, which would be put together twice.
  let at = text.indexOf('\r\n') + 2;
  for (const { name, value } of headers) {
    const end = at + name.length + ': '.length + value.length;
    const isOneLine = text.indexOf('\r', at) === end && text.indexOf('\n', at) === end + 1;
    if (!isOneLine) throw new InvariantError(`the value of ${name} is one line`);
    at = end + 2;
  }
  assert(!text.includes('\0') || !/(?<!\\)\0/.test(text), 'a NUL stands in a quoted-pair only');
}

function isVersion(text: string): boolean {
  return text === 'SIP/2.0' || /^SIP\/\d+\.\d+$/i.test(text);
}

/** Whether a reason phrase is one line. */
function isOneLine(text: string): boolean {
  return !/[\r\n]|(?<!\\)\0/.test(text);
}

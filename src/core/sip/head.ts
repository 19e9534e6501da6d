// The head of a message, from the start line to the empty line (RFC 3261 §7): rows become header fields, unfolded
// and under their canonical names. Values are not looked at. Parser and framer share it, so that both always agree
// on where a message ends.

import { failure, type Result, success } from '../result.ts';
import { canonicalName, knownNameAt } from './header-names.ts';
import { sameName } from './headers.ts';
import { MAX_HEAD_BYTES, MAX_HEADER_ROWS } from './limits.ts';
import { type HeaderField, NO_BODY, type ParseError, type SipMessage } from './message.ts';
import { parseDeltaSeconds } from './numbers.ts';
import { isToken, skipSpace } from './scan.ts';

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const VERSION = 'SIP/2.0';
const STATUS_LINE = /^SIP[ \t]*\//i;
const VERSION_AT_END = /[ \t](SIP[ \t]*\/[ \t]*\d+\.\d+)$/i;
/** Characters at the end of a request line in which its version is looked for. */
const MAX_VERSION_LENGTH = 24;
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes that are not one whole SIP message. `head` is what could be read all the same: a request whose body is
 * broken can still be answered with 400. */
export type MessageError = ParseError & { readonly head: SipMessage | null };

export function messageError(code: string, message: string, head: SipMessage | null = null): MessageError {
  return { code, message, head };
}

/** The offset of the first byte that is no line break: CRLFs before a start line mean nothing (RFC 3261 §7.5). */
export function skipLineBreaks(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at;
}

/** `bytes` as text: UTF-8, in which whatever is none becomes U+FFFD. */
export function decoded(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

/** The offset after the empty line that ends the head which starts at `start`; -1 when there is none. `text` is all of
 * `bytes`, decoded. */
export function endOfHead(bytes: Uint8Array, start: number, text = decoded(bytes)): number {
  if (text.length === bytes.length) {
    // Each byte is one character, and a text is searched much faster than bytes are.
    const emptyLine = text.indexOf('\r\n\r\n', start);
    return emptyLine === -1 ? -1 : emptyLine + 4;
  }
  for (let at = bytes.indexOf(CR, start); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at + 4;
  }
  return -1;
}

/** Reads a head, `bytes` and `text` being all of it; the message has no body yet. Errors: SIP_PARSE_NOT_SIP,
 * SIP_PARSE_START_LINE, SIP_PARSE_TOO_LARGE. */
export function parseHead(bytes: Uint8Array, text = decoded(bytes)): Result<SipMessage, MessageError> {
  if (bytes.length > MAX_HEAD_BYTES) {
    return failure(messageError('SIP_PARSE_TOO_LARGE', `the head is larger than ${MAX_HEAD_BYTES} bytes`));
  }
  const isWithoutNul = !text.includes('\0');
  const end = endOfLine(text, 0);
  const headers = parseRows(text, end + 2, isWithoutNul);
  if (headers === null) {
    return failure(messageError('SIP_PARSE_TOO_LARGE', `more than ${MAX_HEADER_ROWS} header rows`));
  }
  const line = lineText(text, 0, end, isWithoutNul);
  return STATUS_LINE.test(line) ? parseStatusLine(line, headers) : parseRequestLine(line, headers);
}

/** Whether a line can start a SIP message; the banner of another protocol cannot. */
export function isStartLine(bytes: Uint8Array): boolean {
  const line = decoded(bytes).trim();
  return STATUS_LINE.test(line) || VERSION_AT_END.test(line.slice(-MAX_VERSION_LENGTH));
}

/** Content-Length; null when there is none. Error SIP_PARSE_CONTENT_LENGTH: not a number, or two different ones. */
export function declaredLength(message: SipMessage): Result<number | null, MessageError> {
  let declared: number | null = null;
  for (const { name, value } of message.headers) {
    if (!sameName(name, 'Content-Length')) continue;
    const length = parseDeltaSeconds(value);
    if (length === null || (declared !== null && declared !== length)) {
      return failure(
        messageError(
          'SIP_PARSE_CONTENT_LENGTH',
          'Content-Length is malformed or contradicts itself',
          message,
        ),
      );
    }
    declared = length;
  }
  return success(declared);
}

/** RFC 3261 §7.1. Error SIP_PARSE_NOT_SIP: there is no SIP version at its end. */
function parseRequestLine(line: string, headers: readonly HeaderField[]): Result<SipMessage, MessageError> {
  const first = line.search(/[ \t]/);
  const version = VERSION_AT_END.exec(line.slice(-MAX_VERSION_LENGTH))?.[1];
  if (version === undefined || !isToken(line.slice(0, first))) {
    return failure(messageError('SIP_PARSE_NOT_SIP', 'the first line is no SIP request and no SIP response'));
  }
  // RFC 4475 §3.1.2.9: more than one space is no reason to refuse.
  const uri = line.slice(first, line.length - version.length).trim();
  if (uri === '') return failure(messageError('SIP_PARSE_START_LINE', 'the request line has no Request-URI'));
  return success({ kind: 'request', method: line.slice(0, first), uri, version, headers, body: NO_BODY });
}

/** RFC 3261 §7.2. RFC 4475 §3.1.2.19: a status is three digits; a longer one must not wrap into another. */
function parseStatusLine(line: string, headers: readonly HeaderField[]): Result<SipMessage, MessageError> {
  const version = line.startsWith(VERSION) ? VERSION : line.slice(0, VERSION.length);
  const start = skipSpace(line, VERSION.length);
  const end = start + 3;
  const status = parseDeltaSeconds(line.slice(start, end)) ?? 0;
  const reason = skipSpace(line, end);
  const isSeparated = start > VERSION.length && (reason > end || end === line.length);
  if (version.toUpperCase() !== VERSION || !isSeparated || status < 100 || status > 699) {
    return failure(messageError('SIP_PARSE_START_LINE', 'the status line is malformed'));
  }
  return success({
    kind: 'response',
    version,
    status,
    reason: line.slice(reason),
    headers,
    body: NO_BODY,
  });
}

/** The rows from `start` on; null when there are too many. A row without a name is nobody's, and is left out. */
function parseRows(text: string, start: number, isWithoutNul: boolean): readonly HeaderField[] | null {
  const headers: HeaderField[] = [];
  for (let at = start, rows = 0; at < text.length; rows++) {
    const endOfFirst = endOfLine(text, at);
    if (endOfFirst === at) break;
    if (rows === MAX_HEADER_ROWS) return null;
    const end = endOfRow(text, endOfFirst);
    const colon = text.indexOf(':', at);
    const name = colon === -1 || colon > end ? null : headerName(text, at, colon);
    if (name !== null) {
      const start = colon + 1;
      const value =
        end === endOfFirst ? lineText(text, start, end, isWithoutNul) : unfolded(text.slice(start, end));
      headers.push({ name, value });
    }
    at = end + 2;
  }
  return headers;
}

/** The name of a row, from `start` to `end`, as it is to be called; null when it is none. */
function headerName(text: string, start: number, end: number): string | null {
  const known = knownNameAt(text, start, end);
  if (known !== null) return known;
  const name = text.slice(start, end).trimEnd();
  return isToken(name) ? canonicalName(name) : null;
}

/** The end of the row whose first line ends at `end`, with all lines that are folded into it. */
function endOfRow(text: string, endOfFirst: number): number {
  let end = endOfFirst;
  while (isSpace(text.charCodeAt(end + 2))) end = endOfLine(text, end + 2);
  return end;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\r\n', at);
  return end === -1 ? text.length : end;
}

/** What stands between `start` and `end`, in one line, without the white space around it. */
function lineText(text: string, start: number, end: number, isWithoutNul: boolean): string {
  // Header values begin with one space: without it there is nothing left to trim.
  const first = text.charCodeAt(start) === SPACE ? start + 1 : start;
  const line = text.slice(first, end);
  const isClean = text.indexOf('\r', start) === end && text.indexOf('\n', start) === end + 1;
  return (isClean && isWithoutNul ? line : withoutStrayBreaks(line)).trim();
}

/** RFC 3261 §7.3.1: a line break with the white space around it is one space. */
function unfolded(value: string): string {
  const lines = value.split('\r\n').map((line) => withoutStrayBreaks(line).trim());
  return lines.join(' ').trim();
}

/** A CR or LF alone ends no line, and NUL belongs into a quoted-pair only: each becomes a space, so that whatever
 * one row smuggles in stays in that row, and no value that was parsed is refused when it is sent back. */
function withoutStrayBreaks(line: string): string {
  return line.replace(/[\r\n]|(?<!\\)\0/g, ' ');
}

function isSpace(code: number): boolean {
  return code === SPACE || code === 0x09;
}

// The parameter lists of Digest header fields (RFC 3261 §25.1, RFC 7616 §3.3): one tolerant scanner for
// challenges, credentials and Authentication-Info. It never throws; what a value means is decided elsewhere.

import { sameName } from '../sip/headers.ts';
import { MAX_LIST_VALUES, MAX_PARAMS } from '../sip/limits.ts';
import { endOfQuoted, unquote } from '../sip/scan.ts';

/** In order, values unquoted; of a repeated name there is only the first. */
export type Parameters = readonly Parameter[];

type Parameter = { readonly name: string; readonly value: string };

/** One scheme and its parameters; `scheme` is in lower case, "" when the list began without one. */
export type SchemeParameters = { readonly scheme: string; readonly parameters: Parameters };

/** The value of the parameter called `name`, in any case; undefined without one. */
export function parameterValue(parameters: Parameters, name: string): string | undefined {
  for (const parameter of parameters) if (sameName(parameter.name, name)) return parameter.value;
  return undefined;
}

/**
 * Splits a header value into schemes with their parameters; several challenges may share one row. Commas inside
 * quotes are text. What is neither a scheme nor a parameter is passed over. Each character is looked at a bounded
 * number of times, so that hostile text costs linear time.
 */
export function scanSchemes(text: string): readonly SchemeParameters[] {
  const schemes: SchemeParameters[] = [];
  let parameters: Parameter[] = [];
  let named = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfWord(text, at);
    if (end === at) {
      at = text.charCodeAt(at) === QUOTE ? endOfQuotedText(text, at) : at + 1;
      continue;
    }
    const name = text.slice(at, end);
    const next = skipWhiteSpace(text, end);
    if (text.charCodeAt(next) === EQUALS) {
      const start = skipWhiteSpace(text, next + 1);
      at = endOfValue(text, start);
      if (schemes.length === 0) schemes.push({ scheme: '', parameters });
      addParameter(parameters, name, text.slice(start, at));
    } else {
      at = end;
      // RFC 7235 §2.1: a scheme is a name that is followed by a space and its first parameter.
      if (next === end || !beginsParameter(text, next)) continue;
      if (named === MAX_LIST_VALUES) break;
      named++;
      parameters = [];
      schemes.push({ scheme: name.toLowerCase(), parameters });
    }
  }
  return schemes;
}

/** Whether `text` has a character that must not be copied into a header of ours, such as CR or LF. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

function addParameter(parameters: Parameter[], name: string, written: string): void {
  if (parameters.length === MAX_PARAMS || parameterValue(parameters, name) !== undefined) return;
  const isQuoted = written.charCodeAt(0) === QUOTE;
  parameters.push({ name, value: isQuoted ? unquote(closed(written)) : written.trim() });
}

/** A quoted string that ends with its quote: one that is never closed runs to the end of the text. */
function closed(written: string): string {
  if (endOfQuoted(written, 0) !== -1) return written;
  // A backslash at the very end quotes nothing.
  return endOfQuoted(`${written}"`, 0) === -1 ? `${written.slice(0, -1)}"` : `${written}"`;
}

function beginsParameter(text: string, at: number): boolean {
  const end = endOfWord(text, at);
  return end > at && text.charCodeAt(skipWhiteSpace(text, end)) === EQUALS;
}

/** The end of a value: of a quoted string, or before the next comma or quote. */
function endOfValue(text: string, at: number): number {
  if (text.charCodeAt(at) === QUOTE) return endOfQuotedText(text, at);
  let end = at;
  while (end < text.length && text.charCodeAt(end) !== COMMA && text.charCodeAt(end) !== QUOTE) end++;
  return end;
}

function endOfQuotedText(text: string, at: number): number {
  const end = endOfQuoted(text, at);
  return end === -1 ? text.length : end;
}

/** The end of a run of anything but white space and `,;="`. */
function endOfWord(text: string, at: number): number {
  let end = at;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code < FIRST_BEYOND_ASCII ? WORD[code] === 0 : isWhiteSpace(code)) break;
  }
  return end;
}

function skipWhiteSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && isWhiteSpace(text.charCodeAt(next))) next++;
  return next;
}

/** As regular expressions have it: what comes from outside may hold any of it. */
function isWhiteSpace(code: number): boolean {
  if (code < FIRST_BEYOND_ASCII) return code === SPACE || (code >= TAB && code <= CR);
  return /\s/.test(String.fromCharCode(code));
}

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const TAB = 0x09;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const FIRST_BEYOND_ASCII = 0x80;
const WORD = Uint8Array.from({ length: FIRST_BEYOND_ASCII }, (_, code) =>
  /[^\s,;="]/.test(String.fromCharCode(code)) ? 1 : 0,
);

// The parameters of header values (RFC 3261 §25.1 generic-param): white space around ";" and "=", values that are
// tokens, hosts or quoted strings. Those of URIs know neither white space nor quotes and are read in uri.ts.

import { failure, type Result, success } from '../result.ts';
import { MAX_PARAMS } from './limits.ts';
import type { ParseError } from './message.ts';
import { CASE_BIT, endOfQuoted, endOfToken, skipSpace, unescaped } from './scan.ts';
import { formatParam, type Param, param } from './uri.ts';

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const NO_PARAMS = success<readonly Param[]>([]);

/** What ends a value that is not quoted. */
const SEPARATOR = Uint8Array.from({ length: 128 }, (_, code) =>
  ' \t;,"<>'.includes(String.fromCharCode(code)) ? 1 : 0,
);

/** Reads `;name=value;name…` from `at` to the end of `text`. Error: SIP_PARSE_PARAM. */
export function parseParams(text: string, at: number): Result<readonly Param[], ParseError> {
  if (at === text.length) return NO_PARAMS;
  const params: Param[] = [];
  const reading = readingFrom(text, at);
  while (isOnNext(reading)) {
    const name = nameText(reading);
    // Of a repeated name the first counts (RFC 3261 §7.3.1).
    if (param(params, name) === undefined) params.push({ name, value: valueText(reading) });
  }
  return reading.brokenAt === -1 ? success(params) : paramError(reading.brokenAt);
}

/** For each name that was asked for the decoded value (paramValue); undefined: there is no such parameter. */
export type ChosenValues = readonly (string | null | undefined)[];

/**
 * Of the same text only what the parameters called `names` (in lower case) say, in that order. All the others are only
 * checked; null: one of them is malformed.
 */
export function chosenValues(text: string, at: number, names: readonly string[]): ChosenValues | null {
  const values: (string | null | undefined)[] = names.map(() => undefined);
  const reading = readingFrom(text, at);
  while (isOnNext(reading)) {
    const index = indexIn(names, reading);
    if (index !== -1 && values[index] === undefined) values[index] = decodedValue(reading);
  }
  return reading.brokenAt === -1 ? values : null;
}

/** Where a reader of parameters stands. What is not asked for is not made. */
type Reading = {
  readonly text: string;
  next: number;
  count: number;
  name: number;
  nameEnd: number;
  /** -1: the parameter has no value. */
  value: number;
  valueEnd: number;
  /** The offset of what is malformed, which ends the reading; -1: nothing. */
  brokenAt: number;
};

function readingFrom(text: string, at: number): Reading {
  const next = skipSpace(text, at);
  return { text, next, count: 0, name: 0, nameEnd: 0, value: -1, valueEnd: 0, brokenAt: -1 };
}

/** Goes on to the next parameter; false: there is none. */
function isOnNext(reading: Reading): boolean {
  const { text, next } = reading;
  if (next === text.length) return false;
  if (text.charCodeAt(next) !== SEMICOLON || reading.count === MAX_PARAMS) return broken(reading, next);
  const name = skipSpace(text, next + 1);
  const nameEnd = endOfToken(text, name);
  if (nameEnd === name) return broken(reading, name);
  reading.count++;
  reading.name = name;
  reading.nameEnd = nameEnd;
  const equals = skipSpace(text, nameEnd);
  reading.value = -1;
  reading.next = equals;
  if (text.charCodeAt(equals) !== EQUALS) return true;
  const value = skipSpace(text, equals + 1);
  const valueEnd = endOfValue(text, value);
  if (valueEnd === -1) return broken(reading, value);
  reading.value = value;
  reading.valueEnd = valueEnd;
  reading.next = skipSpace(text, valueEnd);
  return true;
}

function broken(reading: Reading, offset: number): false {
  reading.brokenAt = offset;
  return false;
}

function nameText({ text, name, nameEnd }: Reading): string {
  return text.slice(name, nameEnd);
}

/** As it stands there; null without one. */
function valueText({ text, value, valueEnd }: Reading): string | null {
  return value === -1 ? null : text.slice(value, valueEnd);
}

function decodedValue(reading: Reading): string | null {
  const { text, value, valueEnd } = reading;
  const isQuoted = value !== -1 && text.charCodeAt(value) === QUOTE;
  return isQuoted ? unescaped(text.slice(value + 1, valueEnd - 1)) : valueText(reading);
}

/** Which of `names` the parameter has; -1: another one. */
function indexIn(names: readonly string[], reading: Reading): number {
  for (let index = 0; index < names.length; index++) {
    if (isCalled(names[index] ?? '', reading)) return index;
  }
  return -1;
}

function isCalled(wanted: string, reading: Reading): boolean {
  const { text, name, nameEnd } = reading;
  if (nameEnd - name !== wanted.length) return false;
  // Most have another first letter, or are written as everybody writes them: then nothing has to be made to see it.
  if ((text.charCodeAt(name) | CASE_BIT) !== wanted.charCodeAt(0)) return false;
  return text.startsWith(wanted, name) || nameText(reading).toLowerCase() === wanted;
}

/** `;name=value…`; of a repeated name only the first is written (RFC 3261 §7.3.1). */
export function formatParams(params: readonly Param[]): string {
  let text = '';
  for (const entry of params) if (param(params, entry.name) === entry) text += `;${formatParam(entry)}`;
  return text;
}

/** The end of a quoted string or of a run without separators: more than the grammar's token and host, because
 * servers put bare URIs into parameters. -1 for a quoted string that never closes. */
function endOfValue(text: string, at: number): number {
  if (text.charCodeAt(at) === QUOTE) return endOfQuoted(text, at);
  let end = at;
  while (end < text.length && SEPARATOR[text.charCodeAt(end)] !== 1) end++;
  return end;
}

function paramError(offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_PARAM', message: 'a parameter is malformed', offset });
}

// What an answer says for itself, in words that are safe to print: status, reason phrase, Warning, Retry-After. Text
// from the network may hold anything; control characters would drive the reader's terminal, so they never pass.

import { headerRows, headerValue } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseRetryAfter } from '../sip/numbers.ts';
import { durationText } from './words.ts';

/** More than this of one foreign text helps nobody. */
const MAX_TEXT = 200;

/** A digest response, an HA1: a server may echo in its reason phrase what we sent, and it must not be printed. */
const HASH = /[0-9a-f]{32,}/gi;

/** What JSON leaves as it is, but a terminal or a reader does not: C1 controls, line and paragraph separators,
 * bidirectional marks and embeddings (UAX #9), characters without width, the byte order mark. */
const TREACHEROUS =
  '\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb';
const TREACHEROUS_CHARACTER = new RegExp(`[${TREACHEROUS}]`, 'g');
const UNPRINTABLE = new RegExp(`[\\u0000-\\u001f${TREACHEROUS}]+`, 'g');

/** Foreign `text` without control characters and hashes, and not longer than a line. */
export function printable(text: string): string {
  return printableUpTo(MAX_TEXT, text.replace(HASH, '…'));
}

/** `text` without control characters, cut after `limit` characters. */
export function printableUpTo(limit: number, text: string): string {
  const clean = text.replace(UNPRINTABLE, ' ').trim();
  if (clean.length <= limit) return clean;
  // Half of a surrogate pair is no character.
  return `${clean.slice(0, limit).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** `text` of several lines as a terminal may show it: what would drive it becomes "?", each line keeps its place. */
export function printableLines(text: string): string {
  const lines = text.split(/\r?\n/);
  return lines.map((line) => line.replace(UNPRINTABLE, (run) => run.replace(/[^\t]/g, '?'))).join('\n');
}

/** JSON that a terminal may show: what JSON does not escape by itself is escaped too. */
export function printableJson(json: string): string {
  return json.replace(
    TREACHEROUS_CHARACTER,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** "403 Forbidden (Warning: 399 pbx "too many contacts")", "503 Service Unavailable (Retry-After: 2 min)". */
export function answerInWords(response: SipResponse): string {
  const reason = printable(response.reason);
  const status = reason === '' ? String(response.status) : `${response.status} ${reason}`;
  const warnings = headerRows(response.headers, 'Warning').map((row) => printable(row));
  const wait = retryAfterOf(response);
  const more = [
    ...(warnings.length === 0 ? [] : [`Warning: ${printable(warnings.join('; '))}`]),
    ...(wait === null ? [] : [`Retry-After: ${durationText(wait)}`]),
  ];
  return more.length === 0 ? status : `${status} (${more.join(', ')})`;
}

/** The seconds of Retry-After, at most one day; null without one. */
export function retryAfterOf(response: SipResponse): number | null {
  const value = headerValue(response.headers, 'Retry-After');
  return value === null ? null : parseRetryAfter(value);
}

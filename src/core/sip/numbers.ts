// The numbers of SIP header fields: delta-seconds, Retry-After and CSeq (RFC 3261 §20.16, §20.19, §20.33). What does
// not fit into 32 bits is refused, never cut, as RFC 4475 §3.1.2.4 and §3.1.2.5 ask; only Retry-After is clamped.

import { failure, type Result, success } from '../result.ts';
import type { ParseError } from './message.ts';
import { endOfToken, isToken, skipSpace } from './scan.ts';

/** The longest Retry-After that is believed, seconds: one day. */
const MAX_RETRY_AFTER_SECONDS = 86_400;
const MAX_UINT32 = 4_294_967_295;

export type CSeq = { readonly number: number; readonly method: string };

/** Seconds of an Expires, Min-Expires or `expires` parameter; null when malformed or beyond 2^32-1. */
export function parseDeltaSeconds(text: string): number | null {
  const digits = text.trim();
  return digits === '' ? null : uint32(digits, 0, digits.length);
}

/** The number that the digits from `start` to `end` make; null for other characters and beyond 2^32-1. */
function uint32(text: string, start: number, end: number): number | null {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
    if (value > MAX_UINT32) return null;
  }
  return value;
}

/** Seconds of a Retry-After, one day at most; null when it does not start with a number. A comment and parameters
 * may follow it (RFC 3261 §20.33). */
export function parseRetryAfter(value: string): number | null {
  const text = value.trim();
  const end = endOfDigits(text, 0);
  if (end === 0) return null;
  const next = text.charAt(skipSpace(text, end));
  if (next !== '' && next !== '(' && next !== ';') return null;
  return Math.min(Number(text.slice(0, end)), MAX_RETRY_AFTER_SECONDS);
}

/** "0009 INVITE": a number below 2^32 and a method, whose case counts (RFC 3261 §8.1.1.5). */
export function parseCSeq(value: string): Result<CSeq, ParseError> {
  const text = value.trim();
  const end = endOfDigits(text, 0);
  const method = text.slice(skipSpace(text, end));
  const number = end === 0 ? null : uint32(text, 0, end);
  if (number === null || endOfToken(text, end) !== end || !isToken(method)) {
    return failure({
      code: 'SIP_PARSE_CSEQ',
      message: 'CSeq is not a 32-bit number and a method',
      offset: end,
    });
  }
  return success({ number, method });
}

function endOfDigits(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end++;
  return end;
}

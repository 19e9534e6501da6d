// The parameters of header values (RFC 3261 §25.1 generic-param): white space around ";" and "=", values that are
// tokens, hosts or quoted strings. Those of URIs know neither white space nor quotes and are read in uri.ts.

import { failure, type Result, success } from '../result.ts';
import { MAX_PARAMS } from './limits.ts';
import type { ParseError } from './message.ts';
import { endOfQuoted, endOfToken, skipSpace } from './scan.ts';
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
  let count = 0;
  for (let next = skipSpace(text, at); next < text.length; count++) {
    if (text.charCodeAt(next) !== SEMICOLON || count === MAX_PARAMS) return paramError(next);
    const start = skipSpace(text, next + 1);
    const end = endOfToken(text, start);
    if (end === start) return paramError(start);
    const name = text.slice(start, end);
    next = skipSpace(text, end);
    let value: string | null = null;
    if (text.charCodeAt(next) === EQUALS) {
      const valueStart = skipSpace(text, next + 1);
      const valueEnd = endOfValue(text, valueStart);
      if (valueEnd === -1) return paramError(valueStart);
      value = text.slice(valueStart, valueEnd);
      next = skipSpace(text, valueEnd);
    }
    // Of a repeated name the first counts (RFC 3261 §7.3.1).
    if (param(params, name) === undefined) params.push({ name, value });
  }
  return success(params);
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

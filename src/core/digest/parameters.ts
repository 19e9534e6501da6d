// The parameter lists of Digest header fields (RFC 3261 §25.1, RFC 7616 §3.3): one tolerant scanner for
// challenges, credentials and Authentication-Info. It never throws; what a value means is decided elsewhere.

import { MAX_LIST_VALUES, MAX_PARAMS } from '../sip/limits.ts';
import { unquote } from '../sip/scan.ts';

/** Names in lower case, values unquoted; of a repeated name the first counts. */
export type Parameters = ReadonlyMap<string, string>;

/** One scheme and its parameters; `scheme` is in lower case, "" when the list began without one. */
export type SchemeParameters = { readonly scheme: string; readonly parameters: Parameters };

/**
 * Splits a header value into schemes with their parameters; several challenges may share one row. Commas inside
 * quotes are text. What is neither a scheme nor a parameter is passed over.
 */
export function scanSchemes(value: string): readonly SchemeParameters[] {
  const first = { scheme: '', parameters: new Map<string, string>() };
  const schemes = [first];
  let current = first;
  let position = 0;
  while (position < value.length) {
    const piece =
      matchAt(PARAMETER, value, position) ??
      matchAt(SCHEME, value, position) ??
      matchAt(NOISE, value, position);
    if (piece === null) break;
    position += piece[0].length;
    const { scheme, name, quoted, plain } = piece.groups ?? {};
    if (scheme !== undefined) {
      if (schemes.length > MAX_LIST_VALUES) break;
      current = { scheme: scheme.toLowerCase(), parameters: new Map() };
      schemes.push(current);
    } else if (name !== undefined && current.parameters.size < MAX_PARAMS) {
      const key = name.toLowerCase();
      const text = quoted === undefined ? (plain ?? '').trim() : unquote(`"${quoted}"`);
      if (!current.parameters.has(key)) current.parameters.set(key, text);
    }
  }
  return first.parameters.size > 0 ? schemes : schemes.slice(1);
}

/** Whether `text` has a character that must not be copied into a header of ours, such as CR or LF. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

function matchAt(pattern: RegExp, value: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(value);
}

// A quote that is never closed runs to the end. Each pattern looks at a character a bounded number of times, so
// that hostile text costs linear time.
const PARAMETER = /(?<name>[^\s,;="]+)\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\[\s\S])*)"?|(?<plain>[^,"]*))/y;
// RFC 7235 §2.1: a scheme is a name that is followed by a space and its first parameter.
const SCHEME = /(?<scheme>[^\s,;="]+)(?=\s+[^\s,;="]+\s*=)/y;
const NOISE = /[^\s,;="]+|"(?:[^"\\]|\\[\s\S])*"?|[\s\S]/y;
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

// Reading header rows (RFC 3261 §7.3.1): a field may be one comma-separated row or many rows, in any mix, and both
// mean the same list. Credentials and challenges are no such lists: they are read row by row (headerRows).

import { MAX_LIST_VALUES } from './limits.ts';
import type { HeaderField } from './message.ts';
import { CASE_BIT, endOfQuoted } from './scan.ts';

const FIRST_BEYOND_ASCII = 0x80;
const NONE: readonly string[] = [];
const COMMA = 0x2c;
const QUOTE = 0x22;
const LESS = 0x3c;

/** Whether two header names are the same; they are told apart without regard to case (RFC 3261 §7.3.1). */
export function sameName(a: string, b: string): boolean {
  if (a === b) return true;
  // Most names differ in their length or in one of the first letters: then nothing has to be made to see it.
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if ((x | CASE_BIT) !== (y | CASE_BIT) && (x | y) < FIRST_BEYOND_ASCII) return false;
  }
  return a.toLowerCase() === b.toLowerCase();
}

/** The value of the first row called `name`; null when there is none. */
export function headerValue(headers: readonly HeaderField[], name: string): string | null {
  for (const header of headers) if (sameName(header.name, name)) return header.value;
  return null;
}

/** The values of all rows called `name`, in order, not split. */
export function headerRows(headers: readonly HeaderField[], name: string): readonly string[] {
  let rows: string[] | null = null;
  for (const header of headers) {
    if (!sameName(header.name, name)) continue;
    if (rows === null) rows = [header.value];
    else rows.push(header.value);
  }
  return rows ?? NONE;
}

/** The list that all rows called `name` make together: empty values are dropped, MAX_LIST_VALUES at most. */
export function listValues(headers: readonly HeaderField[], name: string): readonly string[] {
  let values: string[] | null = null;
  for (const { name: other, value: row } of headers) {
    if (!sameName(other, name)) continue;
    for (let at = 0; at <= row.length; ) {
      const end = endOfListValue(row, at);
      const value = row.slice(at, end).trim();
      at = end + 1;
      if (value === '') continue;
      if (values === null) values = [value];
      else if (values.length === MAX_LIST_VALUES) return values;
      else values.push(value);
    }
  }
  return values ?? NONE;
}

/** The option tags of a Supported, Require or Unsupported field, in lower case. */
export function optionTags(headers: readonly HeaderField[], name: string): readonly string[] {
  const values = listValues(headers, name);
  return values.length === 0 ? NONE : values.map((tag) => tag.toLowerCase());
}

/** The offset of the comma that ends the value at `at`, or the length of the row. RFC 3261 §7.3.1, §20: a comma
 * in a quoted string or within <> separates nothing. */
export function endOfListValue(row: string, at: number): number {
  if (row.indexOf(',', at) === -1) return row.length;
  for (let next = at; next < row.length; next++) {
    const code = row.charCodeAt(next);
    if (code === COMMA) return next;
    if (code === QUOTE) {
      const end = endOfQuoted(row, next);
      if (end === -1) return row.length;
      next = end - 1;
    } else if (code === LESS) {
      const end = row.indexOf('>', next);
      if (end === -1) return row.length;
      next = end;
    }
  }
  return row.length;
}

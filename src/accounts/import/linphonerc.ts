// The syntax of linphonerc: [section] lines, `key=value` lines, comments after "#" or ";" at the start of a line. What a value
// begins with belongs to it, blanks too; numbers end where their digits do.

import { parseSeconds } from './server-address.ts';

export type LinphoneSection = {
  readonly name: string;
  /** Where its head stands. */
  readonly line: number;
  /** Of a repeated key the last value; keys without one are not there. */
  readonly values: ReadonlyMap<string, string>;
};

/** The sections in their order; what stands before the first one, and what is no line of the kinds above, is passed over. */
export function parseLinphonerc(text: string): readonly LinphoneSection[] {
  const sections: { name: string; line: number; values: Map<string, string> }[] = [];
  for (const [at, row] of text.split(/\r?\n/).entries()) {
    const line = row.trim();
    if (line.startsWith('#') || line.startsWith(';')) continue;
    if (line.startsWith('[') && line.endsWith(']')) {
      sections.push({ name: line.slice(1, -1).trim(), line: at + 1, values: new Map() });
      continue;
    }
    const equals = line.indexOf('=');
    const value = line.slice(equals + 1);
    if (equals > 0 && value.trim() !== '') sections.at(-1)?.values.set(line.slice(0, equals).trim(), value);
  }
  return sections;
}

/** A number, with or without a remark behind it. */
export function numberIn(values: LinphoneSection['values'], key: string): number | undefined {
  return parseSeconds(/^\s*\d+/.exec(values.get(key) ?? '')?.[0] ?? '');
}

/** Those called `prefix` and a number, by number, from 0 up to the first that is missing: linphone reads no further. */
export function numbered(
  sections: readonly LinphoneSection[],
  prefix: string,
): { readonly read: readonly LinphoneSection[]; readonly unread: readonly LinphoneSection[] } {
  const all = new Map<number, LinphoneSection>();
  for (const section of sections) {
    const digits = section.name.startsWith(prefix) ? section.name.slice(prefix.length) : '';
    if (/^\d{1,9}$/.test(digits) && !all.has(Number(digits))) all.set(Number(digits), section);
  }
  const read: LinphoneSection[] = [];
  for (let next = all.get(0); next !== undefined; next = all.get(read.length)) {
    read.push(next);
    all.delete(read.length - 1);
  }
  return { read, unread: [...all.values()] };
}

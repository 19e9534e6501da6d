// `opensips-cli -x mi uac_registrant:upsert aor=… contact=…` (and its older name, reg_upsert), one command a line as a shell
// reads it: quotes, backslashes, lines that go on after a backslash.

import type { BrokenRow, TableRow } from './table-rows.ts';

const COMMAND = /\b(?:uac_registrant:upsert|reg_upsert)\s/;

export function hasUpserts(text: string): boolean {
  return /^[^#\n]*\b(?:uac_registrant:upsert|reg_upsert)\s/m.test(text);
}

export type UpsertReading = {
  /** The arguments of each command under the names of the table's columns. */
  readonly rows: readonly (TableRow | BrokenRow)[];
  /** The text with nothing but line breaks in place of the commands, which may have quotes of a shell. */
  readonly rest: string;
};

export function readUpserts(text: string): UpsertReading {
  const rows: (TableRow | BrokenRow)[] = [];
  const rest: string[] = [];
  const lines = text.split('\n');
  let from = 0;
  for (const [at, row] of lines.entries()) {
    if (goesOn(row) && at + 1 < lines.length) continue;
    const command = lines.slice(from, at + 1);
    const joined = `${command.join('\n')}\n`;
    const isUpsert = !/^\s*#/.test(joined) && COMMAND.test(joined);
    if (isUpsert) rows.push(rowFrom(joined, from + 1));
    for (const line of command) rest.push(isUpsert ? '' : line);
    from = at + 1;
  }
  return { rows, rest: rest.join('\n') };
}

/** Whether the backslash at its end is no escaped one. */
function goesOn(row: string): boolean {
  let count = 0;
  for (let at = row.length - (row.endsWith('\r') ? 2 : 1); row[at] === '\\'; at--) count++;
  return count % 2 === 1;
}

function rowFrom(command: string, line: number): TableRow | BrokenRow {
  return command.length > MAX_COMMAND
    ? { line, why: 'it is longer than a shell would take it' }
    : { line, values: argumentsIn(command) };
}

/** What Linux takes as one argument; expressions that read millions of characters at once run out of stack. */
const MAX_COMMAND = 131_072;

function argumentsIn(command: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const word of shellWords(command)) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(equals, 0)).toLowerCase();
    if (/^[a-z_]+$/.test(name)) values.set(name === 'contact' ? 'binding_uri' : name, word.slice(equals + 1));
  }
  return values;
}

function shellWords(command: string): readonly string[] {
  const words: string[] = [];
  for (const [word] of command.matchAll(/(?:[^\s'"\\]+|\\[\s\S]?|'[^']*'?|"(?:[^"\\]|\\[\s\S]?)*"?)+/g)) {
    const parts = word.matchAll(/\\([\s\S])|'([^']*)'?|"((?:[^"\\]|\\[\s\S])*)"?|([^\s'"\\]+)/g);
    words.push(
      Array.from(parts, ([, escaped, single, double, plain]) => {
        if (escaped !== undefined) return /[\r\n]/.test(escaped) ? '' : escaped;
        return single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? plain ?? '';
      }).join(''),
    );
  }
  return words;
}

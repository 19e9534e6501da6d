// `opensips-cli -x mi uac_registrant:upsert aor=… contact=…` (and its older name, reg_upsert), one command a line as a shell
// reads it: quotes, backslashes, lines that go on after a backslash.

import type { TableRow } from './table-rows.ts';

const COMMAND = /\b(?:uac_registrant:upsert|reg_upsert)\s/;

export function hasUpserts(text: string): boolean {
  return /^[^#\n]*\b(?:uac_registrant:upsert|reg_upsert)\s/m.test(text);
}

/** The arguments of each command under the names of the table's columns. */
export function upsertRows(text: string): readonly TableRow[] {
  const rows: TableRow[] = [];
  let line = 1;
  for (const [command] of text.matchAll(/(?:[^\\\n]+|\\(?:\r?\n|.)?)+\n?|\n/g)) {
    if (!/^\s*#/.test(command) && COMMAND.test(command)) rows.push({ line, values: argumentsIn(command) });
    line += command.split('\n').length - 1;
  }
  return rows;
}

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

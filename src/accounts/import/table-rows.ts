// The rows of one database table in the files that Kamailio and OpenSIPS users have: SQL as mysqldump, pg_dump and sqlite3
// write it or as people do, and db_text, whose first line names the columns.

import { lineStarts, positionAt } from '../text-position.ts';
import { sqlRows } from './sql-rows.ts';
import { withoutEscapes } from './sql-tokens.ts';
import { MAX_ROW, type RowFinding, rowOf, type TableShape, TOO_LONG } from './table-shape.ts';

export type TableRow = {
  readonly line: number;
  readonly values: ReadonlyMap<string, string>;
};

/** A row or statement that cannot be read. */
export type BrokenRow = { readonly line: number; readonly why: string };

export function rowsOfTable(text: string, shape: TableShape): readonly (TableRow | BrokenRow)[] {
  const columns = dbTextColumns(text);
  const findings = columns === null ? sqlRows(text, shape) : dbTextRows(text, columns);
  const starts = lineStarts(text);
  return findings.map(({ at, ...finding }) => ({ line: positionAt(starts, at).line, ...finding }));
}

/** Whether the text has rows of this table, or at least a place for them. */
export function hasTable(text: string, { name, marks }: TableShape): boolean {
  const columns = dbTextColumns(text);
  if (columns !== null) return marks.every((mark) => columns.includes(mark));
  const named = new RegExp(`^[ \\t]*(?:insert|replace|copy|create)\\b[^\\n(]*\\b${name}\\b`, 'im').test(text);
  const isSql = named || /^[ \t]*(?:insert|replace|copy)\b/im.test(text);
  return named || (isSql && marks.every((mark) => new RegExp(`\\b${mark}\\b`, 'i').test(text)));
}

/** `id(int,auto) l_uuid(string)`; null: the first line is none of db_text. */
function dbTextColumns(text: string): readonly string[] | null {
  const end = text.indexOf('\n');
  const words = text
    .slice(0, end === -1 ? text.length : end)
    .trim()
    .split(/\s+/);
  return words.every((word) => /^\w+\(\w+(?:,\w+)*\)$/.test(word))
    ? words.map((word) => word.slice(0, word.indexOf('(')).toLowerCase())
    : null;
}

function dbTextRows(text: string, columns: readonly string[]): readonly RowFinding[] {
  return Array.from(text.matchAll(/^.+$/gm))
    .slice(1)
    .filter(([row]) => row.trim() !== '')
    .map(({ 0: row, index }) =>
      row.length > MAX_ROW ? { at: index, why: TOO_LONG } : rowOf(index, columns, fieldsOf(row)),
    );
}

/** Fields stand between ":"; a backslash takes the next character out of it. */
function fieldsOf(row: string): readonly string[] {
  const fields = [''];
  for (const [piece] of row.matchAll(/\\.|[^\\:]+|[\\:]/g)) {
    if (piece === ':') fields.push('');
    else fields.push((fields.pop() ?? '') + piece);
  }
  return fields.map(withoutEscapes);
}

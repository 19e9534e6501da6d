// The rows of one table in SQL: INSERT and REPLACE with VALUES or SET, and the COPY blocks of pg_dump. Columns are those that
// the statement names, else those of the CREATE TABLE before it, else of the version that has as many.

import {
  dialectOf,
  endOfStatement,
  nextToken,
  type SqlDialect,
  type SqlToken,
  withoutEscapes,
} from './sql-tokens.ts';
import { MAX_ROW, type RowFinding, rowOf, type TableShape, TOO_LONG } from './table-shape.ts';

export function sqlRows(text: string, shape: TableShape): readonly RowFinding[] {
  const script: Script = { text, dialect: dialectOf(text), shape, at: 0, created: null, findings: [] };
  for (let token = takeFirst(script); token !== null; token = takeFirst(script)) {
    const read = token.type === 'word' ? STATEMENTS.get(token.text.toUpperCase()) : undefined;
    if (read === undefined) skipStatement(script, token);
    else read(script, token);
  }
  return script.findings;
}

/** How far the reading is. */
type Script = {
  readonly text: string;
  readonly dialect: SqlDialect;
  readonly shape: TableShape;
  at: number;
  /** The columns of the table's CREATE TABLE. */
  created: readonly string[] | null;
  readonly findings: RowFinding[];
};

const STATEMENTS: ReadonlyMap<string, (script: Script, first: SqlToken) => void> = new Map([
  ['INSERT', readInsert],
  ['REPLACE', readInsert],
  ['CREATE', readCreate],
  ['COPY', readCopy],
]);

function readInsert(script: Script, first: SqlToken): void {
  const name = takeName(script, takeWords(script));
  const next = take(script);
  if (isWord(next, 'SET')) {
    readAssignments(script, name, first);
    return;
  }
  const named = isMark(next, '(') ? takeList(script).map(({ text }) => text.toLowerCase()) : null;
  const before = named === null ? next : take(script);
  if (!isTable(script, name, named)) {
    skipStatement(script, before);
    return;
  }
  if (!isWord(before, 'VALUES') && !isWord(before, 'VALUE')) {
    script.findings.push({ at: first.start, why: 'it has no VALUES: write it as INSERT … VALUES (…)' });
    skipStatement(script, before);
    return;
  }
  let token = take(script);
  while (token !== null && isMark(token, '(')) {
    const { values, end } = takeValues(script);
    const columns = named ?? script.created ?? layoutOf(script.shape, values.length);
    const isWhole = isMark(end, ')');
    keepRow(script, token.start, isWhole, { columns, values });
    token = isWhole ? take(script) : end;
    if (isMark(token, ',')) token = take(script);
  }
  skipStatement(script, token);
}

/** `INSERT INTO name SET column = value, …`, as MySQL has it. */
function readAssignments(script: Script, name: string | null, first: SqlToken): void {
  const columns: string[] = [];
  const values: (string | null)[] = [];
  let end: SqlToken | null;
  do {
    columns.push(take(script)?.text.toLowerCase() ?? '');
    take(script);
    const value = takeValue(script);
    values.push(value.literal);
    end = value.end;
  } while (isMark(end, ',') && columns.length < MAX_COLUMNS);
  if (isTable(script, name, columns)) {
    const isWhole = end === null || isMark(end, ';') || isWord(end, 'ON');
    keepRow(script, first.start, isWhole, { columns, values });
  }
  skipStatement(script, end);
}

type Row = { readonly columns: readonly string[]; readonly values: readonly (string | null)[] };

/** A row that began at `start` and was read up to here. */
function keepRow({ findings, at }: Script, start: number, isWhole: boolean, { columns, values }: Row): void {
  if (at - start > MAX_ROW) findings.push({ at: start, why: TOO_LONG });
  else if (isWhole) findings.push(rowOf(start, columns, values));
  else findings.push({ at: start, why: 'it ends in the middle' });
}

/** Keeps what CREATE TABLE says of the columns. */
function readCreate(script: Script): void {
  const name = takeName(script, takeWords(script));
  const open = take(script);
  if (!isMark(open, '(') || !isTable(script, name, null)) {
    skipStatement(script, open);
    return;
  }
  script.created = takeList(script)
    .filter(({ type, text }) => type === 'name' || !CONSTRAINTS.has(text.toUpperCase()))
    .map(({ text }) => text.toLowerCase());
  skipStatement(script, take(script));
}

/** `COPY name (columns) FROM stdin;` and its rows up to `\.`; those of other tables are passed over unread. */
function readCopy(script: Script): void {
  const name = takeName(script, take(script));
  const next = take(script);
  const named = isMark(next, '(') ? takeList(script).map(({ text }) => text.toLowerCase()) : null;
  skipStatement(script, named === null ? next : take(script));
  const start = script.text.indexOf('\n', script.at) + 1;
  if (start === 0) return;
  const end = endOfCopy(script.text, start);
  script.at = end;
  if (!isTable(script, name, named)) return;
  for (const { 0: line, index } of script.text.slice(start, end).matchAll(/^.+$/gm)) {
    if (line.length > MAX_ROW) {
      script.findings.push({ at: start + index, why: TOO_LONG });
      continue;
    }
    const row = line.replace(/\r$/, '');
    const values = row.split('\t').map((field) => (field === '\\N' ? null : withoutEscapes(field)));
    const columns = named ?? script.created ?? layoutOf(script.shape, values.length);
    if (row !== '\\.') script.findings.push(rowOf(start + index, columns, values));
  }
}

function endOfCopy(text: string, start: number): number {
  for (let at = start; at !== 0; at = text.indexOf('\n', at) + 1) {
    if (/^\\\.\r?(?:\n|$)/.test(text.slice(at, at + 4))) return at + 2;
  }
  return text.length;
}

function isTable({ shape }: Script, name: string | null, columns: readonly string[] | null): boolean {
  return name === shape.name || (columns !== null && shape.marks.every((mark) => columns.includes(mark)));
}

function layoutOf({ layouts }: TableShape, count: number): readonly string[] {
  return layouts.find(({ length }) => length === count) ?? layouts[0] ?? [];
}

function take(script: Script): SqlToken | null {
  const token = nextToken(script.text, script.at, script.dialect);
  script.at = token?.end ?? script.text.length;
  return token;
}

/** The first of a statement. */
function takeFirst(script: Script): SqlToken | null {
  BETWEEN.lastIndex = script.at;
  script.at += BETWEEN.exec(script.text)?.[0].length ?? 0;
  return take(script);
}

const BETWEEN = /[\s;]+/y;

/** The first token that is none of the words between a statement and the name of its table. */
function takeWords(script: Script): SqlToken | null {
  let token = take(script);
  while (token?.type === 'word' && NOISE.has(token.text.toUpperCase())) token = take(script);
  return token;
}

/** The name that begins with `first`, without its schema; null: it is none. */
function takeName(script: Script, first: SqlToken | null): string | null {
  let name = first;
  while (isMark(nextToken(script.text, script.at, script.dialect), '.')) {
    take(script);
    name = take(script);
  }
  return isName(name) ? name.text.toLowerCase() : null;
}

/** A text too: `mysqldump --compatible=ansi` quotes names as texts are in its dialect. */
function isName(token: SqlToken | null): token is SqlToken {
  return token?.type === 'word' || token?.type === 'name' || token?.type === 'text';
}

/** More than a table has in MySQL or PostgreSQL. */
const MAX_COLUMNS = 4097;

/** The first word or name of each item up to the ")" that closes the list. */
function takeList(script: Script): readonly SqlToken[] {
  const firsts: SqlToken[] = [];
  let isFirst = true;
  for (let depth = 1; depth > 0; ) {
    const token = take(script);
    if (token === null || token.type === 'broken') return firsts;
    if (isFirst && isName(token) && firsts.length < MAX_COLUMNS) firsts.push(token);
    isFirst = depth === 1 && isMark(token, ',');
    if (isMark(token, '(')) depth++;
    if (isMark(token, ')')) depth--;
  }
  return firsts;
}

/** The values up to the ")" that closes the row, or to what ends it in the middle. */
function takeValues(script: Script): {
  readonly values: readonly (string | null)[];
  readonly end: SqlToken | null;
} {
  const values: (string | null)[] = [];
  for (;;) {
    const { literal, end } = takeValue(script);
    if (values.length < MAX_COLUMNS) values.push(literal);
    if (!isMark(end, ',')) return { values, end };
  }
}

/** A value and what ends it: a mark between values or behind the last, the word ON, or the end of the text. */
function takeValue(script: Script): { readonly literal: string | null; readonly end: SqlToken | null } {
  const tokens: SqlToken[] = [];
  for (let depth = 0; ; ) {
    const token = take(script);
    const isOver = token === null || token.type === 'broken' || isMark(token, ';');
    if (isOver || (depth === 0 && (isMark(token, ',') || isMark(token, ')') || isWord(token, 'ON')))) {
      return { literal: isOver && depth > 0 ? null : literalIn(tokens), end: token };
    }
    if (isMark(token, '(')) depth++;
    if (isMark(token, ')')) depth--;
    if (tokens.length < MAX_TOKENS) tokens.push(token);
  }
}

/** Far more than a text or number with its character set or cast has. */
const MAX_TOKENS = 64;

/** A text, with or without a character set before it or a cast after it, or a number; null: something else. */
function literalIn(tokens: readonly SqlToken[]): string | null {
  const texts = tokens.filter(({ type }) => type === 'text');
  if (tokens.some((token) => isMark(token, '('))) return null;
  if (texts.length === 1) return texts[0]?.text ?? null;
  const [word] = tokens;
  return tokens.length === 1 && word !== undefined && /^-?\d+$/.test(word.text) ? word.text : null;
}

/** Goes on behind the ";" that is `token` or comes after it. */
function skipStatement(script: Script, token: SqlToken | null): void {
  if (token === null) script.at = script.text.length;
  else if (!isMark(token, ';')) script.at = endOfStatement(script.text, token.end, script.dialect);
}

function isMark(token: SqlToken | null, text: string): boolean {
  return token?.type === 'mark' && token.text === text;
}

function isWord(token: SqlToken | null, text: string): boolean {
  return token?.type === 'word' && token.text.toUpperCase() === text;
}

const NOISE: ReadonlySet<string> = new Set(
  'IGNORE LOW_PRIORITY DELAYED HIGH_PRIORITY OR INTO TEMPORARY UNLOGGED TABLE IF NOT EXISTS'.split(' '),
);

/** What an item of CREATE TABLE begins with when it is no column. */
const CONSTRAINTS: ReadonlySet<string> = new Set(
  'CONSTRAINT PRIMARY UNIQUE KEY INDEX FULLTEXT SPATIAL CHECK FOREIGN EXCLUDE LIKE PERIOD'.split(' '),
);

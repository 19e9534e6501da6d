// The tokens of SQL as dumps have them, in the dialect of MySQL or in that of the standard (PostgreSQL, SQLite): words and
// numbers, quoted names, quoted texts, marks. Comments are passed over.

import { MAX_ROW } from './table-shape.ts';

export type SqlToken = {
  /** `broken`: a quote that never closes; the text is over. */
  readonly type: 'word' | 'name' | 'text' | 'mark' | 'broken';
  /** A text without its quotes and escapes; empty for one that no row has room for. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
};

/** In MySQL "\" escapes and `"` quotes texts; in the standard "\" is itself and `"` quotes names. */
export type SqlDialect = 'mysql' | 'standard';

export function dialectOf(text: string): SqlDialect {
  const isStandard = /standard_conforming_strings|PostgreSQL database dump|^PRAGMA |\bpublic\./m.test(text);
  // Of a name, not just anywhere: a password may have a backtick.
  const isMysql = /\b(?:into|table|exists)\s+`/i.test(text);
  return isStandard && !isMysql ? 'standard' : 'mysql';
}

/** The token at `from` or after it; null: there is none. */
export function nextToken(text: string, from: number, dialect: SqlDialect): SqlToken | null {
  const start = skipBlank(text, from, dialect);
  if (start >= text.length) return null;
  const first = text.charAt(start);
  if (first === "'" || (first === '"' && dialect === 'mysql'))
    return quoted(text, start, 'text', dialect === 'mysql');
  if (first === '"' || first === '`') return quoted(text, start, 'name', false);
  // PostgreSQL: E'…' has escapes.
  if (/^E'$/i.test(text.slice(start, start + 2))) {
    return { ...quoted(text, start + 1, 'text', true), start };
  }
  WORD.lastIndex = start;
  const word = WORD.exec(text)?.[0];
  if (word === undefined) return { type: 'mark', text: first, start, end: start + 1 };
  return { type: 'word', text: word, start, end: start + word.length };
}

/** Where the statement that goes on at `from` ends, after its ";". */
export function endOfStatement(text: string, from: number, dialect: SqlDialect): number {
  for (let at = from; ; ) {
    STATEMENT_MARK.lastIndex = at;
    const mark = STATEMENT_MARK.exec(text);
    if (mark === null) return text.length;
    if (mark[0] === ';') return mark.index + 1;
    const comment = endOfComment(text, mark.index, dialect);
    at = comment > mark.index ? comment : (nextToken(text, mark.index, dialect)?.end ?? text.length);
  }
}

/** What ends a statement, or may hold a ";" that does not. A word that ends in "e" is no E'…'. */
const STATEMENT_MARK = /;|(?<![\w$\u0080-\uffff-])E'|['"`#]|--|\/\*/gi;

const WORD = /[\w$\u0080-\uffff-]+/y;
const BLANK = /\s+/y;

function skipBlank(text: string, from: number, dialect: SqlDialect): number {
  for (let at = from; ; ) {
    BLANK.lastIndex = at;
    const blank = BLANK.exec(text)?.[0].length ?? 0;
    const comment = endOfComment(text, at + blank, dialect);
    if (comment === at) return at;
    at = comment;
  }
}

/** `at` itself when no comment begins there. */
function endOfComment(text: string, at: number, dialect: SqlDialect): number {
  const [end, length] = text.startsWith('/*', at)
    ? [text.indexOf('*/', at + 2), 2]
    : text.startsWith('--', at) || (dialect === 'mysql' && text.startsWith('#', at))
      ? [text.indexOf('\n', at), 1]
      : [at, 0];
  return end === -1 ? text.length : end + length;
}

function quoted(text: string, start: number, type: 'text' | 'name', hasEscapes: boolean): SqlToken {
  const quote = text.charAt(start);
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (hasEscapes && character === '\\') at++;
    else if (character === quote && text.charAt(at + 1) === quote) at++;
    else if (character === quote) {
      const isLong = at - start > MAX_ROW;
      const inside = isLong ? '' : unquoted(text.slice(start + 1, at), quote, hasEscapes);
      return { type, text: inside, start, end: at + 1 };
    }
  }
  return { type: 'broken', text: '', start, end: text.length };
}

function unquoted(inside: string, quote: string, hasEscapes: boolean): string {
  const single = inside.replaceAll(quote + quote, quote);
  return hasEscapes && single.includes('\\') ? withoutEscapes(single) : single;
}

/** "\n", "\t" and their like; a backslash before anything else goes. */
export function withoutEscapes(text: string): string {
  return text.replace(/\\([\s\S])/g, (_, character: string) => ESCAPES.get(character) ?? character);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['Z', '\x1a'],
]);

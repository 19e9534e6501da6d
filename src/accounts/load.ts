// Reads and checks the accounts file (interface.md, "Accounts file"). A right file costs a JSON.parse and
// the schema; only a wrong one is taken apart again, to say at which line and column.

import { dirname, resolve } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import { type BoundedContent, readAtMost, utf8Of } from '../runtime/bounded-file.ts';
import { inconsistencies } from './consistency.ts';
import { type Accounts, accountsOf } from './defaults.ts';
import { type ConfigProblem, renderPath, suggestKey } from './explain.ts';
import { MAX_ACCOUNTS_FILE_BYTES } from './glance.ts';
import { keptDocument } from './kept-document.ts';
import type { AccountsDocument } from './schema.ts';
import type { Ha1Entry } from './secret-schema.ts';
import { checkShape } from './shape.ts';
import type { ShapeProblem } from './structure.ts';

export type LoadedAccounts = {
  /** Absolute. */
  readonly path: string;
  /** Where relative paths in the file start. */
  readonly directory: string;
  readonly document: () => AccountsDocument;
  readonly accounts: Accounts;
  /** To be told at each start. */
  readonly warnings: readonly string[];
};

/** Why there are no accounts: no file (exit 66), or a wrong one (exit 78). */
export type ConfigProblems = {
  readonly kind: 'missing' | 'unreadable' | 'invalid';
  readonly exit: 66 | 78;
  /** At least one; for `missing` and `unreadable` exactly one, at line 1. */
  readonly problems: readonly ConfigProblem[];
};

/** Deeper than any document that the schema lets pass; what follows here recurses. */
const MAX_DEPTH = 32;

/** Reads and checks the file at `path`. */
export async function loadAccounts(path: string): Promise<Result<LoadedAccounts, ConfigProblems>> {
  const file = resolve(path);
  const read = await readBounded(file);
  if (!read.ok) return read;
  const checked = await checkText(file, read.value.text);
  if (!checked.ok) return checked;
  const { document, accounts } = checked.value;
  const warnings = permissionWarnings(file, read.value.mode, document());
  return success({ path: file, directory: dirname(file), document, accounts, warnings });
}

type CheckedDocument = Pick<LoadedAccounts, 'document' | 'accounts'>;

/** Checks the text of an accounts file; `file` only names it in problems. */
export async function checkText(
  file: string,
  text: string,
): Promise<Result<CheckedDocument, ConfigProblems>> {
  const { keys, depth } = measureText(text);
  if (depth > MAX_DEPTH) return failure(invalid([wholeFile(file, 'is nested too deeply', OTHER_FILE)]));
  const parsed = parseJson(text);
  if (parsed === undefined || countKeys(parsed.value) !== keys) {
    return failure(invalid(await textProblems(file, text)));
  }
  const shape = checkShape(parsed.value);
  if (!shape.ok) return failure(invalid(await placed(file, text, shape.error)));
  const document = keptDocument(shape.value);
  const accounts = accountsOf(document);
  const problems = inconsistencies(accounts).map((found) => withOrigin(found, document()));
  if (problems.length > 0) return failure(invalid(await placed(file, text, problems)));
  return success({ document, accounts });
}

/** Who looks for the key at the account must know that it does not stand there. */
function withOrigin(found: ShapeProblem, { accounts }: AccountsDocument): ShapeProblem {
  const [, name, ...keys] = found.path;
  let own: unknown = accounts[String(name)];
  for (const key of keys) {
    if (typeof own !== 'object' || own === null || !Object.hasOwn(own, key)) {
      return { ...found, message: `${found.message} (from "defaults")` };
    }
    own = (own as Readonly<Record<string | number, unknown>>)[key];
  }
  return found;
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Syntax errors and duplicate keys: what JSON.parse does not tell, or not where. */
async function textProblems(file: string, text: string): Promise<ConfigProblem[]> {
  const { sourceMapOf } = await import('./source-positions.ts');
  const { syntaxProblem, duplicateKeys } = sourceMapOf(text);
  if (syntaxProblem !== null) return [{ file, path: '', ...syntaxProblem }];
  if (duplicateKeys.length === 0) return [wholeFile(file, 'is no JSON document', null)];
  return duplicateKeys.map(({ line, column, path }) => ({
    file,
    line,
    column,
    path: renderPath(path),
    message: 'stands here a second time',
    hint: 'remove one of the two',
  }));
}

/** The problems with their places, in the order of the file; each place once. */
async function placed(
  file: string,
  text: string,
  problems: readonly ShapeProblem[],
): Promise<ConfigProblem[]> {
  const { sourceMapOf } = await import('./source-positions.ts');
  const { positionOf } = sourceMapOf(text);
  const located = problems.map(({ path, message, hint, knownKeys }) => ({
    file,
    ...positionOf(path),
    path: renderPath(path),
    message,
    hint: knownKeys === null ? hint : suggestKey(String(path.at(-1)), knownKeys),
  }));
  const first = [...new Map(located.reverse().map((problem) => [problem.path, problem])).values()];
  return first.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Keys in the parsed value. JSON.parse keeps one of two equal keys, so a difference to the text is a duplicate. */
function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  let count = Array.isArray(value) ? 0 : children.length;
  for (const child of children) count += countKeys(child);
  return count;
}

/** Keys and nesting of a JSON text, without taking it apart. */
function measureText(text: string): { readonly keys: number; readonly depth: number } {
  let keys = 0;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) keys += 1;
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth -= 1;
  }
  return { keys, depth: deepest };
}

/** Where the string that begins at `from` ends: at its closing quote, or with the text. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) break;
  }
  return at;
}

type FileText = { readonly text: string; readonly mode: number };

async function readBounded(file: string): Promise<Result<FileText, ConfigProblems>> {
  let content: BoundedContent;
  try {
    content = await readAtMost(file, MAX_ACCOUNTS_FILE_BYTES);
  } catch (error) {
    return failure(unreadable(file, error));
  }
  if (content.length > MAX_ACCOUNTS_FILE_BYTES) {
    const limit = MAX_ACCOUNTS_FILE_BYTES / 1024 / 1024;
    return failure(invalid([wholeFile(file, `is larger than ${limit} MiB`, OTHER_FILE)]));
  }
  try {
    return success({ text: utf8Of(content), mode: content.mode });
  } catch {
    return failure(invalid([wholeFile(file, 'is not UTF-8', 'save it as UTF-8')]));
  }
}

const OTHER_FILE = 'is this the accounts file?';

const READING_HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'give this user the right to read it'],
  ['EISDIR', 'it is a directory: name the file in it'],
  ['ELOOP', 'it is a link that leads back to itself: make it point to the file'],
  ['ENXIO', 'it is a socket: name the file'],
  ['ETIMEDOUT', 'it is a pipe, and nothing came through it: see what writes to it'],
]);

/** Why a file could not be read: it is not there (`missing`), or the system refuses it (`unreadable`). */
function unreadable(file: string, error: unknown): ConfigProblems {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const hint = 'make it with "sipreg account add", or name another with --config';
    return { kind: 'missing', exit: 66, problems: [wholeFile(file, 'there is no such file', hint)] };
  }
  const hint = READING_HINTS.get(code) ?? null;
  return { kind: 'unreadable', exit: 66, problems: [wholeFile(file, `cannot be read (${code})`, hint)] };
}

function invalid(problems: readonly ConfigProblem[]): ConfigProblems {
  return { kind: 'invalid', exit: 78, problems };
}

function wholeFile(file: string, message: string, hint: string | null): ConfigProblem {
  return { file, line: 1, column: 1, path: '', message, hint };
}

/** Secrets in a file that others can read are no secrets. */
function permissionWarnings(file: string, mode: number, document: AccountsDocument): readonly string[] {
  if ((mode & 0o077) === 0 || !holdsLiteralSecret(document)) return [];
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  return [`${file} holds passwords and others can read it (mode ${octal}); run: chmod 600 ${file}`];
}

function holdsLiteralSecret({ defaults, accounts, agent }: AccountsDocument): boolean {
  // The URL of a webhook or a heartbeat is one: who knows it can write there.
  const { webhook, heartbeat } = agent?.notices ?? {};
  if ([agent?.httpToken, agent?.hep?.password, webhook, heartbeat?.url].some(isLiteral)) return true;
  return [defaults ?? {}, ...Object.values(accounts)].some(
    (entry) =>
      [entry, ...(entry.credentials ?? [])].some(
        ({ password, ha1 }) => isLiteral(password) || isLiteral(ha1) || literalByAlgorithm(ha1),
      ) || isLiteral(entry.tls?.keyPassphrase),
  );
}

function literalByAlgorithm(ha1: Ha1Entry | undefined): boolean {
  return typeof ha1 === 'object' && [ha1.MD5, ha1['SHA-256'], ha1['SHA-512-256']].some(isLiteral);
}

/** An empty password protects nothing. */
function isLiteral(secret: unknown): boolean {
  return typeof secret === 'string' && secret !== '';
}

const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];
const [OPENING_BRACE, CLOSING_BRACE, OPENING_BRACKET, CLOSING_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

// Files of other programs, with those that they include: bounded in size, depth and number, and what cannot be read is told. A
// named file may be a pipe; an included one is a regular file, found beside the file that names it or beside the named one.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { failure, type Result, success } from '../../core/result.ts';
import { type BoundedContent, readAtMost, readBounded, utf8Of } from '../../runtime/bounded-file.ts';
import type { ForeignFile, Inclusion, LeftOut } from './reading.ts';

export type OpenedFile = {
  readonly file: ForeignFile;
  /** What it includes and cannot be read, as far as it was asked for. */
  readonly missing: () => readonly LeftOut[];
};

export const MAX_FOREIGN_BYTES = 32 * 1024 * 1024;
/** As many levels as Asterisk goes down. */
const MAX_DEPTH = 10;
const MAX_INCLUDED_FILES = 1000;

/** The file at `path`, or why it cannot be imported. */
export async function openForeignFile(path: string): Promise<Result<OpenedFile, string>> {
  let content: BoundedContent;
  try {
    content = await readAtMost(path, MAX_FOREIGN_BYTES);
  } catch (error) {
    return failure(`${path} ${reasonOf(error)}`);
  }
  return opened(path, content);
}

/** What comes from `stream`, as the file `-`; what it includes is looked for here. */
export async function openForeignStream(stream: Readable): Promise<Result<OpenedFile, string>> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    length += piece.length;
    if (length > MAX_FOREIGN_BYTES) break;
  }
  return opened('-', { pieces, length, mode: 0 });
}

function opened(path: string, content: BoundedContent): Result<OpenedFile, string> {
  if (content.length > MAX_FOREIGN_BYTES) return failure(`${path} ${TOO_LARGE}`);
  const text = textOf(content);
  if (text.includes('\0')) return failure(`${path} ${BINARY}`);
  const missing = new Map<string, LeftOut>();
  const included: Included = { base: dirname(resolve(path)), texts: new Map(), bytes: 0, missing };
  const file = foreignFile(path, text, { folder: included.base, depth: 0, included });
  return success({ file, missing: () => [...missing.values()] });
}

const TOO_LARGE = `is larger than ${MAX_FOREIGN_BYTES / 1024 / 1024} MiB: is it a configuration?`;
const BINARY = 'is no text: is it a configuration?';

const TOO_DEEP = `files include one another deeper than ${MAX_DEPTH} levels`;
const TOO_MANY = `more than ${MAX_INCLUDED_FILES} files are included: this and what follows is not read`;
const TOO_MUCH = 'too much is included: this and what follows is not read';
const EXHAUSTED: readonly string[] = [TOO_DEEP, TOO_MANY, TOO_MUCH];

/** Old files are in Latin-1, where every byte is a character. */
function textOf(content: BoundedContent): string {
  try {
    return utf8Of(content);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return Buffer.concat(content.pieces).toString('latin1');
  }
}

/** What all files that one named file includes have in common. */
type Included = {
  /** The folder of the named file. */
  readonly base: string;
  readonly texts: Map<string, string>;
  bytes: number;
  /** By place, as a file may be read twice: to recognise it, and then in whole. */
  readonly missing: Map<string, LeftOut>;
};

type Whereabouts = { readonly folder: string; readonly depth: number; readonly included: Included };

function foreignFile(path: string, text: string, whereabouts: Whereabouts): ForeignFile {
  return { path, text, include: (inclusion) => include(path, inclusion, whereabouts) };
}

function include(
  from: string,
  inclusion: Inclusion,
  { folder, depth, included }: Whereabouts,
): readonly ForeignFile[] {
  const tell = (why: string): void => {
    const { path, line } = inclusion;
    // Thousands may follow the first for which there is no room.
    const key = EXHAUSTED.includes(why) ? why : `${from}:${line}:${path}:${why}`;
    if (!included.missing.has(key)) {
      included.missing.set(key, { path: from, line, what: `include ${path}`, why });
    }
  };
  if (depth >= MAX_DEPTH) {
    tell(TOO_DEEP);
    return [];
  }
  const paths = foundPaths(inclusion.path, [folder, included.base]);
  if (paths.length === 0 && !inclusion.optional && !hasWildcard(inclusion.path))
    tell('there is no such file');
  return paths.flatMap((path) => {
    const text = includedText(path, included);
    if (!text.ok) {
      tell(text.error);
      return [];
    }
    return [foreignFile(path, text.value, { folder: dirname(path), depth: depth + 1, included })];
  });
}

function includedText(path: string, included: Included): Result<string, string> {
  const known = included.texts.get(path);
  // It counts again: files that include themselves and others many times would never end.
  if (included.texts.size >= MAX_INCLUDED_FILES) return failure(TOO_MANY);
  const left = MAX_FOREIGN_BYTES - included.bytes;
  const read = known === undefined ? readRegular(path, left) : success(known);
  if (!read.ok) return read;
  if (read.value.length > left) return failure(TOO_MUCH);
  included.bytes += read.value.length + 1024;
  included.texts.set(path, read.value);
  return read;
}

function readRegular(path: string, limit: number): Result<string, string> {
  try {
    const asUtf8 = readBounded(path, limit);
    // As textOf has it: a password would be another one.
    const isOther = asUtf8.type === 'text' && asUtf8.text.includes('\ufffd');
    const read = isOther ? readBounded(path, limit, 'latin1') : asUtf8;
    if (read.type === 'none') return failure('there is no such file');
    if (read.type === 'unfit') return failure(read.problem);
    return read.text.includes('\0') ? failure(BINARY) : success(read.text);
  } catch (error) {
    return failure(reasonOf(error));
  }
}

/** The files that a path or a pattern means, from the first of the folders where there are any. */
function foundPaths(pattern: string, folders: readonly string[]): readonly string[] {
  const starts = isAbsolute(pattern) ? ['/'] : folders;
  for (const start of starts) {
    let found = [start];
    for (const step of pattern.split('/').filter((one) => one !== '' && one !== '.')) {
      found = found.flatMap((folder) => steps(folder, step)).slice(0, MAX_INCLUDED_FILES);
    }
    if (found.length > 0) return found;
  }
  return [];
}

/** Where one step of a path leads: glob(7) without its classes. */
function steps(folder: string, step: string): readonly string[] {
  if (!hasWildcard(step)) return existsSync(join(folder, step)) ? [join(folder, step)] : [];
  const isHiddenWanted = step.startsWith('.');
  return namesIn(folder)
    .filter((name) => fitsPattern(name, step) && (isHiddenWanted || !name.startsWith('.')))
    .map((name) => join(folder, name));
}

/** Goes back to the last "*" only: an expression of many would try every way to share out a long name among them. */
function fitsPattern(name: string, pattern: string): boolean {
  let [at, from, star, restart] = [0, 0, -1, 0];
  while (at < name.length) {
    if (pattern[from] === '*') {
      star = from++;
      restart = at;
    } else if (pattern[from] === '?' || pattern[from] === name[at]) {
      at++;
      from++;
    } else if (star !== -1) {
      from = star + 1;
      at = ++restart;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(from));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function hasWildcard(path: string): boolean {
  return /[*?]/.test(path);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return REASONS.get(code) ?? `cannot be read (${code})`;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'is not there'],
  ['ENOTDIR', 'is not there'],
  ['EISDIR', 'is a directory: name the files in it'],
  ['EACCES', 'cannot be read: this user has no right to it'],
]);

// The file history.ndjson in the state directory, 0600: lines are appended once a minute, and the whole is written anew
// when it has doubled. What cannot be read is kept aside; a file of a newer version stays as it is. A last line that a
// crash cut off is no damage.

import { appendFile, closeSync, constants, linkSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failure, type Result, success } from '../core/result.ts';
import { writeAtomically } from '../runtime/atomic-file.ts';
import { readBounded } from '../runtime/bounded-file.ts';
import { ensureDirectory } from '../runtime/own-directory.ts';
import {
  formatHistoryLine,
  HISTORY_HEAD,
  HISTORY_SCHEMA,
  type HistoryLine,
  parseHistoryLine,
} from './history-lines.ts';

export type FoundHistory = {
  readonly lines: readonly HistoryLine[];
  /** What was wrong with the file, and where it is kept now; null: nothing. */
  readonly damage: string | null;
};

/** A text in pieces, so that making it holds nobody up. */
export type TextPieces = AsyncIterable<string>;

export type HistoryFile = {
  readonly path: string;
  /** What stands there. Refused, with the words for it, when a newer version wrote it or it cannot be read. */
  readonly read: () => Result<FoundHistory, string>;
  /** Throws the system's error: the file is gone, say. */
  readonly append: (lines: readonly HistoryLine[]) => Promise<void>;
  /** Replaces the file, durably. Throws the system's error. */
  readonly rewrite: (lines: TextPieces) => Promise<void>;
  /** So much was appended that it ought to be written anew. */
  readonly isLong: () => boolean;
};

/** 50,000 accounts need about 30 MB at the worst. */
const BYTES_MAX = 128 * 2 ** 20;
/** Below this a file is written anew only at the start. */
const LEAST_GROWTH = 256 * 1024;
const MODE = 0o600;

export function historyFile(directory: string): HistoryFile {
  const path = join(directory, 'history.ndjson');
  let wholeBytes = 0;
  let appendedBytes = 0;
  return {
    path,
    read: () => {
      try {
        return readHistory(path);
      } catch (error) {
        if (error instanceof Error && 'syscall' in error) return failure(`${path}: ${error.message}`);
        throw error;
      }
    },
    append: async (lines) => {
      const text = lines.map(formatHistoryLine).join('');
      // One that is made here would have no head.
      const descriptor = openSync(path, constants.O_WRONLY | constants.O_APPEND);
      try {
        await promisify(appendFile)(descriptor, text);
      } finally {
        closeSync(descriptor);
      }
      appendedBytes += Buffer.byteLength(text);
    },
    rewrite: async (pieces) => {
      ensureDirectory(directory);
      await writeAtomically(path, headed(pieces), MODE);
      wholeBytes = statSync(path).size;
      appendedBytes = 0;
    },
    isLong: () => appendedBytes > Math.max(LEAST_GROWTH, wholeBytes),
  };
}

async function* headed(pieces: TextPieces): TextPieces {
  yield HISTORY_HEAD;
  yield* pieces;
}

function readHistory(path: string): Result<FoundHistory, string> {
  const found = readBounded(path, BYTES_MAX);
  if (found.type === 'none') return success({ lines: [], damage: null });
  if (found.type === 'unfit') return success({ lines: [], damage: setAside(path, found.problem) });
  const end = found.text.lastIndexOf('\n');
  const [head = '', ...rest] = found.text.slice(0, Math.max(0, end)).split('\n');
  const schema = schemaOf(head);
  if (schema !== HISTORY_SCHEMA && schema?.startsWith('sipreg.history/') === true) {
    return failure(`${path} was written by a newer sipreg (${schema}) and is left as it is`);
  }
  if (schema !== HISTORY_SCHEMA) {
    return success({ lines: [], damage: setAside(path, 'it does not begin as a history does') });
  }
  const lines = rest.map(parseHistoryLine);
  const bad = lines.indexOf(null);
  const damage = bad === -1 ? null : setAside(path, `line ${bad + 2} cannot be understood`);
  return success({ lines: lines.filter((line) => line !== null), damage });
}

function schemaOf(head: string): string | null {
  try {
    const value: unknown = JSON.parse(head);
    if (typeof value !== 'object' || value === null || !('schema' in value)) return null;
    return typeof value.schema === 'string' ? value.schema : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A second name for it: under its own the next text will stand. */
function setAside(path: string, problem: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[^0-9TZ]/g, '')}`;
  if (!statSync(path).isFile()) return `${path} is not usable: ${problem}`;
  linkSync(path, aside);
  return `${path} was not usable: ${problem}. It is kept as ${aside}.`;
}

// The one file state.json, shared by every command: read whole, changed under a lock, written whole. Whatever stands
// in its way is a fault that the caller gets as a value; a damaged file is kept aside, one of a newer version stays.

import { linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import { type Rng, randomHex, randomUuid } from '../core/rng.ts';
import type { Millis } from '../core/time.ts';
import { UNFINISHED_SUFFIX, writeAtomically } from '../runtime/atomic-file.ts';
import { readBeginning, readBounded } from '../runtime/bounded-file.ts';
import { ensureDirectory } from '../runtime/own-directory.ts';
import { acquireLock, type Lock, type LockRefusal } from './lock.ts';
import { formatHead, parseState, type StateDocument, stateLines } from './state-document.ts';
import {
  type AccountChanges,
  changedText,
  ForeignLayout,
  type LineBuffers,
  lineBuffers,
  linesOfFile,
} from './state-lines.ts';

export type StateFault =
  /** A later version of sipreg wrote the file: it is not touched. */
  | { readonly type: 'newer'; readonly message: string }
  /** It cannot be read or written now: read-only, full, not permitted, its lock not to be had. */
  | { readonly type: 'unwritable'; readonly message: string };

export type StateFile = {
  /** Reads, makes `changes`, and writes: on disk when this resolves. A change may be called again. */
  readonly change: (changes: AccountChanges) => Promise<Result<Written, StateFault>>;
  /** What stands there; made first when there is nothing, mended when it is damaged. */
  readonly open: () => Promise<Result<Instance, StateFault>>;
  /** What stands there now, without a lock; null: nothing that can be read. */
  readonly peek: () => StateDocument | null;
};

export type Instance = Pick<StateDocument, 'instanceId'>;

/** How many accounts are in the file now. */
export type Written = Instance & { readonly accounts: number };

/** A text of which we know what is in it. */
type Standing = Written & {
  readonly head: string;
  /** Its lines, some at a time. */
  readonly blocks: () => Iterable<Buffer>;
};

export type StateFileOptions = {
  readonly rng: Rng;
  readonly now: () => Millis;
  /** Hears of each damaged file: what was wrong, and where it is now. */
  readonly onSetAside: (message: string) => void;
};

/** The file of the state directory. */
export function stateFile(directory: string, { rng, now, onSetAside }: StateFileOptions): StateFile {
  const path = join(directory, 'state.json');
  /** What we wrote last: its lines need no second look, however many they are. */
  let written: Standing | null = null;
  /** What we read last, until the next change: nobody asks for it then. */
  let lastRead: StateDocument | null = null;
  let buffers: LineBuffers | null = null;
  let isSwept = false;

  const read = (): Found => {
    if (lastRead !== null && hasHead(path, formatHead(lastRead))) return { type: 'good', document: lastRead };
    const found = readDocument(path);
    if (found.type === 'good') lastRead = found.document;
    return found;
  };
  const readOrMake = (): Result<Standing, StateFault> => {
    if (written !== null && hasHead(path, written.head)) return success(written);
    const found = read();
    switch (found.type) {
      case 'good':
        return success(standingOf(found.document));
      case 'newer':
        return failure({ type: 'newer', message: newerMessage(path, found.schema) });
      case 'none':
        return success(standingOf(emptyDocument(rng)));
      case 'damaged':
        onSetAside(`${path} was not usable: ${found.problem}. It is kept as ${setAside(path)}.`);
        return success(standingOf(found.document ?? emptyDocument(rng)));
    }
  };
  const replace = async (
    { instanceId, accounts, blocks }: Standing,
    changes: AccountChanges,
    lock: Lock,
  ): ReturnType<StateFile['change']> => {
    const head = formatHead({ revision: randomHex(rng, 16), instanceId });
    const tally = { before: accounts, after: 0 };
    const own = buffers ?? lineBuffers();
    buffers = own;
    const text = changedText(blocks(), head, changes, tally, own);
    // A process that was stopped for long may have lost the lock: then another one's text stands.
    if (!(await writeAtomically(path, text, 0o600, lock.isHeld))) {
      return failure({ type: 'unwritable', message: `the lock of ${path} was lost` });
    }
    written = { instanceId, head, accounts: tally.after, blocks: () => linesOfFile(path, own) };
    lastRead = null;
    return success(written);
  };
  const changeUnder = async (lock: Lock, changes: AccountChanges): ReturnType<StateFile['change']> => {
    const found = readOrMake();
    if (!found.ok) return found;
    if (!isSwept) removeUnfinished(directory);
    isSwept = true;
    try {
      return await replace(found.value, changes, lock);
    } catch (error) {
      if (!(error instanceof ForeignLayout) || found.value !== written) throw error;
      // Somebody has edited what we wrote, and left its beginning as it was.
      written = null;
      return await changeUnder(lock, changes);
    }
  };
  const change: StateFile['change'] = async (changes) => {
    try {
      ensureDirectory(directory);
      const lock = await acquireLock(join(directory, 'state.lock'), { waitMs: LOCK_WAIT_MS, rng, now });
      if (!lock.ok) return failure({ type: 'unwritable', message: `${path}: ${explainRefusal(lock.error)}` });
      try {
        return await changeUnder(lock.value, changes);
      } finally {
        lock.value.release();
      }
    } catch (error) {
      return failure(unwritable(path, error));
    }
  };
  return {
    change,
    async open() {
      try {
        const found = read();
        if (found.type === 'good') return success(found.document);
      } catch (error) {
        return failure(unwritable(path, error));
      }
      return await change(new Map());
    },
    peek: () => documentOf(read),
  };
}

/** The state in `directory`, without a lock and without mending it; null: nothing that can be read. */
export function readState(directory: string): StateDocument | null {
  const path = join(directory, 'state.json');
  return documentOf(() => readDocument(path));
}

export function emptyDocument(rng: Rng): StateDocument {
  return { revision: '', instanceId: `urn:uuid:${randomUuid(rng)}`, accounts: new Map() };
}

function standingOf(document: StateDocument): Standing {
  const { instanceId, accounts } = document;
  const blocks = function* (): Generator<Buffer> {
    for (const lines of stateLines(document)) yield Buffer.from(lines);
  };
  return { instanceId, head: formatHead(document), accounts: accounts.size, blocks };
}

type Found = ReturnType<typeof parseState> | { readonly type: 'none' };

function documentOf(read: () => Found): StateDocument | null {
  try {
    const found = read();
    return found.type === 'good' || found.type === 'damaged' ? found.document : null;
  } catch (error) {
    assertSystemError(error);
    return null;
  }
}

function readDocument(path: string): Found {
  const found = readBounded(path, BYTES_MAX);
  switch (found.type) {
    case 'text':
      return parseState(found.text);
    case 'none':
      return found;
    case 'unfit':
      return { type: 'damaged', document: null, problem: found.problem };
  }
}

function hasHead(path: string, head: string): boolean {
  return readBeginning(path, Buffer.byteLength(head)) === head;
}

/** Keeps what stands at `path` under another name, and returns that name. */
function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[^0-9TZ]/g, '')}`;
  // A second name for the file, so that what can be kept is not lost when the new text cannot be written.
  if (statSync(path).isFile()) linkSync(path, aside);
  else renameSync(path, aside);
  return aside;
}

/** We hold the lock: whoever was writing is dead. */
function removeUnfinished(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith('state.json.') && name.endsWith(UNFINISHED_SUFFIX)) {
      rmSync(join(directory, name), { force: true });
    }
  }
}

function explainRefusal(refusal: LockRefusal): string {
  return refusal.type === 'held' ? `process ${refusal.pid ?? 'elsewhere'} holds its lock` : refusal.cause;
}

function newerMessage(path: string, schema: string): string {
  return `${path} was written by a newer sipreg (${schema}) and is left as it is: use that version, or another state directory`;
}

function unwritable(path: string, error: unknown): StateFault {
  assertSystemError(error);
  return { type: 'unwritable', message: `${path}: ${error.message}` };
}

/** Only the system's errors are faults of the surroundings; any other is a bug and goes on. */
function assertSystemError(error: unknown): asserts error is Error {
  if (!(error instanceof Error && 'syscall' in error)) throw error;
}

const LOCK_WAIT_MS = 15_000;
/** 50,000 accounts need about 20 MB. */
const BYTES_MAX = 256 * 2 ** 20;

// The one file state.json, shared by every command: read whole, changed under a lock, written whole. Whatever stands
// in its way is a fault that the caller gets as a value; a damaged file is kept aside, one of a newer version stays.

import { linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import { type Rng, randomHex, randomUuid } from '../core/rng.ts';
import { readBeginning, readBounded, UNFINISHED_SUFFIX, writeAtomically } from '../runtime/atomic-file.ts';
import { ensureDirectory } from './directory.ts';
import { acquireLock, type Lock, type LockRefusal } from './lock.ts';
import {
  type AccountRecord,
  formatHead,
  formatState,
  parseState,
  type StateDocument,
} from './state-document.ts';

export type StateFault =
  /** A later version of sipreg wrote the file: it is not touched. */
  | { readonly type: 'newer'; readonly message: string }
  /** It cannot be read or written now: read-only, full, not permitted, its lock not to be had. */
  | { readonly type: 'unwritable'; readonly message: string };

/** A document that is being changed. */
export type StateDraft = { readonly instanceId: string; readonly accounts: Map<string, AccountRecord> };

export type StateFile = {
  /** Reads, lets `change` work on a draft, and writes it: on disk when this resolves. */
  readonly change: (change: (draft: StateDraft) => void) => Promise<Result<StateDocument, StateFault>>;
  /** What stands there; made first when there is nothing, mended when it is damaged. */
  readonly open: () => Promise<Result<StateDocument, StateFault>>;
  /** What stands there now, without a lock; null: nothing that can be read. */
  readonly peek: () => StateDocument | null;
};

/** `onSetAside` hears of each damaged file: what was wrong, and where it is now. */
export function stateFile(directory: string, rng: Rng, onSetAside: (message: string) => void): StateFile {
  const path = join(directory, 'state.json');
  /** What we read or wrote last, so that an owner of many accounts does not read megabytes again. */
  let lastKnown: StateDocument | null = null;

  const read = (): Found => {
    if (lastKnown !== null && hasHead(path, formatHead(lastKnown)))
      return { type: 'good', document: lastKnown };
    const found = readDocument(path);
    if (found.type === 'good') lastKnown = found.document;
    return found;
  };
  const readOrMake = (): Result<StateDocument, StateFault> => {
    const found = read();
    switch (found.type) {
      case 'good':
        return success(found.document);
      case 'newer':
        return failure({ type: 'newer', message: newerMessage(path, found.schema) });
      case 'none':
        return success(emptyDocument(rng));
      case 'damaged':
        onSetAside(`${path} was not usable: ${found.problem}. It is kept as ${setAside(path)}.`);
        return success(found.document ?? emptyDocument(rng));
    }
  };
  const changeUnder = async (
    lock: Lock,
    change: (draft: StateDraft) => void,
  ): ReturnType<StateFile['change']> => {
    const found = readOrMake();
    if (!found.ok) return found;
    const { instanceId } = found.value;
    const accounts = new Map(found.value.accounts);
    change({ instanceId, accounts });
    const document = { revision: randomHex(rng, 16), instanceId, accounts };
    removeUnfinished(directory);
    // A process that was stopped for long may have lost the lock: then another one's text stands.
    if (!(await writeAtomically(path, formatState(document), 0o600, lock.isHeld))) {
      return failure({ type: 'unwritable', message: `the lock of ${path} was lost` });
    }
    lastKnown = document;
    return success(document);
  };
  const change: StateFile['change'] = async (work) => {
    try {
      ensureDirectory(directory);
      const lock = await acquireLock(join(directory, 'state.lock'), { waitMs: LOCK_WAIT_MS, rng });
      if (!lock.ok) return failure({ type: 'unwritable', message: `${path}: ${explainRefusal(lock.error)}` });
      try {
        return await changeUnder(lock.value, work);
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
      return await change(() => {});
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

// What an account keeps over restarts, shared by all commands: Call-ID, CSeq, the last Contact and where it was
// registered (behaviour.md §2). A number is durable before it is handed out, so after `kill -9` the next is higher.
// When the state cannot be written it runs on and says so, with Call-IDs that nobody else can have: a number that
// is not durable is never used with a durable Call-ID.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../core/assert.ts';
import { failure, type Result, success } from '../core/result.ts';
import { type Rng, randomHex } from '../core/rng.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { acquireLock, type Lock, type LockHeld, type LockOptions } from './lock.ts';
import {
  type AccountRecord,
  type BlockedRecord,
  CSEQ_MAX,
  type FlowRecord,
  NO_ACCOUNT,
  type StateDocument,
} from './state-document.ts';
import {
  emptyDocument,
  readState,
  type StateDraft,
  type StateFault,
  type StateFile,
  stateFile,
} from './state-file.ts';

/** Whose identity it is: another AOR or registrar under the same name is another identity. */
export type IdentityKey = {
  readonly account: string;
  readonly aor: string;
  readonly registrar: string;
};

/** Consecutive CSeq numbers that are ours alone. */
export type Reservation = {
  readonly key: IdentityKey;
  readonly regId: number;
  readonly callId: string;
  readonly firstCseq: number;
  readonly lastCseq: number;
  readonly token: string;
};

/** What a finished exchange leaves behind; what is left out stays as it was. */
export type Settlement = {
  /** The highest CSeq that was used, `firstCseq - 1` for none; left out: the rest of the block is still to be used. */
  readonly usedCseq?: number;
  readonly contact?: string | null;
  readonly localPort?: number | null;
  readonly registrar?: string | null;
  readonly grantedUntil?: string | null;
  readonly publicAddress?: string | null;
};

export type StateNotice = {
  readonly code: 'state.set-aside' | 'state.unwritable' | 'state.writable' | 'state.unlockable';
  readonly message: string;
};

/** What earlier commands have left behind. */
export type Memory = Pick<IdentityStore, 'load' | 'instanceId'>;

export type IdentityStore = {
  /** `urn:uuid:…`, one for each state directory. */
  readonly instanceId: () => string;
  /** What is known of the account, read afresh; an account without a record has none of it. */
  readonly load: (key: IdentityKey) => AccountRecord;
  /** What is known of all accounts now, read once: for who loads many. */
  readonly remembered: () => Memory;
  /**
   * `count` new CSeq numbers, for REGISTERs from `localPort`: after a crash the next one leaves from there too, so that its
   * Contact is that of the binding that was left behind. Calls made together cost one write.
   */
  readonly reserve: (
    key: IdentityKey,
    regId: number,
    count: number,
    localPort?: number,
  ) => Promise<Reservation>;
  /** Notes the outcome; gives back the numbers that were not used, and the reservation ends, with `usedCseq`. */
  readonly settle: (reservation: Reservation, settlement: Settlement) => Promise<void>;
  /** A new Call-ID from the next reservation on: a registrar that knows a higher CSeq (a restored snapshot). */
  readonly renewCallId: (key: IdentityKey, regId: number) => Promise<void>;
  readonly setPaused: (key: IdentityKey, since: string | null) => Promise<void>;
  readonly setBlocked: (key: IdentityKey, blocked: BlockedRecord | null) => Promise<void>;
  /** Drops all that is known of the account. */
  readonly forget: (key: IdentityKey) => Promise<void>;
  /** Held while a one-shot command has a REGISTER in flight. Free, with a notice, where no lock can be made. */
  readonly lockAccount: (
    key: IdentityKey,
    waitMs: number,
    signal?: AbortSignal,
  ) => Promise<Result<Lock, LockHeld>>;
  /** Held by the agent: one for each state directory. */
  readonly lockAgent: () => Promise<Result<Lock, LockHeld>>;
};

export type IdentityStoreOptions = {
  readonly rng: Rng;
  readonly notify: (notice: StateNotice) => void;
};

/**
 * Opens the state in `directory`, making both when they are missing; null: there is no place for it, and the
 * identities last as long as the process. Fails only for a state that a newer version wrote.
 */
export async function openIdentityStore(
  directory: string | null,
  { rng, notify }: IdentityStoreOptions,
): Promise<Result<IdentityStore, StateFault>> {
  const onSetAside = (message: string): void => notify({ code: 'state.set-aside', message });
  const file = directory === null ? NO_FILE : stateFile(directory, rng, onSetAside);
  const opened = await file.open();
  if (!opened.ok && opened.error.type === 'newer') return opened;
  const commit = committer(file, opened, { rng, notify });
  const lockFile = async (
    name: string,
    options: Omit<LockOptions, 'rng'>,
  ): Promise<Result<Lock, LockHeld>> => {
    if (directory === null) return success(NO_LOCK);
    const lock = await acquireLock(join(directory, name), { ...options, rng });
    if (lock.ok) return lock;
    if (lock.error.type === 'held') return failure(lock.error);
    notify({ code: 'state.unlockable', message: `${lock.error.cause}. Nothing keeps a second sipreg out.` });
    return success(NO_LOCK);
  };
  return success({
    instanceId: () => commit.current().instanceId,
    load: (key) => memoryOf(commit.current()).load(key),
    remembered: () => memoryOf(commit.current()),
    reserve: (key, regId, count, localPort) =>
      commit.change((state) => reserveIn(state, { key, regId, count, localPort, rng })),
    settle: (reservation, settlement) =>
      commit.change((state) => settleIn(state, reservation, settlement, rng)),
    renewCallId: (key, regId) =>
      commit.change((state) => putFlow(state, key, regId, renewed(flowIn(state, key, regId, rng), rng))),
    setPaused: (key, since) => commit.change((state) => put(state, key, { pausedSince: since })),
    setBlocked: (key, blocked) => commit.change((state) => put(state, key, { blocked })),
    forget: (key) => commit.change((state) => void state.accounts.delete(nameOf(key))),
    lockAccount: (key, waitMs, signal) =>
      lockFile(`account-${fingerprint(nameOf(key))}.lock`, { waitMs, signal }),
    lockAgent: () => lockFile('agent.lock', { waitMs: 0, untilSilence: true }),
  });
}

/** What is known in `directory`, for commands that take no lock and write nothing; null: nothing is, and the instance id is
 * one that nobody else has. */
export function readMemory(directory: string | null, rng: Rng): Memory {
  return memoryOf((directory === null ? null : readState(directory)) ?? emptyDocument(rng));
}

function memoryOf(known: Pick<StateDocument, 'accounts' | 'instanceId'>): Memory {
  return {
    load: (key) => known.accounts.get(nameOf(key)) ?? NO_ACCOUNT,
    instanceId: () => known.instanceId,
  };
}

type Reserve = {
  readonly key: IdentityKey;
  readonly regId: number;
  readonly count: number;
  readonly localPort: number | undefined;
  readonly rng: Rng;
};

function reserveIn(state: StateDraft, { key, regId, count, localPort, rng }: Reserve): Reservation {
  assert(count >= 1 && count <= CSEQ_MAX, 'a reservation has at least one number');
  const known = flowIn(state, key, regId, rng);
  // RFC 3261 §8.1.1.5: below 2³¹. A new Call-ID begins again at 1.
  const flow = known.cseq + count > CSEQ_MAX ? renewed(known, rng) : known;
  const token = randomHex(rng, 8);
  const port = localPort === undefined ? {} : { localPort };
  putFlow(state, key, regId, { ...flow, ...port, cseq: flow.cseq + count, reservation: token });
  return { key, regId, callId: flow.callId, firstCseq: flow.cseq + 1, lastCseq: flow.cseq + count, token };
}

function settleIn(state: StateDraft, reservation: Reservation, settlement: Settlement, rng: Rng): void {
  const { usedCseq, ...facts } = settlement;
  const { key, regId, firstCseq, lastCseq, token } = reservation;
  const flow = { ...flowIn(state, key, regId, rng), ...facts };
  if (usedCseq === undefined || flow.reservation !== token) {
    // Somebody has reserved above us since: our unused numbers are lost, which harms nobody.
    putFlow(state, key, regId, flow);
    return;
  }
  assert(usedCseq >= firstCseq - 1 && usedCseq <= lastCseq, 'the used CSeq is of this reservation');
  putFlow(state, key, regId, { ...flow, cseq: usedCseq, reservation: null });
}

function flowIn(state: StateDraft, key: IdentityKey, regId: number, rng: Rng): FlowRecord {
  const known = state.accounts.get(nameOf(key))?.flows.get(regId);
  return known ?? renewed(NO_FLOW, rng);
}

/** R027: 128 random bits, and nothing of the host. */
function renewed(flow: FlowRecord, rng: Rng): FlowRecord {
  return { ...flow, callId: randomHex(rng, 16), cseq: 0, reservation: null };
}

function putFlow(state: StateDraft, key: IdentityKey, regId: number, flow: FlowRecord): void {
  const flows = new Map(state.accounts.get(nameOf(key))?.flows);
  put(state, key, { flows: flows.set(regId, flow) });
}

function put(state: StateDraft, key: IdentityKey, change: Partial<AccountRecord>): void {
  const name = nameOf(key);
  state.accounts.set(name, { ...(state.accounts.get(name) ?? NO_ACCOUNT), ...change });
}

/** The name first: two accounts may share AOR and registrar when their Contacts differ. */
function nameOf({ account, aor, registrar }: IdentityKey): string {
  return `${account} ${aor} ${registrar}`;
}

function fingerprint(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

type Committer = {
  /** Makes one change, durable when it resolves, or volatile when the file cannot be written. */
  readonly change: <T>(change: (state: StateDraft) => T) => Promise<T>;
  readonly current: () => StateDraft | StateDocument;
};

type Waiting = {
  /** Works on a document; called again with another one when that could not be written. */
  readonly apply: (state: StateDraft) => void;
  readonly settle: () => void;
};

/** Changes that come together, or while a write is under way, share one write. */
function committer(
  file: StateFile,
  opened: Result<StateDocument, StateFault>,
  options: IdentityStoreOptions,
): Committer {
  const { rng, notify } = options;
  let waiting: Waiting[] = [];
  let isRunning = false;
  let volatile: StateDraft | null = null;
  let instanceId = '';

  const note = (outcome: Result<StateDocument, StateFault>): void => {
    if (outcome.ok) {
      if (volatile !== null) notify({ code: 'state.writable', message: 'The state can be written again.' });
      volatile = null;
      instanceId ||= outcome.value.instanceId;
    } else if (volatile === null) {
      volatile = volatileState(file.peek(), instanceId, rng);
      instanceId = volatile.instanceId;
      notify({
        code: 'state.unwritable',
        message: `${outcome.error.message}. It goes on with new Call-IDs, which a restart will not know.`,
      });
    }
  };
  const commitBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const outcome = await file.change((state) => {
      if (volatile !== null) carryOver(volatile, state, rng);
      for (const { apply } of batch) apply(state);
    });
    note(outcome);
    if (volatile !== null) for (const { apply } of batch) apply(volatile);
    for (const { settle } of batch) settle();
  };
  const flush = async (): Promise<void> => {
    isRunning = true;
    // Whoever calls in the same turn of the event loop comes along.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const began = monotonicNow();
      await commitBatch(batch);
      const tookMs = monotonicNow() - began;
      // With many accounts a write takes long: then the next one waits and takes more along.
      if (waiting.length > 0 && tookMs > LONG_WRITE_MS) await sleep(REST_FACTOR * tookMs);
    }
    isRunning = false;
  };

  note(opened);
  return {
    current: () => ({ ...(volatile ?? file.peek() ?? emptyDocument(rng)), instanceId }),
    change: (change) =>
      new Promise((resolve, reject) => {
        let settle = (): void => {};
        const apply = (state: StateDraft): void => {
          try {
            const value = change(state);
            settle = () => resolve(value);
          } catch (error) {
            settle = () => reject(error);
          }
        };
        waiting.push({ apply, settle: () => settle() });
        if (!isRunning) void flush();
      }),
  };
}

/** What was noted while nothing could be written; Call-ID and CSeq remain the durable ones. */
function carryOver(volatile: StateDraft, state: StateDraft, rng: Rng): void {
  for (const [name, { pausedSince, blocked, flows }] of volatile.accounts) {
    const known = state.accounts.get(name);
    const kept = new Map(known?.flows);
    for (const [regId, facts] of flows) {
      const { callId, cseq, reservation } = kept.get(regId) ?? renewed(NO_FLOW, rng);
      kept.set(regId, { ...facts, callId, cseq, reservation });
    }
    state.accounts.set(name, { pausedSince, blocked, flows: kept });
  }
}

/** What was known goes on, under Call-IDs of this process. */
function volatileState(known: StateDocument | null, instanceId: string, rng: Rng): StateDraft {
  const state = known ?? emptyDocument(rng);
  const accounts = new Map<string, AccountRecord>();
  for (const [name, account] of state.accounts) {
    const flows = new Map([...account.flows].map(([regId, flow]) => [regId, renewed(flow, rng)]));
    accounts.set(name, { ...account, flows });
  }
  return { instanceId: instanceId || state.instanceId, accounts };
}

const NO_FLOW: FlowRecord = {
  callId: '',
  cseq: 0,
  reservation: null,
  contact: null,
  localPort: null,
  registrar: null,
  grantedUntil: null,
  publicAddress: null,
};

const NO_PLACE = failure<StateFault>({
  type: 'unwritable',
  message: 'There is no state directory: neither STATE_DIRECTORY nor a home directory is known',
});

const NO_FILE: StateFile = {
  change: async () => NO_PLACE,
  open: async () => NO_PLACE,
  peek: () => null,
};

const NO_LOCK: Lock = { isHeld: () => true, release: () => {} };

const LONG_WRITE_MS = 50;
/** Long writes take at most a fifth of the time. */
const REST_FACTOR = 4;

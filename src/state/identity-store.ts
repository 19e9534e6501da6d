// What an account keeps over restarts, shared by all commands: Call-ID, CSeq, the last Contact and where it was
// registered (behaviour.md §2). A number is durable before it is handed out, so after `kill -9` the next is higher.
// When the state cannot be written it runs on and says so, with Call-IDs that nobody else can have: a number that
// is not durable is never used with a durable Call-ID.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { assert } from '../core/assert.ts';
import { failure, type Result, success } from '../core/result.ts';
import { type Rng, randomHex } from '../core/rng.ts';
import { type Changed, changeBatches, type StateOptions } from './change-batches.ts';
import { changedFlow, type FlowChanges, NO_FLOW, renewedFlow } from './flow-record.ts';
import { acquireLock, type Lock, type LockHeld, type LockOptions } from './lock.ts';
import {
  type AccountRecord,
  CSEQ_MAX,
  type FlowRecord,
  NO_ACCOUNT,
  type RejectionRecord,
  type StateDocument,
} from './state-document.ts';
import { emptyDocument, readState, type StateFault, type StateFile, stateFile } from './state-file.ts';

/** Whose identity it is: another AOR or registrar under the same name is another identity. */
export type IdentityKey = {
  readonly account: string;
  readonly aor: string;
  readonly registrar: string;
};

/** Consecutive CSeq numbers that are ours alone. */
export type Reservation = {
  readonly callId: string;
  readonly firstCseq: number;
  readonly lastCseq: number;
  readonly token: string;
};

/** What a finished exchange leaves behind; what is left out stays as it was. */
export type Facts = Pick<
  FlowChanges,
  'contact' | 'localPort' | 'registrar' | 'grantedUntil' | 'publicAddress'
>;

export type Settlement = Facts & {
  /** The highest CSeq that was used, `firstCseq - 1` for none; left out: the rest of the block is still to be used. */
  readonly usedCseq?: number;
};

/** What earlier commands have left behind. */
export type Memory = Pick<IdentityStore, 'load' | 'instanceId'>;

export type IdentityStore = {
  /** `urn:uuid:…`, one for each state directory. */
  readonly instanceId: () => string;
  /** What is noted outlives the process: the state could be written the last time. */
  readonly isDurable: () => boolean;
  /** What is known of the account, read afresh; an account without a record has none of it. */
  readonly load: (key: IdentityKey) => AccountRecord;
  /** What is known of all accounts, read once, at the first question: for who loads many. */
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
  readonly settle: (
    key: IdentityKey,
    regId: number,
    reservation: Reservation,
    settlement: Settlement,
  ) => Promise<void>;
  /** Notes what was learned while the reservation goes on, with the next write; nobody waits for it. */
  readonly note: (key: IdentityKey, regId: number, facts: Facts) => void;
  /** A new Call-ID from the next reservation on: a registrar that knows a higher CSeq (a restored snapshot). */
  readonly renewCallId: (key: IdentityKey, regId: number) => Promise<void>;
  readonly setPaused: (key: IdentityKey, since: string | null) => Promise<void>;
  /** What is remembered of its credentials; null: nothing is wrong with them. */
  readonly setRejected: (key: IdentityKey, rejected: RejectionRecord | null) => Promise<void>;
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

/**
 * Opens the state in `directory`, making both when they are missing; null: there is no place for it, and the
 * identities last as long as the process. Fails only for a state that a newer version wrote.
 */
export async function openIdentityStore(
  directory: string | null,
  { rng, now, notify }: StateOptions,
): Promise<Result<IdentityStore, StateFault>> {
  const onSetAside = (message: string): void => notify({ code: 'state.set-aside', message });
  const file = directory === null ? NO_FILE : stateFile(directory, { rng, now, onSetAside });
  const opened = await file.open();
  if (!opened.ok && opened.error.type === 'newer') return opened;
  const batches = changeBatches(file, opened, { rng, now, notify });
  const change = (key: IdentityKey, work: (account: AccountRecord) => AccountRecord | null): Promise<void> =>
    batches.change(nameOf(key), (account) => ({ account: work(account), value: undefined }));
  const { instanceId, isDurable } = batches;
  const remembered = (): Memory => {
    let accounts: StateDocument['accounts'] | null = null;
    return {
      instanceId,
      load: (key) => {
        accounts ??= batches.current();
        return accounts.get(nameOf(key)) ?? NO_ACCOUNT;
      },
    };
  };
  const lockFile = async (
    name: string,
    options: Omit<LockOptions, 'rng' | 'now'>,
  ): Promise<Result<Lock, LockHeld>> => {
    if (directory === null) return success(NO_LOCK);
    const lock = await acquireLock(join(directory, name), { ...options, rng, now });
    if (lock.ok) return lock;
    if (lock.error.type === 'held') return failure(lock.error);
    notify({ code: 'state.unlockable', message: `${lock.error.cause}. Nothing keeps a second sipreg out.` });
    return success(NO_LOCK);
  };
  return success({
    instanceId,
    isDurable,
    load: (key) => remembered().load(key),
    remembered,
    reserve: (key, regId, count, localPort) =>
      batches.change(nameOf(key), (account) => reserveIn(account, { regId, count, localPort, rng })),
    settle: (key, regId, reservation, settlement) =>
      change(key, (account) =>
        withFlow(account, regId, settled(flowIn(account, regId, rng), reservation, settlement)),
      ),
    note: (key, regId, facts) =>
      batches.note(nameOf(key), (account) =>
        withFlow(account, regId, changedFlow(flowIn(account, regId, rng), facts)),
      ),
    renewCallId: (key, regId) =>
      change(key, (account) => withFlow(account, regId, renewedFlow(flowIn(account, regId, rng), rng))),
    setPaused: (key, since) => change(key, (account) => ({ ...account, pausedSince: since })),
    setRejected: (key, rejected) => change(key, (account) => ({ ...account, rejected })),
    forget: (key) => change(key, () => null),
    lockAccount: (key, waitMs, signal) =>
      lockFile(`account-${fingerprint(nameOf(key))}.lock`, { waitMs, signal }),
    lockAgent: () => lockFile('agent.lock', { waitMs: 0, untilSilence: true }),
  });
}

/** What is known in `directory`, for commands that take no lock and write nothing; null: nothing is, and the instance id is
 * one that nobody else has. */
export function readMemory(directory: string | null, rng: Rng): Memory {
  const known = (directory === null ? null : readState(directory)) ?? emptyDocument(rng);
  return {
    load: (key) => known.accounts.get(nameOf(key)) ?? NO_ACCOUNT,
    instanceId: () => known.instanceId,
  };
}

type Reserve = {
  readonly regId: number;
  readonly count: number;
  readonly localPort: number | undefined;
  readonly rng: Rng;
};

function reserveIn(account: AccountRecord, order: Reserve): Changed<Reservation> {
  const { regId, count, localPort, rng } = order;
  assert(count >= 1 && count <= CSEQ_MAX, 'a reservation has at least one number');
  const known = flowIn(account, regId, rng);
  // RFC 3261 §8.1.1.5: below 2³¹. A new Call-ID begins again at 1.
  const { callId, cseq } = known.cseq + count > CSEQ_MAX ? renewedFlow(known, rng) : known;
  const token = randomHex(rng, 8);
  const flow = changedFlow(known, { callId, cseq: cseq + count, reservation: token, localPort });
  const value = { callId, firstCseq: cseq + 1, lastCseq: cseq + count, token };
  return { account: withFlow(account, regId, flow), value };
}

function settled(
  before: FlowRecord,
  { firstCseq, lastCseq, token }: Reservation,
  settlement: Settlement,
): FlowRecord {
  const flow = changedFlow(before, settlement);
  const { usedCseq } = settlement;
  // Has somebody reserved above us since, our unused numbers are lost, which harms nobody.
  if (usedCseq === undefined || flow.reservation !== token) return flow;
  assert(usedCseq >= firstCseq - 1 && usedCseq <= lastCseq, 'the used CSeq is of this reservation');
  return changedFlow(flow, { cseq: usedCseq, reservation: null });
}

function flowIn(account: AccountRecord, regId: number, rng: Rng): FlowRecord {
  return account.flows.get(regId) ?? renewedFlow(NO_FLOW, rng);
}

function withFlow(account: AccountRecord, regId: number, flow: FlowRecord): AccountRecord {
  const { pausedSince, rejected, flows } = account;
  return { pausedSince, rejected, flows: new Map(flows).set(regId, flow) };
}

/** The name first: two accounts may share AOR and registrar when their Contacts differ. */
function nameOf({ account, aor, registrar }: IdentityKey): string {
  return `${account} ${aor} ${registrar}`;
}

function fingerprint(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

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

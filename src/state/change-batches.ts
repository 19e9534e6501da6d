// Changes of accounts on their way to the file: those that come before the next write (write-turns.ts) share it.
// While the file cannot be written they last as long as the process, under Call-IDs that nobody else can have; what they
// noted is carried over when it can be written again.

import { failure, type Result, success } from '../core/result.ts';
import type { Rng } from '../core/rng.ts';
import type { Millis } from '../core/time.ts';
import { changedFlow, NO_FLOW, renewedFlow } from './flow-record.ts';
import { type AccountRecord, NO_ACCOUNT, type StateDocument } from './state-document.ts';
import { emptyDocument, type Instance, type StateFault, type StateFile } from './state-file.ts';
import type { AccountChange, AccountChanges } from './state-lines.ts';
import { writeTurns } from './write-turns.ts';

/** What a change makes of an account (null: nothing), and what it has to tell. */
export type Changed<T> = { readonly account: AccountRecord | null; readonly value: T };

export type ChangeBatches = {
  /** Makes one change, durable when it resolves, or volatile when the file cannot be written. */
  readonly change: <T>(name: string, work: Work<T>) => Promise<T>;
  /** As `change`, for who does not wait for it: `work` must not throw. */
  readonly note: (name: string, work: (account: AccountRecord) => AccountRecord) => void;
  /** What is known now, without what still waits. */
  readonly current: () => StateDocument['accounts'];
  readonly instanceId: () => string;
  /** What is noted outlives the process. */
  readonly isDurable: () => boolean;
};

export type StateNotice = {
  readonly code: 'state.set-aside' | 'state.unwritable' | 'state.writable' | 'state.unlockable';
  readonly message: string;
};

/** What the state has from outside. */
export type StateOptions = {
  readonly rng: Rng;
  readonly now: () => Millis;
  readonly notify: (notice: StateNotice) => void;
};

type Work<T> = (account: AccountRecord) => Changed<T>;

/** Waits for its write. It keeps little: tens of thousands wait together when they all begin. */
type Waiting = AccountChange & {
  /** Its write is over. */
  readonly tell: () => void;
};

class WaitingNote implements Waiting {
  /** Of the same account, and to be made before this one. */
  readonly #earlier: Waiting | undefined;
  readonly #work: (account: AccountRecord) => AccountRecord;

  constructor(earlier: Waiting | undefined, work: (account: AccountRecord) => AccountRecord) {
    this.#earlier = earlier;
    this.#work = work;
  }

  make(found: AccountRecord): AccountRecord {
    return this.#work(madeBefore(this.#earlier, found) ?? NO_ACCOUNT);
  }

  tell(): void {
    this.#earlier?.tell();
  }
}

class WaitingChange<T> implements Waiting {
  readonly #earlier: Waiting | undefined;
  readonly #work: Work<T>;
  readonly #resolve: (outcome: T | Promise<never>) => void;
  #outcome: Result<T, unknown> | null = null;

  constructor(earlier: Waiting | undefined, work: Work<T>, resolve: (outcome: T | Promise<never>) => void) {
    this.#earlier = earlier;
    this.#work = work;
    this.#resolve = resolve;
  }

  /** Called again, with another record, when what it made could not be written. */
  make(found: AccountRecord): AccountRecord | null {
    const before = madeBefore(this.#earlier, found);
    try {
      const { account, value } = this.#work(before ?? NO_ACCOUNT);
      this.#outcome = success(value);
      return account;
    } catch (error) {
      this.#outcome = failure(error);
      return before;
    }
  }

  tell(): void {
    this.#earlier?.tell();
    if (this.#outcome === null) throw new Error('a change is made before it is told');
    this.#resolve(this.#outcome.ok ? this.#outcome.value : Promise.reject(this.#outcome.error));
  }
}

function madeBefore(earlier: Waiting | undefined, found: AccountRecord): AccountRecord | null {
  return earlier === undefined ? found : earlier.make(found);
}

/** By account. */
type Batch = Map<string, Waiting>;

/** `opened` is what the opening of `file` has found. */
export function changeBatches(
  file: StateFile,
  opened: Result<Instance, StateFault>,
  { rng, now, notify }: StateOptions,
): ChangeBatches {
  let waiting: Batch = new Map();
  let volatile: Map<string, AccountRecord> | null = null;
  let instanceId = '';

  const note = (outcome: Result<Instance, StateFault>): void => {
    if (outcome.ok) {
      if (volatile !== null) notify({ code: 'state.writable', message: 'The state can be written again.' });
      volatile = null;
      instanceId ||= outcome.value.instanceId;
    } else if (volatile === null) {
      const known = file.peek() ?? emptyDocument(rng);
      volatile = underNewCallIds(known.accounts, rng);
      instanceId ||= known.instanceId;
      notify({
        code: 'state.unwritable',
        message: `${outcome.error.message}. It goes on with new Call-IDs, which a restart will not know.`,
      });
    }
  };
  const turns = writeTurns(async () => {
    const batch = waiting;
    waiting = new Map();
    const outcome = await file.change(volatile === null ? batch : carriedOver(volatile, batch, rng));
    note(outcome);
    if (volatile !== null) makeIn(volatile, batch);
    for (const change of batch.values()) change.tell();
    return outcome.ok ? outcome.value.accounts : 0;
  }, now);
  const wait = (name: string, change: Waiting, isAwaited: boolean): void => {
    waiting.set(name, change);
    turns.ask(isAwaited);
  };

  note(opened);
  return {
    current: () => volatile ?? (file.peek() ?? emptyDocument(rng)).accounts,
    instanceId: () => instanceId,
    isDurable: () => volatile === null,
    change: (name, work) =>
      new Promise((resolve) => wait(name, new WaitingChange(waiting.get(name), work, resolve), true)),
    note: (name, work) => wait(name, new WaitingNote(waiting.get(name), work), false),
  };
}

function makeIn(accounts: Map<string, AccountRecord>, changes: AccountChanges): void {
  for (const [name, change] of changes) {
    const account = change.make(accounts.get(name) ?? NO_ACCOUNT);
    if (account === null) accounts.delete(name);
    else accounts.set(name, account);
  }
}

/** What was known goes on, under Call-IDs of this process. */
function underNewCallIds(known: ReadonlyMap<string, AccountRecord>, rng: Rng): Map<string, AccountRecord> {
  const accounts = new Map<string, AccountRecord>();
  for (const [name, account] of known) {
    const flows = new Map([...account.flows].map(([regId, flow]) => [regId, renewedFlow(flow, rng)]));
    accounts.set(name, { ...account, flows });
  }
  return accounts;
}

/** `changes` after what was noted while nothing could be written. */
function carriedOver(
  noted: ReadonlyMap<string, AccountRecord>,
  changes: AccountChanges,
  rng: Rng,
): AccountChanges {
  const all = new Map<string, AccountChange>(changes);
  for (const [name, record] of noted) {
    const change = changes.get(name);
    const make = (known: AccountRecord): AccountRecord | null => {
      const account = withNoted(known, record, rng);
      return change === undefined ? account : change.make(account);
    };
    all.set(name, { make });
  }
  return all;
}

/** Call-ID and CSeq remain the durable ones. */
function withNoted(
  known: AccountRecord,
  { pausedSince, rejected, flows }: AccountRecord,
  rng: Rng,
): AccountRecord {
  const kept = new Map(known.flows);
  for (const [regId, facts] of flows) {
    const { callId, cseq, reservation } = kept.get(regId) ?? renewedFlow(NO_FLOW, rng);
    kept.set(regId, changedFlow(facts, { callId, cseq, reservation }));
  }
  return { pausedSince, rejected, flows: kept };
}

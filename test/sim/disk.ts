// The durable state of a simulated host, as src/state keeps it: what is written lands after a while and in order, and
// when the process is killed, what was on its way has landed or has not.

import { type Rng, randomBetween, randomHex } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Timeline } from './timeline.ts';

export type DiskRecord = {
  readonly callId: string;
  /** The highest number that may have been used. */
  readonly cseq: number;
  readonly localPort: number | null;
  readonly contact: string | null;
  /** On the wall clock. */
  readonly grantedUntil: Millis | null;
  readonly reservation: string | null;
  readonly isPaused: boolean;
  /** null: nothing is wrong with its credentials. */
  readonly rejected: DiskRejection | null;
};

/** Credentials that were rejected; on the wall clock. */
export type DiskRejection = {
  readonly secret: string;
  readonly count: number;
  readonly lastAt: Millis;
  readonly nextAt: Millis | null;
  readonly isBlocked: boolean;
};

export type Reserved = {
  readonly callId: string;
  readonly firstCseq: number;
  readonly lastCseq: number;
  readonly token: string;
};

export type Facts = Partial<Pick<DiskRecord, 'contact' | 'grantedUntil' | 'localPort'>>;

export type Disk = ReturnType<typeof createDisk>;

type Write = { isDone: boolean; readonly apply: () => void };

export function createDisk(timeline: Timeline, rng: Rng) {
  const records = new Map<string, DiskRecord>();
  let pending: Write[] = [];
  let freeAt: Millis = 0;

  const load = (account: string): DiskRecord | null => records.get(account) ?? null;
  const known = (account: string): DiskRecord => load(account) ?? emptyRecord(rng);
  const write = (apply: () => void, done: () => void): void => {
    const entry: Write = { isDone: false, apply };
    pending.push(entry);
    freeAt = Math.max(freeAt, timeline.now() + randomBetween(rng, 1, 40));
    timeline.at(freeAt, () => {
      if (entry.isDone) return;
      land(entry);
      pending = pending.filter((one) => one !== entry);
      done();
    });
  };
  const land = (entry: Write): void => {
    entry.isDone = true;
    entry.apply();
  };
  const change = (account: string, changed: Partial<DiskRecord>): void => {
    records.set(account, { ...known(account), ...changed });
  };

  return {
    load,
    reserve: (
      account: string,
      wish: { readonly count: number; readonly localPort: number | undefined; readonly renewCallId: boolean },
      done: (reserved: Reserved) => void,
    ): void => {
      let reserved: Reserved | null = null;
      const apply = (): void => {
        const { callId, cseq } = wish.renewCallId ? emptyRecord(rng) : known(account);
        const token = randomHex(rng, 4);
        reserved = { callId, firstCseq: cseq + 1, lastCseq: cseq + wish.count, token };
        const port = wish.localPort === undefined ? {} : { localPort: wish.localPort };
        change(account, { callId, cseq: cseq + wish.count, reservation: token, ...port });
      };
      write(apply, () => {
        if (reserved !== null) done(reserved);
      });
    },
    settle: (account: string, reserved: Reserved, facts: Facts, usedCseq: number | null): void =>
      write(
        () => {
          const isLast = usedCseq !== null && known(account).reservation === reserved.token;
          change(account, { ...facts, ...(isLast ? { cseq: usedCseq, reservation: null } : {}) });
        },
        () => {},
      ),
    mark: (account: string, marks: Partial<Pick<DiskRecord, 'isPaused' | 'rejected'>>): void =>
      write(
        () => change(account, marks),
        () => {},
      ),
    /** The process was killed: its writes land in order until one does not. */
    crash: (): void => {
      let survives = true;
      for (const entry of pending) {
        survives &&= rng.unit() < 0.5;
        if (survives) land(entry);
        entry.isDone = true;
      }
      pending = [];
      freeAt = 0;
    },
    /** An orderly end waits for what is being written. */
    flush: (): void => {
      for (const entry of pending) land(entry);
      pending = [];
    },
  };
}

function emptyRecord(rng: Rng): DiskRecord {
  return {
    callId: randomHex(rng, 16),
    cseq: 0,
    localPort: null,
    contact: null,
    grantedUntil: null,
    reservation: null,
    isPaused: false,
    rejected: null,
  };
}

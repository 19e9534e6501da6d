// What the agent remembers of the last 24 hours and 7 days: since when each account was how, and how long answers took.
// It is noted in memory; once a minute, and at the end, what is new goes to a file (state/history-file.ts), so that a
// restart forgets nothing. The time in which no agent ran is unknown, not down.

import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  advance,
  beginTimeline,
  CLOCK_SLACK_MS,
  DAY_MS,
  type Shares,
  sharesOf,
  standingOf,
  stretchesOf,
  type Timeline,
  uptimeOf,
  WEEK_MS,
} from '../core/health/availability.ts';
import type { AccountState } from '../core/health/snapshot.ts';
import type { Millis } from '../core/time.ts';
import { type HistoryFile, historyFile } from '../state/history-file.ts';
import { formatHistoryLine, type HistoryLine, type TripSummary } from '../state/history-lines.ts';

/** A share of the time, in seconds. `ratio`: up of up and down, 0 to 1; null: nothing is known. */
export type UptimeShare = {
  readonly ratio: number | null;
  readonly up: number;
  readonly down: number;
  /** Paused or disabled. */
  readonly resting: number;
  /** No agent was running, or the account was not there. */
  readonly unknown: number;
};

/** The last 24 hours and the last 7 days. */
export type Uptime = { readonly day: UptimeShare; readonly week: UptimeShare };

/** The last 24 hours for a picture, oldest first; times are RFC 3339 UTC. Gaps between spans are unknown time. */
export type RecentHistory = {
  readonly bar: readonly {
    readonly from: string;
    readonly to: string | null;
    readonly state: AccountState;
  }[];
  readonly roundTrips: readonly { readonly at: string; readonly seconds: number }[];
};

export type HistoryNotice = {
  readonly code: 'history.set-aside' | 'history.unwritable' | 'history.writable';
  readonly message: string;
};

/** Every wall-clock time is in milliseconds since 1970. */
export type History = {
  readonly note: (account: string, state: AccountState, at?: Millis) => void;
  readonly noteRoundTrip: (account: string, seconds: number, at?: Millis) => void;
  /** The account is gone for good. */
  readonly forget: (account: string) => void;
  readonly uptime: (account: string, now?: Millis) => Uptime;
  readonly recent: (account: string, now?: Millis) => RecentHistory;
  /** Writes what is new; never rejects. */
  readonly flush: () => Promise<void>;
  /** Writes all, and ends. */
  readonly stop: () => Promise<void>;
};

export type HistoryOptions = {
  /** The state directory; null: it is kept in memory only. */
  readonly directory: string | null;
  /** How many accounts there are about: with many, round trips are summed up over longer times. */
  readonly accounts: number;
  readonly notify: (notice: HistoryNotice) => void;
  /** The wall clock; the system's. */
  readonly now?: () => Millis;
};

/** The summary that goes on is in the record itself: of an account that began a while ago there is no other. */
type Recorded = {
  timeline: Timeline;
  /** The summaries that are over, oldest first. */
  trips: readonly TripSummary[];
  /** Of the one that goes on; there is none while `count` is 0. */
  start: Millis;
  count: number;
  sumMs: Millis;
  maxMs: Millis;
};

const NO_TRIPS: readonly TripSummary[] = [];

const FLUSH_EVERY_MS: Millis = 60_000;
const LEAST_BUCKET_MS: Millis = 300_000;
const LONGEST_BUCKET_MS: Millis = 6 * 3_600_000;
/** Over all accounts: about 20 MB of memory, and as much on disk. */
const MAX_SUMMARIES = 400_000;
/** Changes that wait for the disk; beyond, the whole file is written when it can be. */
const MAX_PENDING = 100_000;
const LINES_AT_ONCE = 500;

/** Reads what earlier runs left, and begins. */
export function openHistory(options: HistoryOptions): History {
  const now = options.now ?? Date.now;
  const records = new Map<string, Recorded>();
  const file = options.directory === null ? null : historyFile(options.directory);
  const writer = file === null ? null : openFile(file, records, options.notify, now);
  const bucketMs = bucketOf(options.accounts);
  const tell = (line: HistoryLine): void => writer?.add(line);

  return {
    note(account, state, at = now()) {
      const standing = standingOf(state);
      const record = records.get(account);
      if (record === undefined) {
        const timeline = beginTimeline(at, standing);
        records.set(account, recordOf(timeline, NO_TRIPS));
        tell({ type: 'account', account, timeline, trips: NO_TRIPS });
        return;
      }
      const before = record.timeline;
      record.timeline = advance(before, at, standing);
      if (record.timeline === before) return;
      // A clock that was far wrong: all that was noted with it is void.
      const isNew = record.timeline.since < before.since && record.timeline.spans.length === 0;
      if (isNew) tell({ type: 'account', account, timeline: record.timeline, trips: tripsOf(record) });
      else tell({ type: 'change', account, at: Math.max(at, before.since), standing });
    },
    noteRoundTrip(account, seconds, at = now()) {
      const record = records.get(account);
      if (record === undefined) return;
      const ms = Math.round(seconds * 1000);
      const start = Math.floor(at / bucketMs) * bucketMs;
      if (record.count > 0 && start <= record.start) {
        record.count += 1;
        record.sumMs += ms;
        record.maxMs = Math.max(record.maxMs, ms);
        return;
      }
      const last = lastTrips(record);
      if (last !== null) {
        // A summary is written when the next one begins, or at the end.
        tell({ type: 'trips', account, trips: last });
        record.trips = tripsOf(record).filter((one) => one.start > at - DAY_MS - bucketMs);
      }
      record.start = start;
      record.count = 1;
      record.sumMs = ms;
      record.maxMs = ms;
    },
    forget(account) {
      if (records.delete(account)) tell({ type: 'forgotten', account });
    },
    uptime: (account, at = now()) => uptimeAt(records.get(account), at),
    recent: (account, at = now()) => recentAt(records.get(account), at, bucketMs),
    flush: async () => await writer?.flush(),
    stop: async () => await writer?.stop(),
  };
}

/** A record whose latest summary goes on. */
function recordOf(timeline: Timeline, trips: readonly TripSummary[]): Recorded {
  const last = trips.at(-1);
  const { start, count, sumMs, maxMs } = last ?? { start: 0, count: 0, sumMs: 0, maxMs: 0 };
  return { timeline, trips: last === undefined ? NO_TRIPS : trips.slice(0, -1), start, count, sumMs, maxMs };
}

function lastTrips({ start, count, sumMs, maxMs }: Recorded): TripSummary | null {
  return count === 0 ? null : { start, count, sumMs, maxMs };
}

/** Every summary, oldest first. */
function tripsOf(record: Recorded): readonly TripSummary[] {
  const last = lastTrips(record);
  return last === null ? record.trips : record.trips.concat(last);
}

function bucketOf(accounts: number): Millis {
  const perDay = Math.max(1, accounts) * (DAY_MS / LEAST_BUCKET_MS);
  return Math.min(LONGEST_BUCKET_MS, LEAST_BUCKET_MS * Math.ceil(perDay / MAX_SUMMARIES));
}

function uptimeAt(record: Recorded | undefined, at: Millis): Uptime {
  const timeline = record?.timeline ?? beginTimeline(at, 'unknown');
  return {
    day: shareOf(sharesOf(timeline, at - DAY_MS, at)),
    week: shareOf(sharesOf(timeline, at - WEEK_MS, at)),
  };
}

function shareOf(shares: Shares): UptimeShare {
  const ratio = uptimeOf(shares);
  const seconds = (ms: Millis): number => Math.round(ms / 1000);
  return {
    // Never 1 when it was down.
    ratio: ratio === null ? null : Math.floor(ratio * 1e6) / 1e6,
    up: seconds(shares.up),
    down: seconds(shares.down),
    resting: seconds(shares.resting),
    unknown: seconds(shares.unknown),
  };
}

function recentAt(record: Recorded | undefined, at: Millis, bucketMs: Millis): RecentHistory {
  if (record === undefined) return { bar: [], roundTrips: [] };
  const stretches = stretchesOf(record.timeline, at - DAY_MS, at);
  return {
    bar: stretches.flatMap(({ from, to, standing }) =>
      standing === 'unknown'
        ? []
        : [{ from: isoOf(from), to: to === at ? null : isoOf(to), state: standing }],
    ),
    roundTrips: tripsOf(record)
      .filter(({ start }) => start + bucketMs > at - DAY_MS)
      .map(({ start, count, sumMs }) => ({ at: isoOf(start), seconds: Math.round(sumMs / count) / 1000 })),
  };
}

function isoOf(at: Millis): string {
  return new Date(at).toISOString();
}

type Writer = {
  readonly add: (line: HistoryLine) => void;
  readonly flush: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Fills `records` from the file, and brings to it what is added. null: the file is not ours to write. */
function openFile(
  file: HistoryFile,
  records: Map<string, Recorded>,
  notify: HistoryOptions['notify'],
  now: () => Millis,
): Writer | null {
  const found = file.read();
  if (!found.ok) {
    notify({ code: 'history.unwritable', message: `no history is kept: ${found.error}` });
    return null;
  }
  if (found.value.damage !== null) notify({ code: 'history.set-aside', message: found.value.damage });
  replay(found.value.lines, records, now());
  let pending: HistoryLine[] = [];
  /** The file lacks something that is not pending either: the next time all of it is written. */
  let isPartial = true;
  let isBroken = false;
  let writing: Promise<void> = Promise.resolve();

  const append = async (lines: readonly HistoryLine[]): Promise<boolean> => {
    try {
      await file.append(lines);
      return true;
    } catch {
      // It is gone, or half of a line stands there now: the whole is written, and tells what is wrong if that fails.
      return false;
    }
  };
  const write = async (): Promise<void> => {
    const lines: HistoryLine[] = [...pending, { type: 'alive', at: now() }];
    pending = [];
    try {
      if (isPartial || file.isLong() || !(await append(lines))) {
        // What changes while it is written comes after it.
        isPartial = false;
        await file.rewrite(wholeText(records, now));
      }
      if (isBroken) notify({ code: 'history.writable', message: `${file.path} can be written again` });
      isBroken = false;
    } catch (error) {
      isPartial = true;
      const words = error instanceof Error ? error.message : String(error);
      if (!isBroken) notify({ code: 'history.unwritable', message: `the history is not written: ${words}` });
      isBroken = true;
    }
  };
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS).unref();
  return {
    add: (line) => {
      isPartial ||= pending.length >= MAX_PENDING;
      if (!isPartial) pending.push(line);
    },
    flush,
    stop: async () => {
      clearInterval(timer);
      // The summaries that are still open belong to the file too.
      isPartial = true;
      await flush();
    },
  };
}

/** Every account as it stands when its turn comes; what changes meanwhile is pending and written after it. */
async function* wholeText(records: ReadonlyMap<string, Recorded>, now: () => Millis): AsyncGenerator<string> {
  let lines: string[] = [];
  for (const [account, record] of records) {
    const { timeline } = record;
    // Of an account that nobody has seen for a week nothing is worth keeping.
    if (timeline.standing === 'unknown' && timeline.since < now() - WEEK_MS) continue;
    lines.push(formatHistoryLine({ type: 'account', account, timeline, trips: tripsOf(record) }));
    if (lines.length < LINES_AT_ONCE) continue;
    yield lines.join('');
    lines = [];
    await nextTurn();
  }
  lines.push(formatHistoryLine({ type: 'alive', at: now() }));
  yield lines.join('');
}

/** The accounts as the lines tell; from the agent's last sign of life on they are unknown. */
function replay(lines: readonly HistoryLine[], records: Map<string, Recorded>, now: Millis): void {
  let aliveAt = 0;
  for (const line of lines) {
    if (line.type === 'alive') aliveAt = Math.max(aliveAt, line.at);
    else replayLine(line, records);
  }
  for (const [account, record] of records) {
    const { since } = record.timeline;
    // Written with a clock that was ahead of ours: nobody knows what it means.
    if (since > now + CLOCK_SLACK_MS) records.delete(account);
    else record.timeline = advance(record.timeline, Math.min(now, Math.max(aliveAt, since)), 'unknown');
  }
}

function replayLine(line: Exclude<HistoryLine, { type: 'alive' }>, records: Map<string, Recorded>): void {
  const record = records.get(line.account);
  switch (line.type) {
    case 'account':
      records.set(line.account, recordOf(line.timeline, line.trips));
      break;
    case 'change':
      // What the record has already was written before it.
      if (record === undefined || line.at < record.timeline.since) break;
      record.timeline = advance(record.timeline, line.at, line.standing);
      break;
    case 'trips':
      if (record !== undefined) records.set(line.account, recordOf(record.timeline, withTrips(record, line)));
      break;
    case 'forgotten':
      records.delete(line.account);
      break;
  }
}

function withTrips(record: Recorded, { trips }: { readonly trips: TripSummary }): readonly TripSummary[] {
  const others = tripsOf(record).filter(({ start }) => start !== trips.start);
  return others.concat(trips).sort((a, b) => a.start - b.start);
}

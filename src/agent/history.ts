// What the agent remembers of the last 24 hours and 7 days: since when each account was how, and how long answers took.
// It is noted in memory; once a minute, and at the end, what is new goes to a file (state/history-file.ts), so that a
// restart forgets nothing. The time in which no agent ran is unknown, not down.

import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  advance,
  beginTimeline,
  CLOCK_SLACK_MS,
  goesOn,
  type Shares,
  type Standing,
  sharesOf,
  standingOf,
  stretchesOf,
  uptimeOf,
  WEEK_MS,
} from '../core/health/availability.ts';
import type { AccountState } from '../core/health/snapshot.ts';
import { messageOf } from '../core/thrown.ts';
import { DAY_MS, type Millis } from '../core/time.ts';
import { type HistoryFile, historyFile } from '../state/history-file.ts';
import { formatHistoryLine, type HistoryLine, type TripSummary } from '../state/history-lines.ts';
import { HistoryTable } from './history-table.ts';

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
  /** The account came into `state`. `roundTrip`: the seconds that the answer took which brought it there; null: none did. */
  readonly note: (account: string, state: AccountState, roundTrip?: number | null, at?: Millis) => void;
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
  const table = new HistoryTable(options.accounts);
  const file = options.directory === null ? null : historyFile(options.directory);
  const writer = file === null ? null : openFile(file, table, options.notify, now);
  const bucketMs = bucketOf(options.accounts);
  const tell = (line: HistoryLine): void => writer?.add(line);

  const begin = (account: string, standing: Standing, at: Millis): number => {
    const timeline = beginTimeline(at, standing);
    tell({ type: 'account', account, timeline, trips: [] });
    return table.put(account, timeline, []);
  };
  const noteStanding = (account: string, place: number, standing: Standing, at: Millis): void => {
    // Nearly always it stands as it did: no timeline is made for that.
    if (table.standing(place) === standing && goesOn(table.since(place), at)) return;
    const before = table.timeline(place);
    const timeline = advance(before, at, standing);
    table.setTimeline(place, timeline);
    // A clock that was far wrong: all that was noted with it is void.
    const isNew = timeline.since < before.since && timeline.spans.length === 0;
    if (isNew) tell({ type: 'account', account, timeline, trips: table.trips(place) });
    else tell({ type: 'change', account, at: Math.max(at, before.since), standing });
  };
  const noteRoundTrip = (account: string, place: number, seconds: number, at: Millis): void => {
    const ms = Math.round(seconds * 1000);
    const start = Math.floor(at / bucketMs) * bucketMs;
    if (table.addRoundTrip(place, start, ms)) return;
    const last = table.latestTrips(place);
    if (last !== null) {
      // A summary is written when the next one begins, or at the end.
      tell({ type: 'trips', account, trips: last });
      const recent = table.trips(place).filter((one) => one.start > at - DAY_MS - bucketMs);
      table.setTrips(place, recent);
    }
    table.appendTrips(place, { start, count: 1, sumMs: ms, maxMs: ms });
  };

  return {
    note(account, state, roundTrip = null, at = now()) {
      const standing = standingOf(state);
      const known = table.placeOf(account);
      if (known !== undefined) noteStanding(account, known, standing, at);
      const place = known ?? begin(account, standing, at);
      if (roundTrip !== null) noteRoundTrip(account, place, roundTrip, at);
    },
    forget(account) {
      if (table.remove(account)) tell({ type: 'forgotten', account });
    },
    uptime: (account, at = now()) => uptimeAt(table, account, at),
    recent: (account, at = now()) => recentAt(table, account, at, bucketMs),
    flush: async () => await writer?.flush(),
    stop: async () => await writer?.stop(),
  };
}

function bucketOf(accounts: number): Millis {
  const perDay = Math.max(1, accounts) * (DAY_MS / LEAST_BUCKET_MS);
  return Math.min(LONGEST_BUCKET_MS, LEAST_BUCKET_MS * Math.ceil(perDay / MAX_SUMMARIES));
}

function uptimeAt(table: HistoryTable, account: string, at: Millis): Uptime {
  const place = table.placeOf(account);
  const timeline = place === undefined ? beginTimeline(at, 'unknown') : table.timeline(place);
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

function recentAt(table: HistoryTable, account: string, at: Millis, bucketMs: Millis): RecentHistory {
  const place = table.placeOf(account);
  if (place === undefined) return { bar: [], roundTrips: [] };
  const stretches = stretchesOf(table.timeline(place), at - DAY_MS, at);
  return {
    bar: stretches.flatMap(({ from, to, standing }) =>
      standing === 'unknown'
        ? []
        : [{ from: isoOf(from), to: to === at ? null : isoOf(to), state: standing }],
    ),
    roundTrips: table
      .trips(place)
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

/** Fills `table` from the file, and brings to it what is added. null: the file is not ours to write. */
function openFile(
  file: HistoryFile,
  table: HistoryTable,
  notify: HistoryOptions['notify'],
  now: () => Millis,
): Writer | null {
  const found = file.read();
  if (!found.ok) {
    notify({ code: 'history.unwritable', message: `no history is kept: ${found.error}` });
    return null;
  }
  if (found.value.damage !== null) notify({ code: 'history.set-aside', message: found.value.damage });
  replay(found.value.lines, table, now());
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
        await file.rewrite(wholeText(table, now));
      }
      if (isBroken) notify({ code: 'history.writable', message: `${file.path} can be written again` });
      isBroken = false;
    } catch (error) {
      isPartial = true;
      const words = messageOf(error);
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
async function* wholeText(table: HistoryTable, now: () => Millis): AsyncGenerator<string> {
  let lines: string[] = [];
  for (const [account, place] of table.places()) {
    const timeline = table.timeline(place);
    // Of an account that nobody has seen for a week nothing is worth keeping.
    if (timeline.standing === 'unknown' && timeline.since < now() - WEEK_MS) continue;
    lines.push(formatHistoryLine({ type: 'account', account, timeline, trips: table.trips(place) }));
    if (lines.length < LINES_AT_ONCE) continue;
    yield lines.join('');
    lines = [];
    await nextTurn();
  }
  lines.push(formatHistoryLine({ type: 'alive', at: now() }));
  yield lines.join('');
}

/** The accounts as the lines tell; from the agent's last sign of life on they are unknown. */
function replay(lines: readonly HistoryLine[], table: HistoryTable, now: Millis): void {
  let aliveAt = 0;
  for (const line of lines) {
    if (line.type === 'alive') aliveAt = Math.max(aliveAt, line.at);
    else replayLine(line, table);
  }
  for (const [account, place] of table.places()) {
    const since = table.since(place);
    // Written with a clock that was ahead of ours: nobody knows what it means.
    if (since > now + CLOCK_SLACK_MS) table.remove(account);
    else advanceTo(table, place, Math.min(now, Math.max(aliveAt, since)), 'unknown');
  }
}

function replayLine(line: Exclude<HistoryLine, { type: 'alive' }>, table: HistoryTable): void {
  const place = table.placeOf(line.account);
  switch (line.type) {
    case 'account':
      table.put(line.account, line.timeline, line.trips);
      break;
    case 'change':
      // What the record has already was written before it.
      if (place === undefined || line.at < table.since(place)) break;
      advanceTo(table, place, line.at, line.standing);
      break;
    case 'trips':
      if (place !== undefined) table.setTrips(place, withTrips(table.trips(place), line.trips));
      break;
    case 'forgotten':
      table.remove(line.account);
      break;
  }
}

function advanceTo(table: HistoryTable, place: number, at: Millis, standing: Standing): void {
  table.setTimeline(place, advance(table.timeline(place), at, standing));
}

function withTrips(trips: readonly TripSummary[], added: TripSummary): readonly TripSummary[] {
  const others = trips.filter(({ start }) => start !== added.start);
  return others.concat(added).sort((a, b) => a.start - b.start);
}

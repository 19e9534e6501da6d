// How long an account was registered, of the time that anybody looked (status, status page). A timeline is a bounded list
// of spans; when it gets long, two short neighbours become one that keeps the sums of both, so that a share over a whole
// timeline stays exact and only the picture of a busy time gets coarser. Times are wall-clock milliseconds since 1970.

import { DAY_MS, type Millis } from '../time.ts';
import type { AccountState } from './snapshot.ts';

/** How an account stands, as far as uptime goes; unknown: no agent was running. */
export type Standing =
  | Extract<AccountState, 'registered' | 'waiting' | 'blocked' | 'paused' | 'disabled' | 'standby'>
  | 'unknown';

/** A stretch of time up to where the next begins. Of one that was joined `standing` is what held longest. */
export type Span = {
  readonly from: Millis;
  readonly standing: Standing;
  /** How it was spent; null: all of it as `standing` says. */
  readonly shares: Shares | null;
};

/** `spans` are over and follow each other without gaps; since `since` it is as `standing` says. */
export type Timeline = {
  readonly spans: readonly Span[];
  readonly since: Millis;
  readonly standing: Standing;
};

/** Durations in milliseconds; resting: somebody wanted it so. `up / (up + down)` is the share that counts. */
export type Shares = {
  readonly up: Millis;
  readonly down: Millis;
  readonly resting: Millis;
  readonly unknown: Millis;
};

/** A part of a timeline, for a bar. */
export type Stretch = { readonly from: Millis; readonly to: Millis; readonly standing: Standing };

export const WEEK_MS: Millis = 7 * DAY_MS;

/** So many spans at most: an account that changes more often than every 1.5 hours loses detail. */
export const MAX_SPANS = 112;

/** A clock that was set back by more than this makes all that was noted before worthless. */
export const CLOCK_SLACK_MS: Millis = 3_600_000;

/** Trying to register, for the first time or again, is being down all along. */
export function standingOf(state: AccountState): Standing {
  switch (state) {
    case 'registered':
    case 'refreshing':
      return 'registered';
    case 'unregistered':
    case 'registering':
    case 'waiting':
    case 'unregistering':
      return 'waiting';
    case 'blocked':
    case 'paused':
    case 'disabled':
    case 'standby':
      return state;
  }
}

const NO_SPANS: readonly Span[] = [];

export function beginTimeline(since: Millis, standing: Standing): Timeline {
  return { spans: NO_SPANS, since, standing };
}

/** Whether `at` follows on `since`: the clock was not set back by more than CLOCK_SLACK_MS. */
export function goesOn(since: Millis, at: Millis): boolean {
  return at >= since - CLOCK_SLACK_MS;
}

/** The timeline when it is as `standing` says from `at` on; an earlier time, as of a clock that was set back, counts as now. */
export function advance(timeline: Timeline, at: Millis, standing: Standing): Timeline {
  const { since } = timeline;
  if (!goesOn(since, at)) return beginTimeline(at, standing);
  if (standing === timeline.standing) return timeline;
  if (at <= since) {
    // It never was what it was.
    const last = timeline.spans.at(-1);
    if (last === undefined || last.standing !== standing || last.shares !== null) {
      return { ...timeline, standing };
    }
    return { spans: timeline.spans.slice(0, -1), since: last.from, standing };
  }
  const over: Span = { from: since, standing: timeline.standing, shares: null };
  const spans = withinWeek(timeline.spans.concat(over), at);
  return { spans: spans.length > MAX_SPANS ? joined(spans, at) : spans, since: at, standing };
}

/** How the time from `from` to `to` was spent; what lies before the timeline is unknown. */
export function sharesOf(timeline: Timeline, from: Millis, to: Millis): Shares {
  const total = { up: 0, down: 0, resting: 0, unknown: 0 };
  let covered = 0;
  for (const { span, end } of spansUntil(timeline, to)) {
    const length = end - span.from;
    const within = Math.max(0, Math.min(end, to) - Math.max(span.from, from));
    if (within === 0) continue;
    const part = within / length;
    const spent = sharesOfSpan(span, end);
    total.up += spent.up * part;
    total.down += spent.down * part;
    total.resting += spent.resting * part;
    total.unknown += spent.unknown * part;
    covered += within;
  }
  return { ...total, unknown: total.unknown + Math.max(0, to - from - covered) };
}

/** The share of the known time that it was up, 0 to 1; null when nothing is known of it. */
export function uptimeOf({ up, down }: Shares): number | null {
  return up + down === 0 ? null : up / (up + down);
}

/** What a bar from `from` to `to` shows, oldest first; of what lies before the timeline nothing. */
export function stretchesOf(timeline: Timeline, from: Millis, to: Millis): readonly Stretch[] {
  const stretches: Stretch[] = [];
  for (const { span, end } of spansUntil(timeline, to)) {
    const stretch = { from: Math.max(span.from, from), to: Math.min(end, to), standing: span.standing };
    if (stretch.to <= stretch.from) continue;
    const last = stretches.at(-1);
    if (last?.standing === stretch.standing) stretches[stretches.length - 1] = { ...last, to: stretch.to };
    else stretches.push(stretch);
  }
  return stretches;
}

/** Every span with its end, the open one too when it has begun. */
function spansUntil(
  { spans, since, standing }: Timeline,
  to: Millis,
): readonly { readonly span: Span; readonly end: Millis }[] {
  const all = to > since ? [...spans, { from: since, standing, shares: null }] : spans;
  return all.map((span, at) => ({ span, end: all[at + 1]?.from ?? Math.max(to, since) }));
}

/** A span that ends at `end`, spent as `shares` says. */
export function spanOf(from: Millis, end: Millis, standing: Standing, shares: Shares): Span {
  const plain = sharesOfLength(end - from, standing);
  const isPlain = shares.up === plain.up && shares.down === plain.down && shares.unknown === plain.unknown;
  return { from, standing, shares: isPlain ? null : shares };
}

/** How a span that ends at `end` was spent. */
export function sharesOfSpan({ from, standing, shares }: Span, end: Millis): Shares {
  return shares ?? sharesOfLength(end - from, standing);
}

function sharesOfLength(length: Millis, standing: Standing): Shares {
  const isUp = standing === 'registered';
  const isDown = standing === 'waiting' || standing === 'blocked';
  const isUnknown = standing === 'unknown';
  return {
    up: isUp ? length : 0,
    down: isDown ? length : 0,
    resting: isUp || isDown || isUnknown ? 0 : length,
    unknown: isUnknown ? length : 0,
  };
}

function withinWeek(spans: readonly Span[], now: Millis): readonly Span[] {
  if ((spans[1]?.from ?? now) > now - WEEK_MS) return spans;
  const first = spans.findIndex((_, at) => (spans[at + 1]?.from ?? now) > now - WEEK_MS);
  return first <= 0 ? spans : spans.slice(first);
}

/** With the two neighbours that are shortest together as one. */
function joined(spans: readonly Span[], end: Millis): readonly Span[] {
  const endOf = (at: number): Millis => spans[at + 1]?.from ?? end;
  let best = 0;
  for (let at = 1; at + 1 < spans.length; at++) {
    const length = endOf(at + 1) - (spans[at]?.from ?? 0);
    if (length < endOf(best + 1) - (spans[best]?.from ?? 0)) best = at;
  }
  const [one, other] = [spans[best], spans[best + 1]];
  if (one === undefined || other === undefined) return spans;
  const to = endOf(best + 1);
  const isLonger = other.from - one.from >= to - other.from;
  const shares = sum(sharesOfSpan(one, other.from), sharesOfSpan(other, to));
  const both = spanOf(one.from, to, isLonger ? one.standing : other.standing, shares);
  return [...spans.slice(0, best), both, ...spans.slice(best + 2)];
}

function sum(one: Shares, other: Shares): Shares {
  return {
    up: one.up + other.up,
    down: one.down + other.down,
    resting: one.resting + other.resting,
    unknown: one.unknown + other.unknown,
  };
}

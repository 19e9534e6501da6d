// The lines of history.ndjson: a head, then what was noted, one JSON array a line. Lines are only ever added until the file
// is written anew, and taking the same ones again changes nothing. Reading takes nothing on trust.

import {
  MAX_SPANS,
  type Span,
  type Standing,
  sharesOfSpan,
  spanOf,
  type Timeline,
} from '../core/health/availability.ts';
import type { Millis } from '../core/time.ts';

export const HISTORY_SCHEMA = 'sipreg.history/1';

/** Round trips that began within one stretch of time; times in milliseconds. */
export type TripSummary = {
  readonly start: Millis;
  readonly count: number;
  readonly sumMs: Millis;
  readonly maxMs: Millis;
};

export type HistoryLine =
  /** All of an account; it takes the place of what came before. */
  | {
      readonly type: 'account';
      readonly account: string;
      readonly timeline: Timeline;
      readonly trips: readonly TripSummary[];
    }
  /** From `at` on it is as `standing` says. */
  | { readonly type: 'change'; readonly account: string; readonly at: Millis; readonly standing: Standing }
  | { readonly type: 'trips'; readonly account: string; readonly trips: TripSummary }
  | { readonly type: 'forgotten'; readonly account: string }
  /** The agent was running. */
  | { readonly type: 'alive'; readonly at: Millis };

/** Each is known by its place here: lines have that number. */
export const STANDINGS: readonly Standing[] = [
  'unknown',
  'registered',
  'waiting',
  'blocked',
  'paused',
  'disabled',
  'standby',
];
const NUMBERS_OF_SPAN = 5;
const NUMBERS_OF_TRIPS = 4;
/** More than any version keeps of one account. */
const MAX_NUMBERS = 10 * MAX_SPANS * NUMBERS_OF_SPAN;

export const HISTORY_HEAD = `${JSON.stringify({ schema: HISTORY_SCHEMA })}\n`;

/** One line, with its end: a JSON array, written as what it is, for there may be tens of thousands at once. */
export function formatHistoryLine(line: HistoryLine): string {
  return `[${fieldsOf(line)}]\n`;
}

function fieldsOf(line: HistoryLine): string {
  switch (line.type) {
    case 'account': {
      const { since, standing } = line.timeline;
      const spans = spanNumbers(line.timeline);
      const trips = line.trips.map(tripNumbers).join();
      return `"a",${JSON.stringify(line.account)},${since},${codeOf(standing)},[${spans}],[${trips}]`;
    }
    case 'change':
      return `"c",${JSON.stringify(line.account)},${line.at},${codeOf(line.standing)}`;
    case 'trips':
      return `"t",${JSON.stringify(line.account)},${tripNumbers(line.trips)}`;
    case 'forgotten':
      return `"x",${JSON.stringify(line.account)}`;
    case 'alive':
      return `"h",${line.at}`;
  }
}

function spanNumbers({ spans, since }: Timeline): string {
  const numbers = spans.map((span, at) => {
    const { up, down, unknown } = sharesOfSpan(span, spans[at + 1]?.from ?? since);
    return `${span.from},${codeOf(span.standing)},${up},${down},${unknown}`;
  });
  return numbers.join();
}

function tripNumbers({ start, count, sumMs, maxMs }: TripSummary): string {
  return `${start},${count},${sumMs},${maxMs}`;
}

function codeOf(standing: Standing): number {
  return STANDINGS.indexOf(standing);
}

/** What a line says; null: nothing that could be understood. */
export function parseHistoryLine(text: string): HistoryLine | null {
  const fields = parseArray(text);
  if (fields === null) return null;
  const [kind, first, ...rest] = fields;
  if (kind === 'h') return isTime(first) ? { type: 'alive', at: first } : null;
  if (typeof first !== 'string' || first === '' || first.length > 64) return null;
  switch (kind) {
    case 'a':
      return accountOf(first, rest);
    case 'c': {
      const [at, code] = rest;
      const standing = standingOfCode(code);
      return isTime(at) && standing !== null ? { type: 'change', account: first, at, standing } : null;
    }
    case 't': {
      const trips = tripsOf(rest)?.[0];
      return trips === undefined ? null : { type: 'trips', account: first, trips };
    }
    case 'x':
      return { type: 'forgotten', account: first };
    default:
      return null;
  }
}

function accountOf(
  account: string,
  [since, code, spanList, tripList]: readonly unknown[],
): HistoryLine | null {
  const standing = standingOfCode(code);
  const spans = spansOf(spanList, since);
  const trips = tripsOf(tripList);
  if (!isTime(since) || standing === null || spans === null || trips === null) return null;
  return { type: 'account', account, timeline: { spans, since, standing }, trips };
}

/** Spans in their order, each with no more in it than its own length; null: they cannot be. */
function spansOf(list: unknown, end: unknown): readonly Span[] | null {
  const rows = rowsOf(list, NUMBERS_OF_SPAN);
  if (rows === null || rows.length > MAX_SPANS) return null;
  const spans: Span[] = [];
  for (const [at, [from = 0, code, up = 0, down = 0, unknown = 0]] of rows.entries()) {
    const standing = standingOfCode(code);
    const to = rows[at + 1]?.[0] ?? end;
    if (standing === null || !isTime(to) || to < from || up + down + unknown > to - from) return null;
    spans.push(spanOf(from, to, standing, { up, down, resting: to - from - up - down - unknown, unknown }));
  }
  return spans;
}

function tripsOf(list: unknown): readonly TripSummary[] | null {
  const rows = rowsOf(list, NUMBERS_OF_TRIPS);
  return (
    rows?.map(([start = 0, count = 0, sumMs = 0, maxMs = 0]) => ({ start, count, sumMs, maxMs })) ?? null
  );
}

/** A flat list of numbers in rows of `width`. */
function rowsOf(list: unknown, width: number): readonly (readonly number[])[] | null {
  if (!Array.isArray(list) || list.length > MAX_NUMBERS || list.length % width !== 0) return null;
  if (!list.every(isTime)) return null;
  return Array.from({ length: list.length / width }, (_, row) => list.slice(row * width, (row + 1) * width));
}

function standingOfCode(code: unknown): Standing | null {
  return typeof code === 'number' ? (STANDINGS[code] ?? null) : null;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function parseArray(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

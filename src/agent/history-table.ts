// What history.ts knows of every account: its timeline and its round trips. There may be tens of thousands of accounts, so
// none has an object here: all of it stands in columns of numbers, and a timeline or a summary is made for who asks for it.

import type { Shares, Span, Standing, Timeline } from '../core/health/availability.ts';
import type { Millis } from '../core/time.ts';
import { STANDINGS, type TripSummary } from '../state/history-lines.ts';
import { grownTo, NONE, RowLists, withRoom } from './row-lists.ts';

/** The columns of a span. */
const SPAN = { from: 0, standing: 1, width: 2 } as const;
/** The columns of the shares of a span that has some, after how many others it comes. */
const SHARES = { span: 0, up: 1, down: 2, resting: 3, unknown: 4, width: 5 } as const;
/** The columns of a summary of round trips. */
const TRIPS = { start: 0, count: 1, sumMs: 2, maxMs: 3, width: 4 } as const;

export class HistoryTable {
  readonly #places = new Map<string, number>();
  readonly #freePlaces: number[] = [];
  // Under the place of an account: since when it is how, and its lists.
  #since: Float64Array;
  #standing: Uint8Array;
  #spans: Int32Array;
  #shares: Int32Array;
  #trips: Int32Array;
  readonly #spanRows: RowLists;
  readonly #shareRows = new RowLists(SHARES.width, 0);
  readonly #tripRows: RowLists;

  /** With room for `accounts`; it grows when there are more. */
  constructor(accounts: number) {
    this.#since = new Float64Array(accounts);
    this.#standing = new Uint8Array(accounts);
    this.#spans = new Int32Array(accounts);
    this.#shares = new Int32Array(accounts);
    this.#trips = new Int32Array(accounts);
    this.#spanRows = new RowLists(SPAN.width, accounts);
    this.#tripRows = new RowLists(TRIPS.width, accounts);
  }

  /** Every account with its place. */
  places(): Iterable<readonly [string, number]> {
    return this.#places;
  }

  /** Where the account stands; undefined: nothing is known of it. */
  placeOf(account: string): number | undefined {
    return this.#places.get(account);
  }

  /** Takes the place of all that was known of the account; where it stands now. */
  put(account: string, timeline: Timeline, trips: readonly TripSummary[]): number {
    const place = this.#places.get(account) ?? this.#take(account);
    this.setTimeline(place, timeline);
    this.setTrips(place, trips);
    return place;
  }

  /** Whether it was known. */
  remove(account: string): boolean {
    const place = this.#places.get(account);
    if (place === undefined) return false;
    this.#setSpans(place, []);
    this.setTrips(place, []);
    this.#places.delete(account);
    this.#freePlaces.push(place);
    return true;
  }

  since(place: number): Millis {
    return this.#since[place] ?? 0;
  }

  standing(place: number): Standing {
    return standingOfCode(this.#standing[place]);
  }

  timeline(place: number): Timeline {
    return { spans: this.#spansOf(place), since: this.since(place), standing: this.standing(place) };
  }

  setTimeline(place: number, { spans, since, standing }: Timeline): void {
    this.#setSpans(place, spans);
    this.#since[place] = since;
    this.#standing[place] = STANDINGS.indexOf(standing);
  }

  /** Every summary, oldest first. */
  trips(place: number): readonly TripSummary[] {
    return this.#tripRows.rowsOf(this.#trips[place] ?? NONE).map((row) => this.#summary(row));
  }

  setTrips(place: number, trips: readonly TripSummary[]): void {
    this.#tripRows.release(this.#trips[place] ?? NONE);
    this.#trips[place] = NONE;
    // One of none tells nothing.
    for (const one of trips) if (one.count > 0) this.appendTrips(place, one);
  }

  appendTrips(place: number, { start, count, sumMs, maxMs }: TripSummary): void {
    const list = this.#trips[place] ?? NONE;
    this.#trips[place] = this.#tripRows.append(list, [start, count, sumMs, maxMs]);
  }

  /** The summary that goes on; null: there is none. */
  latestTrips(place: number): TripSummary | null {
    const row = this.#trips[place] ?? NONE;
    return row === NONE ? null : this.#summary(row);
  }

  /** Counts a round trip in the summary that goes on; false: that one begins before `start`. */
  addRoundTrip(place: number, start: Millis, ms: Millis): boolean {
    const row = this.#trips[place] ?? NONE;
    const rows = this.#tripRows;
    if (row === NONE || start > rows.get(row, TRIPS.start)) return false;
    rows.set(row, TRIPS.count, rows.get(row, TRIPS.count) + 1);
    rows.set(row, TRIPS.sumMs, rows.get(row, TRIPS.sumMs) + ms);
    if (ms > rows.get(row, TRIPS.maxMs)) rows.set(row, TRIPS.maxMs, ms);
    return true;
  }

  /** A place for an account that has none, without any list. */
  #take(account: string): number {
    const place = this.#freePlaces.pop() ?? this.#places.size;
    if (place === this.#since.length) this.#grow();
    this.#places.set(account, place);
    this.#spans[place] = NONE;
    this.#shares[place] = NONE;
    this.#trips[place] = NONE;
    return place;
  }

  #grow(): void {
    const places = grownTo(this.#since.length);
    this.#since = withRoom(this.#since, new Float64Array(places));
    this.#standing = withRoom(this.#standing, new Uint8Array(places));
    this.#spans = withRoom(this.#spans, new Int32Array(places));
    this.#shares = withRoom(this.#shares, new Int32Array(places));
    this.#trips = withRoom(this.#trips, new Int32Array(places));
  }

  #setSpans(place: number, spans: readonly Span[]): void {
    this.#spanRows.release(this.#spans[place] ?? NONE);
    this.#shareRows.release(this.#shares[place] ?? NONE);
    let list = NONE;
    let sharesList = NONE;
    let at = 0;
    for (const { from, standing, shares } of spans) {
      list = this.#spanRows.append(list, [from, STANDINGS.indexOf(standing)]);
      if (shares !== null) {
        const { up, down, resting, unknown } = shares;
        sharesList = this.#shareRows.append(sharesList, [at, up, down, resting, unknown]);
      }
      at += 1;
    }
    this.#spans[place] = list;
    this.#shares[place] = sharesList;
  }

  #spansOf(place: number): readonly Span[] {
    const rows = this.#spanRows;
    const shares = this.#sharesOf(place);
    return rows.rowsOf(this.#spans[place] ?? NONE).map((row, at) => ({
      from: rows.get(row, SPAN.from),
      standing: standingOfCode(rows.get(row, SPAN.standing)),
      shares: shares?.get(at) ?? null,
    }));
  }

  /** By the number of the span; null: no span has any. */
  #sharesOf(place: number): ReadonlyMap<number, Shares> | null {
    const rows = this.#shareRows;
    const list = this.#shares[place] ?? NONE;
    if (list === NONE) return null;
    const entries = rows.rowsOf(list).map((row): [number, Shares] => {
      const [up, down] = [rows.get(row, SHARES.up), rows.get(row, SHARES.down)];
      const [resting, unknown] = [rows.get(row, SHARES.resting), rows.get(row, SHARES.unknown)];
      return [rows.get(row, SHARES.span), { up, down, resting, unknown }];
    });
    return new Map(entries);
  }

  #summary(row: number): TripSummary {
    const rows = this.#tripRows;
    return {
      start: rows.get(row, TRIPS.start),
      count: rows.get(row, TRIPS.count),
      sumMs: rows.get(row, TRIPS.sumMs),
      maxMs: rows.get(row, TRIPS.maxMs),
    };
  }
}

function standingOfCode(code: number | undefined): Standing {
  return STANDINGS[code ?? 0] ?? 'unknown';
}

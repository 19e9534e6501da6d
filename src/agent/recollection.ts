// The last ten things that happened to an account (`status ACCOUNT`). Fifty thousand accounts have them, and mostly the same
// ones: an account remembers when and what, and the words that many have in common are there once.

import type { AccountState } from '../core/health/snapshot.ts';
import type { Millis } from '../core/time.ts';
import type { Severity } from './events.ts';
import type { HistoryEntry } from './operations.ts';

/** Two things that happened one after the other, with what happened before them. Most accounts have no more to remember than
 * that they began to register, and that they did: one record for both is all they need. */
export type Recollection = {
  readonly first: Happening;
  /** Milliseconds since `EPOCH`. */
  readonly firstAt: Millis;
  /** null: it has not happened yet. */
  second: Happening | null;
  secondAt: Millis;
  earlier: Recollection | null;
};

export type Happening = Pick<HistoryEntry, 'severity' | 'text'>;

/** interface.md: `status ACCOUNT` shows the last ten. */
const LENGTH = 10;

const EPOCH: Millis = Date.now();

/** The recollections with one more, which happened at `at`, milliseconds since 1970. */
export function recollect(latest: Recollection | null, at: Millis, what: Happening): Recollection {
  // Rounded, as V8 keeps a small number in place only when it knows that it is whole.
  const sinceEpoch = Math.round(at - EPOCH);
  if (latest !== null && latest.second === null) {
    latest.second = what;
    latest.secondAt = sinceEpoch;
    return latest;
  }
  const begun = { first: what, firstAt: sinceEpoch, second: null, secondAt: 0, earlier: latest };
  forgetBeyond(begun, LENGTH / 2 + 1);
  return begun;
}

/** Keeps so many records. */
function forgetBeyond(latest: Recollection, count: number): void {
  let last: Recollection | null = latest;
  for (let kept = 1; kept < count && last !== null; kept++) last = last.earlier;
  if (last !== null) last.earlier = null;
}

/** In words, oldest first. */
export function historyOf(latest: Recollection | null): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (let one = latest; one !== null; one = one.earlier) {
    if (one.second !== null) entries.push(entryOf(one.secondAt, one.second));
    entries.push(entryOf(one.firstAt, one.first));
  }
  return entries.slice(0, LENGTH).reverse();
}

function entryOf(at: Millis, what: Happening): HistoryEntry {
  return { time: new Date(EPOCH + at).toISOString(), ...what };
}

const transitions = new Map<string, Happening>();

/** An account went from one state to another. There are no more of these than pairs of states. */
export function transition(previous: AccountState, state: AccountState, severity: Severity): Happening {
  const text = `${previous} → ${state}`;
  const known = transitions.get(text);
  if (known?.severity === severity) return known;
  const happening = { severity, text };
  transitions.set(text, happening);
  return happening;
}

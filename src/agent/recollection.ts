// The last ten things that happened to an account (`status ACCOUNT`). Fifty thousand accounts have them, and mostly the same
// ones: an account remembers when and what, and the words that many have in common are there once.

import type { AccountState } from '../core/health/snapshot.ts';
import type { Millis } from '../core/time.ts';
import type { Severity } from './events.ts';
import type { HistoryEntry } from './operations.ts';

/** Something that happened, with what happened before it. */
export type Recollection = {
  /** Milliseconds since `EPOCH`: a small number, which V8 keeps in place. */
  readonly at: Millis;
  readonly what: Happening;
  earlier: Recollection | null;
};

export type Happening = Pick<HistoryEntry, 'severity' | 'text'>;

/** interface.md: `status ACCOUNT` shows the last ten. */
const LENGTH = 10;

const EPOCH: Millis = Date.now();

/** The recollections with one more, which happened at `at`, milliseconds since 1970. */
export function recollect(earlier: Recollection | null, at: Millis, what: Happening): Recollection {
  const latest: Recollection = { at: at - EPOCH, what, earlier };
  let last: Recollection | null = latest;
  for (let count = 1; count < LENGTH && last !== null; count++) last = last.earlier;
  if (last !== null) last.earlier = null;
  return latest;
}

/** In words, oldest first. */
export function historyOf(latest: Recollection | null): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (let one = latest; one !== null; one = one.earlier) {
    entries.push({ time: new Date(EPOCH + one.at).toISOString(), ...one.what });
  }
  return entries.reverse();
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

// What a reload has to do: the difference between two accounts files, account by account (behaviour.md §24).

import type { Accounts } from '../accounts/defaults.ts';
import type { AccountEntry } from '../accounts/schema.ts';

export type AccountsDiff = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
};

/** Compares effective entries, with their defaults filled in, of those that are wanted; the order of keys plays no part. */
export function diffAccounts(
  before: Accounts,
  after: Accounts,
  isWanted: (name: string) => boolean = () => true,
): AccountsDiff {
  const names = [...after.keys()].filter(isWanted);
  const changed: string[] = [];
  const unchanged: string[] = [];
  for (const name of names) {
    if (!before.has(name)) continue;
    (isSame(before.get(name), after.get(name)) ? unchanged : changed).push(name);
  }
  return {
    added: names.filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => isWanted(name) && !after.has(name)),
    changed,
    unchanged,
  };
}

/** Settings that decide which flow an account uses; when one of them changes, the present flow does not do. */
export function needsNewFlow(before: AccountEntry, after: AccountEntry): boolean {
  const keys = ['transport', 'tls', 'local', 'outboundProxy', 'registrar', 'dns'] as const;
  return keys.some((key) => !isSame(before[key], after[key]));
}

/** Of two values of a JSON document. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const mine = Object.entries(one);
  const theirs = new Map<string, unknown>(Object.entries(other));
  return mine.length === theirs.size && mine.every(([key, value]) => isSame(value, theirs.get(key)));
}

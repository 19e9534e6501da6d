// What a reload has to do: the difference between two accounts files, account by account (behaviour.md §24).

import { isDeepStrictEqual } from 'node:util';
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
    (isDeepStrictEqual(before.get(name), after.get(name)) ? unchanged : changed).push(name);
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
  return keys.some((key) => !isDeepStrictEqual(before[key], after[key]));
}

// What a reload has to do: the difference between two accounts files, account by account (behaviour.md §24).

import type { AccountEntry } from '../accounts/schema.ts';

export type AccountsDiff = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
};

type Entries = ReadonlyMap<string, AccountEntry>;

/** Compares effective entries, with their defaults filled in; the order of keys plays no part. */
export function diffAccounts(before: Entries, after: Entries): AccountsDiff {
  const names = [...after.keys()];
  const kept = names.filter((name) => before.has(name));
  const isSame = (name: string): boolean => canonical(before.get(name)) === canonical(after.get(name));
  return {
    added: names.filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: kept.filter((name) => !isSame(name)),
    unchanged: kept.filter(isSame),
  };
}

/** Settings that decide which flow an account uses; when one of them changes, the present flow does not do. */
export function needsNewFlow(before: AccountEntry, after: AccountEntry): boolean {
  const keys = ['transport', 'tls', 'local', 'outboundProxy', 'registrar', 'dns'] as const;
  return keys.some((key) => canonical(before[key]) !== canonical(after[key]));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

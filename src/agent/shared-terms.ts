// The keep-alive terms of all who share one flow. Thousands of accounts differ in little, so equal terms are one object
// with a count: a change costs no look at every account.

import { type KeepaliveTerms, strictestTerms } from '../core/keepalive/terms.ts';

/** Whoever uses a flow: any object stands for itself. */
export type Holder = object;

export type SharedTerms = {
  /** The terms of `holder`; undefined: it has none. */
  readonly of: (holder: Holder) => KeepaliveTerms | undefined;
  readonly set: (holder: Holder, terms: KeepaliveTerms) => void;
  readonly remove: (holder: Holder) => void;
  readonly isEmpty: () => boolean;
  /** What holds for the flow (core/keepalive/terms.ts). */
  readonly strictest: () => KeepaliveTerms;
};

type Counted = { readonly key: string; readonly terms: KeepaliveTerms; count: number };

export function createSharedTerms(): SharedTerms {
  const holders = new Map<Holder, Counted>();
  const byKey = new Map<string, Counted>();
  let strictest: KeepaliveTerms | null = null;
  /** Whoever comes next is likely to have the same. */
  let latest: Counted | null = null;

  const remove = (holder: Holder): void => {
    const counted = holders.get(holder);
    if (counted === undefined) return;
    holders.delete(holder);
    counted.count -= 1;
    if (counted.count > 0) return;
    byKey.delete(counted.key);
    if (latest === counted) latest = null;
    strictest = null;
  };
  const counted = (terms: KeepaliveTerms): Counted => {
    if (latest?.terms.settings === terms.settings && latest.terms.promise === terms.promise) return latest;
    const key = keyOf(terms);
    const known = byKey.get(key);
    if (known !== undefined) return known;
    const added = { key, terms, count: 0 };
    byKey.set(key, added);
    strictest = null;
    return added;
  };
  return {
    of: (holder) => holders.get(holder)?.terms,
    set: (holder, terms) => {
      const now = counted(terms);
      latest = now;
      if (holders.get(holder) === now) return;
      remove(holder);
      now.count += 1;
      holders.set(holder, now);
    },
    remove,
    isEmpty: () => holders.size === 0,
    strictest: () => {
      strictest ??= strictestTerms([...byKey.values()].map(({ terms }) => terms));
      return strictest;
    },
  };
}

function keyOf({ settings, promise }: KeepaliveTerms): string {
  const { flowTimerSeconds, keepSeconds, outbound } = promise;
  return `${settings.method} ${settings.intervalSeconds} ${flowTimerSeconds} ${keepSeconds} ${outbound}`;
}

// The keep-alive terms of all who share one flow. Thousands of accounts differ in little, so equal terms are one object
// with a count: a change costs no look at every account. Which terms are whose is with the account itself.

import { type KeepaliveTerms, strictestTerms } from '../core/keepalive/terms.ts';

/** Whoever uses flows. */
export type Holder = {
  /** On what terms each flow that it uses is kept open. */
  keptOn: readonly CommonTerms[];
};

/** The terms that some users of one flow have in common. */
export type CommonTerms = {
  readonly of: SharedTerms;
  readonly key: string;
  readonly terms: KeepaliveTerms;
  /** What those have who use no other flow: one list for fifty thousand. */
  readonly alone: readonly CommonTerms[];
  count: number;
};

/** Who uses no flow shares this. */
export const ON_NO_TERMS: readonly CommonTerms[] = [];

export class SharedTerms {
  readonly #byKey = new Map<string, CommonTerms>();
  #strictest: KeepaliveTerms | null = null;
  /** Whoever comes next is likely to have the same. */
  #latest: CommonTerms | null = null;

  /** The terms of `holder`; undefined: it has none. */
  of(holder: Holder): KeepaliveTerms | undefined {
    return this.#commonOf(holder)?.terms;
  }

  set(holder: Holder, terms: KeepaliveTerms): void {
    const common = this.#common(terms);
    this.#latest = common;
    if (this.#commonOf(holder) === common) return;
    this.remove(holder);
    common.count += 1;
    holder.keptOn = holder.keptOn.length === 0 ? common.alone : [...holder.keptOn, common];
  }

  remove(holder: Holder): void {
    const common = this.#commonOf(holder);
    if (common === undefined) return;
    const left = holder.keptOn.filter((one) => one !== common);
    holder.keptOn = left.length > 1 ? left : (left[0]?.alone ?? ON_NO_TERMS);
    common.count -= 1;
    if (common.count > 0) return;
    this.#byKey.delete(common.key);
    if (this.#latest === common) this.#latest = null;
    this.#strictest = null;
  }

  isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** What holds for the flow (core/keepalive/terms.ts). */
  strictest(): KeepaliveTerms {
    this.#strictest ??= strictestTerms([...this.#byKey.values()].map(({ terms }) => terms));
    return this.#strictest;
  }

  #commonOf({ keptOn }: Holder): CommonTerms | undefined {
    for (const common of keptOn) if (common.of === this) return common;
    return undefined;
  }

  #common(terms: KeepaliveTerms): CommonTerms {
    const latest = this.#latest;
    if (latest?.terms.settings === terms.settings && latest.terms.promise === terms.promise) return latest;
    const key = keyOf(terms);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const alone: CommonTerms[] = [];
    const added: CommonTerms = { of: this, key, terms, alone, count: 0 };
    alone.push(added);
    this.#byKey.set(key, added);
    this.#strictest = null;
    return added;
  }
}

function keyOf({ settings, promise }: KeepaliveTerms): string {
  const { flowTimerSeconds, keepSeconds, outbound } = promise;
  return `${settings.method} ${settings.intervalSeconds} ${flowTimerSeconds} ${keepSeconds} ${outbound}`;
}

// Keeps one run of `sipreg doctor` over many accounts from getting this host banned (behaviour.md §10): when a registrar has
// rejected the credentials of a few, those of the others are not sent to it.

import { createGate } from '../../runtime/dns/gate.ts';
import type { Withheld } from './answer-facts.ts';
import type { RegisterQuery } from './register-query.ts';

export type Caution = {
  /** Asks the registrar at `address`, without credentials when `withheld` says so or when they would be too many. */
  readonly ask: (
    address: string,
    withheld: Withheld | null,
    query: (withheld: Withheld | null) => Promise<RegisterQuery>,
  ) => Promise<{ readonly query: RegisterQuery; readonly withheld: Withheld | null }>;
};

/** Fewer than what makes the usual guards of a registrar ban an address. */
const MAX_REJECTIONS = 3;
/** So many may be under way when the last of them is counted. */
const AT_A_TIME = 2;

export function createCaution(): Caution {
  const gate = createGate(AT_A_TIME);
  const rejections = new Map<string, number>();
  return {
    ask: (address, withheld, query) =>
      gate.pass(async () => {
        const isTooMany = (rejections.get(address) ?? 0) >= MAX_REJECTIONS;
        const held = withheld ?? (isTooMany ? { type: 'cautious' } : null);
        const asked = await query(held);
        const { outcome } = asked;
        if (outcome.type === 'failed' && outcome.failure.code === 'auth.rejected') {
          rejections.set(address, (rejections.get(address) ?? 0) + 1);
        }
        return { query: asked, withheld: held };
      }),
  };
}

// The look at secret files as src/agent/secret-watch.ts does it: every five seconds, at those of the accounts whose
// credentials were rejected.

import type { Millis } from '../../src/core/time.ts';
import type { SimAccount } from './sim-account.ts';

const SECRET_LOOK_MS: Millis = 5_000;

type Surroundings = {
  readonly accounts: readonly SimAccount[];
  /** How often the account's secret file was written. */
  readonly versionOf: (name: string) => number;
  readonly monotonic: () => Millis;
  readonly later: (ms: Millis, run: () => void) => void;
  readonly touched: (account: SimAccount) => void;
};

/** Looks fall on a beat that goes on all the time; those at which nobody waits are left out. */
export function createSecretLooks({ accounts, versionOf, monotonic, later, touched }: Surroundings) {
  let known = new Map<SimAccount, number>();
  let isLooking = false;
  const look = (): void => {
    isLooking = false;
    const seen = new Map<SimAccount, number>();
    for (const account of accounts) {
      const { state, failure } = account.lifecycle;
      const stage = failure?.failure.stage;
      if (account.isConcluded) continue;
      if (state !== 'blocked' && !(state === 'waiting' && (stage === 'auth' || stage === 'secret'))) continue;
      const version = versionOf(account.name);
      const before = known.get(account);
      seen.set(account, version);
      if (before !== version) touched(account);
    }
    known = seen;
    if (seen.size > 0) keepLooking();
  };
  const keepLooking = (): void => {
    if (isLooking) return;
    isLooking = true;
    later(SECRET_LOOK_MS - (monotonic() % SECRET_LOOK_MS), look);
  };
  return { keepLooking };
}

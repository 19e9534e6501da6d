// The REGISTERs that wait for their answers, by Via branch (RFC 3261 §17.1.3): whose each is, and when it left. An account
// has at most one.

import type { Millis } from '../core/time.ts';
import { exactNow } from '../runtime/clock.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** `sentAt` is exact (runtime/clock.ts). */
export type Transaction = { readonly account: ManagedRegistration; readonly sentAt: Millis };

export class Transactions {
  readonly #byBranch = new Map<string, Transaction>();

  /** The account's request leaves now, under `branch`; no answer to an earlier one counts any more. */
  begin(account: ManagedRegistration, branch: string): void {
    this.end(account);
    account.branch = branch;
    this.#byBranch.set(branch, { account, sentAt: exactNow() });
  }

  of(branch: string): Transaction | undefined {
    return this.#byBranch.get(branch);
  }

  /** What comes for it from now on is a stray. */
  end(account: ManagedRegistration): void {
    if (account.branch !== null) this.#byBranch.delete(account.branch);
    account.branch = null;
  }
}

// The REGISTERs that wait for their answers, by Via branch (RFC 3261 §17.1.3): whose each is, over which flow and when it
// left, and what came there that is no answer. An account has at most one.

import type { Input } from '../core/registration/input.ts';
import { sameSocketAddress } from '../core/sip/ip.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import type { Millis } from '../core/time.ts';
import { exactNow } from '../runtime/clock.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** `sentAt` is exact (runtime/clock.ts). */
export type Transaction = {
  readonly account: ManagedRegistration;
  readonly flow: Flow;
  readonly sentAt: Millis;
};

type Noise = { readonly text: string; readonly at: Millis };

export class Transactions {
  readonly #byBranch = new Map<string, Transaction>();
  /** The latest of each flow. */
  readonly #noise = new WeakMap<Flow, Noise>();

  /** The account's request leaves now over `flow`, under `branch`; no answer to an earlier one counts any more. */
  begin(account: ManagedRegistration, flow: Flow, branch: string): void {
    this.end(account);
    account.branch = branch;
    this.#byBranch.set(branch, { account, flow, sentAt: exactNow() });
  }

  of(branch: string): Transaction | undefined {
    return this.#byBranch.get(branch);
  }

  /** Something that is no SIP came over `flow`, `text` says what; of strangers it says nothing about the flow's peer. */
  noise(flow: Flow, text: string, source: SocketAddress): void {
    if (sameSocketAddress(source, flow.remote)) this.#noise.set(flow, { text, at: exactNow() });
  }

  /** What the account is told when its time has come: what there was in place of an answer too. */
  timePassed({ branch }: ManagedRegistration): Input {
    const transaction = branch === null ? undefined : this.#byBranch.get(branch);
    if (transaction === undefined) return TIME_PASSED;
    const noise = this.#noise.get(transaction.flow);
    if (noise === undefined || noise.at < transaction.sentAt) return TIME_PASSED;
    return { type: 'timePassed', noise: noise.text };
  }

  /** What comes for it from now on is a stray. */
  end(account: ManagedRegistration): void {
    if (account.branch !== null) this.#byBranch.delete(account.branch);
    account.branch = null;
  }
}

const TIME_PASSED: Input = { type: 'timePassed' };

// Which accounts use which open flow. A flow is shared by many, and each of them may hold two while it changes over.

import { sameTarget, type Target } from '../core/sip/transport.ts';
import type { Millis } from '../core/time.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import { currentPlan, type ManagedRegistration, NO_FLOWS } from './managed-registration.ts';
import { isFixed, type OpenFlow } from './network-changes.ts';

type Held = {
  readonly flow: Flow;
  /** Where it was opened to first. */
  readonly target: Target;
  /** What those hold who hold nothing else: one list for fifty thousand. */
  readonly alone: readonly Flow[];
  readonly users: Set<ManagedRegistration>;
  /** The users as a list, made when somebody asks: fifty thousand may come and go one by one. */
  list: readonly ManagedRegistration[] | null;
  /** When a message came over it last. */
  heardAt: Millis;
};

export class HeldFlows {
  readonly #held = new Map<number, Held>();

  get(flowId: number): Flow | undefined {
    return this.#held.get(flowId)?.flow;
  }

  /** A message came over the flow. */
  heard(flow: Flow, now: Millis): void {
    const held = this.#held.get(flow.id);
    if (held !== undefined) held.heardAt = now;
  }

  /** Whether a message came over the flow after `since`. */
  hasHeard(flow: Flow, since: Millis): boolean {
    return (this.#held.get(flow.id)?.heardAt ?? since) > since;
  }

  *flows(): Iterable<Flow> {
    for (const { flow } of this.#held.values()) yield flow;
  }

  /** Every flow, and whether one of its users has chosen the address that it leaves from. */
  openFlows(): readonly OpenFlow[] {
    return [...this.flows()].map((flow) => ({
      flow,
      isBound: this.usersOf(flow).some((account) => isFixed(currentPlan(account).profile.local)),
    }));
  }

  /** Who uses the flow; the same array for as long as they are the same, and their settings too. */
  usersOf(flow: Flow): readonly ManagedRegistration[] {
    const held = this.#held.get(flow.id);
    if (held === undefined) return NOBODY;
    held.list ??= [...held.users];
    return held.list;
  }

  /** Who alone uses the flow; null: nobody does, or several. */
  onlyUserOf(flow: Flow): ManagedRegistration | null {
    const [only, another] = this.usersOf(flow);
    return only === undefined || another !== undefined ? null : only;
  }

  /** False: it is held already. */
  hold(account: ManagedRegistration, flow: Flow, target: Target): boolean {
    if (account.held.includes(flow)) return false;
    const held = this.#held.get(flow.id) ?? heldBy(flow, target);
    this.#held.set(flow.id, held);
    account.held = account.held.length === 0 ? held.alone : account.held.concat(flow);
    changed(held).add(account);
    return true;
  }

  /** `target`, which the flow leads to: one record for all who say the same of it. */
  commonTarget(flow: Flow, target: Target): Target {
    const known = this.#held.get(flow.id)?.target;
    return known !== undefined && isSame(known, target) ? known : target;
  }

  /** A user of the flow is another than before, in some way. */
  touch(flow: Flow): void {
    const held = this.#held.get(flow.id);
    if (held !== undefined) held.list = null;
  }

  letGo(account: ManagedRegistration, flow: Flow): void {
    this.#drop(account, flow);
    const held = this.#held.get(flow.id);
    if (held === undefined) return;
    changed(held).delete(account);
    if (held.users.size === 0) this.#held.delete(flow.id);
  }

  /** The flow is gone; whoever used it is returned. */
  gone(flow: Flow): readonly ManagedRegistration[] {
    const users = this.usersOf(flow);
    this.#held.delete(flow.id);
    for (const account of users) this.#drop(account, flow);
    return users;
  }

  #drop(account: ManagedRegistration, flow: Flow): void {
    const left = account.held.filter((one) => one !== flow);
    const [first, second] = left;
    if (first === undefined) account.held = NO_FLOWS;
    else if (second === undefined) account.held = this.#held.get(first.id)?.alone ?? left;
    else account.held = left;
  }
}

function heldBy(flow: Flow, target: Target): Held {
  return { flow, target, alone: [flow], users: new Set(), list: null, heardAt: Number.NEGATIVE_INFINITY };
}

function isSame(one: Target, other: Target): boolean {
  return one.host === other.host && one.resource === other.resource && sameTarget(one, other);
}

function changed(held: Held): Set<ManagedRegistration> {
  held.list = null;
  return held.users;
}

const NOBODY: readonly ManagedRegistration[] = [];

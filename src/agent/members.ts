// Who belongs to the agent: its members by name, in the order of the file, and whose each registration is.

import type { ManagedRegistration, Registrations } from './managed-registration.ts';
import { isUp, type Member } from './member.ts';

export class Members {
  readonly #byName = new Map<string, Member>();
  readonly #ofRegistration = new Map<ManagedRegistration, Member>();

  get byName(): ReadonlyMap<string, Member> {
    return this.#byName;
  }

  add(member: Member): void {
    this.#byName.set(member.name, member);
  }

  remove(name: string): void {
    this.#byName.delete(name);
  }

  /** The member has these registrations now. */
  employ(member: Member, flows: Registrations): void {
    member.entry = null;
    member.flows = flows;
    member.state = flows[0].lifecycle.state;
    for (const flow of flows) this.#ofRegistration.set(flow, member);
  }

  /** The registration belongs to nobody any more. */
  forget(flow: ManagedRegistration): void {
    this.#ofRegistration.delete(flow);
  }

  /** undefined: the registration is on its way out. */
  of(flow: ManagedRegistration): Member | undefined {
    return this.#ofRegistration.get(flow);
  }

  registrations(): Iterable<ManagedRegistration> {
    return this.#ofRegistration.keys();
  }

  /** Puts the members into the order of `names`. */
  reorder(names: Iterable<string>): void {
    for (const name of names) {
      const member = this.#byName.get(name);
      if (member === undefined) continue;
      this.#byName.delete(name);
      this.#byName.set(name, member);
    }
  }

  /** How many accounts are enabled, and how many of them registered. */
  count(): { readonly registered: number; readonly enabled: number } {
    let registered = 0;
    let enabled = 0;
    for (const { flows, state } of this.#byName.values()) {
      if (flows !== null) enabled += 1;
      if (isUp(state)) registered += 1;
    }
    return { registered, enabled };
  }
}

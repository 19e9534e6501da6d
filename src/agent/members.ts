// Who belongs to the agent: its members by name, in the order of the file. Whose a registration is it says itself; that it still
// is says the member.

import type { ManagedRegistration, Member } from './managed-registration.ts';
import { isUp } from './member.ts';

export class Members {
  readonly #byName = new Map<string, Member>();

  get byName(): ReadonlyMap<string, Member> {
    return this.#byName;
  }

  add(member: Member): void {
    this.#byName.set(member.name, member);
  }

  remove(name: string): void {
    this.#byName.get(name)?.letGo();
    this.#byName.delete(name);
  }

  /** undefined: the registration is on its way out. */
  of(flow: ManagedRegistration): Member | undefined {
    const { member } = flow;
    return member?.has(flow) === true ? member : undefined;
  }

  forEachRegistration(look: (flow: ManagedRegistration) => void): void {
    this.#byName.forEach((member) => {
      member.forEach(look);
    });
  }

  /** Those of them that are `wanted`; all. */
  registrations(wanted: (flow: ManagedRegistration) => boolean = () => true): ManagedRegistration[] {
    const found: ManagedRegistration[] = [];
    this.forEachRegistration((flow) => {
      if (wanted(flow)) found.push(flow);
    });
    return found;
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
    for (const { isEnabled, state } of this.#byName.values()) {
      if (isEnabled) enabled += 1;
      if (isUp(state)) registered += 1;
    }
    return { registered, enabled };
  }
}

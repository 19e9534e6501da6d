// The flows of one account know of each other (RFC 5626 §4.5): how patient one is depends on how the others stand, as
// src/agent/account-news.ts tells them.

import { isUp } from '../../src/agent/member.ts';
import type { Command } from '../../src/core/registration/lifecycle-state.ts';
import type { SimAccount } from './sim-account.ts';

/** To be called when a flow of the account `name` is in another state. */
export function tellSiblings(
  all: readonly SimAccount[],
  name: string,
  request: (account: SimAccount, command: Command) => void,
): void {
  const flows = all.filter((one) => one.name === name);
  if (flows.length === 1) return;
  for (const flow of flows) {
    const others = flows.some((one) => one !== flow && isUp(one.lifecycle.state)) ? 'up' : 'down';
    if (flow.lifecycle.others !== others) request(flow, { type: 'othersChanged', others });
  }
}

// What of the agent's events belongs into its history: states, round trips, and accounts that are gone.

import { type AgentEvent, glanceOf, instantOf } from './events.ts';
import type { History } from './history.ts';

export function noteEvent(history: History, event: AgentEvent): void {
  if (event.type === 'state') {
    // A refresh begins: the account stands as it did.
    if (event.state === 'refreshing' && event.previous === 'registered') return;
    const roundTrip = event.state === 'registered' ? glanceOf(event).rtt : null;
    history.note(event.account, event.state, roundTrip, instantOf(event));
  } else if (event.type === 'reload') {
    for (const account of event.report?.removed ?? []) history.forget(account);
  }
}

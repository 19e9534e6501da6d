// What operators order of single accounts: refresh, pause, resume. Each waits for its outcome and says it in words.

import type { Failure } from '../core/health/verdict.ts';
import type { Millis } from '../core/time.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { flowAfterFlow } from './flow-after-flow.ts';
import {
  currentPlan,
  identityKey,
  type ManagedRegistration,
  type Registrations,
} from './managed-registration.ts';
import type { OperationResult } from './operations.ts';
import type { Supervisor } from './supervisor.ts';

/** How long a pause waits for the registrar. */
const PAUSE_WITHIN_MS: Millis = 35_000;

type Results = Promise<readonly OperationResult[]>;

/** behaviour.md §10: leaves `blocked` and every wait at once. A REGISTER that is under way is waited for. */
export function refreshAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (flows) => {
    if (flows[0].lifecycle.state === 'paused') return 'it is paused: resume it first';
    return await registerAll(supervisor, flows);
  });
}

/** Removes the binding and stays away until a resume: over restarts too, where that can be noted. */
export async function pauseAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  const results = await pauseEach(supervisor, names);
  if (supervisor.store.isDurable()) return results;
  return results.map((result) => (result.ok ? { ...result, text: NOT_KEPT } : result));
}

const NOT_KEPT = 'until the agent ends: the state cannot be written';

function pauseEach(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (flows) => {
    await supervisor.store.setPaused(identityKey(currentPlan(flows[0])), new Date().toISOString());
    const deadlineAt = monotonicNow() + PAUSE_WITHIN_MS;
    for (const flow of flows) {
      supervisor.engine.request(flow, { type: 'stopRequested', deadlineAt, into: 'paused' });
    }
    await Promise.all(flows.map((flow) => rest(supervisor, flow)));
    return flows.every(({ lifecycle }) => lifecycle.registration.boundContact === null)
      ? null
      : 'the binding could not be removed; it stays until it ends';
  });
}

export function resumeAccounts(supervisor: Supervisor, names: readonly string[]): Results {
  return forEach(supervisor, names, async (flows) => {
    await supervisor.store.setPaused(identityKey(currentPlan(flows[0])), null);
    return await registerAll(supervisor, flows);
  });
}

/** What did not go well; null when one of the flows is enough to be reached by (interface.md). */
async function registerAll(supervisor: Supervisor, flows: Registrations): Promise<string | null> {
  const [first = null, ...others] = await flowAfterFlow(flows, (flow, rejected) =>
    rejected === null ? register(supervisor, flow) : Promise.resolve(textOf(rejected)),
  );
  if (first === null || others.length === 0) return first;
  return others.includes(null) ? null : `flow 1: ${first}`;
}

async function register(supervisor: Supervisor, flow: ManagedRegistration): Promise<string | null> {
  // A pause that is under way comes to its end first.
  while (flow.lifecycle.round !== null && flow.lifecycle.stop !== null) {
    await supervisor.nextOutcome(flow);
  }
  if (flow.isConcluded) return 'the agent has let go of it: it is ending, or has other settings now';
  const finished = supervisor.nextOutcome(flow);
  if (flow.lifecycle.round === null) {
    supervisor.engine.request(flow, { type: 'roundRequested', goal: 'register' });
  }
  const outcome = await finished;
  return outcome?.type === 'failed' ? textOf(outcome.failure) : null;
}

async function forEach(
  supervisor: Supervisor,
  names: readonly string[],
  work: (flows: Registrations) => Promise<string | null>,
): Results {
  return await Promise.all(
    names.map(async (name) => {
      const member = supervisor.members.byName.get(name);
      if (member === undefined) throw new Error(`there is no account ${name}`);
      const problem = member.flows === null ? 'it is disabled' : await work(member.flows);
      const snapshot = supervisor.snapshot(name);
      if (snapshot === undefined) throw new Error(`${name} was removed meanwhile`);
      return { account: name, ok: problem === null, text: problem ?? snapshot.state, snapshot };
    }),
  );
}

/** Waits until the account is paused, or until something else became of it: a reload or the agent's end. */
async function rest(supervisor: Supervisor, flow: ManagedRegistration): Promise<void> {
  const isPausing = (): boolean =>
    supervisor.members.of(flow) !== undefined &&
    !flow.isConcluded &&
    flow.lifecycle.state !== 'paused' &&
    flow.lifecycle.stop?.into === 'paused';
  while (isPausing()) await supervisor.nextOutcome(flow);
}

function textOf({ code, cause }: Failure): string {
  return `${code}: ${cause}`;
}

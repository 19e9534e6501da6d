// The three questions of probes (operations.md, Kubernetes): is the process alive, has it begun its work, is all well. Only
// the last one depends on registrars: an agent that is started anew because a registrar is down would help nobody.

import { type Condition, conditionOf, type Standpoint } from '../../core/health/condition.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import type { AgentView } from './view.ts';

/** An account that is not registered and should be. */
type DownAccount = Pick<AccountSnapshot, 'account' | 'state' | 'since' | 'nextAttempt' | 'failure'>;

/** `/healthz`. */
export type HealthDocument = {
  readonly status: 'ok' | 'failing';
  readonly registered: number;
  /** Accounts that should be registered: neither disabled nor paused. */
  readonly wanted: number;
  /** At most `MAX_NAMED`. */
  readonly down: readonly DownAccount[];
};

export const MAX_NAMED = 100;

/** The health of all accounts, or of the one named; null: there is no such account. */
export function healthOf(view: AgentView, name: string | null): HealthDocument | null {
  const names = name === null ? view.names() : [name];
  const down: DownAccount[] = [];
  let registered = 0;
  let wanted = 0;
  for (const one of names) {
    const standpoint = view.standpoint(one);
    if (standpoint === undefined) continue;
    const condition: Condition = conditionOf(standpoint);
    // Who asks for one account by name wants it to be registered, whoever paused it.
    if (condition === 'resting' && name === null) continue;
    wanted += 1;
    if (condition === 'up') registered += 1;
    else if (down.length < MAX_NAMED) down.push(...downAccounts(view.snapshot(one)));
  }
  if (name !== null && wanted === 0) return null;
  return { status: registered === wanted ? 'ok' : 'failing', registered, wanted, down };
}

function downAccounts(snapshot: AccountSnapshot | undefined): readonly DownAccount[] {
  if (snapshot === undefined) return [];
  const { account, state, since, nextAttempt, failure } = snapshot;
  return [{ account, state, since, nextAttempt, failure }];
}

/** Tells what the agent waits for; null: it is ready. Once ready it stays so until it ends. */
export function createReadiness(view: AgentView): () => string | null {
  let wasReady = false;
  return () => {
    const { state } = view.agent();
    if (state !== 'running') return `the agent is ${state}`;
    wasReady ||= view.names().every((name) => hasTried(view.standpoint(name)));
    return wasReady ? null : 'some accounts have not ended their first attempt';
  };
}

function hasTried(standpoint: Standpoint | undefined): boolean {
  return standpoint === undefined || conditionOf(standpoint) !== 'trying';
}

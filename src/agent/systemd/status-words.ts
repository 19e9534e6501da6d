// STATUS= of the service, in words: what `systemctl status` shows. One line, no secret.

import { printableUpTo } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import type { AgentSnapshot } from '../operations.ts';

const MAX_LENGTH = 300;

export type StatusFacts = {
  readonly agent: Pick<AgentSnapshot, 'state' | 'registered' | 'enabled' | 'problems'>;
  /** Who has been down for longest; null: nobody is down. */
  readonly firstDown: Pick<AccountSnapshot, 'account' | 'state' | 'failure'> | null;
  /** How many are down besides. */
  readonly furtherDown: number;
};

/** "41 of 42 registered; office blocked: the registrar rejects its credentials (and 2 more)". */
export function statusText({ agent, firstDown, furtherDown }: StatusFacts): string {
  const parts = [`${agent.registered} of ${agent.enabled} registered`];
  if (agent.state !== 'running') parts.unshift(agent.state);
  if (firstDown !== null) {
    const { account, state, failure } = firstDown;
    const cause = failure === null ? '' : `: ${failure.cause}`;
    parts.push(`${account} ${state}${cause}${furtherDown === 0 ? '' : ` (and ${furtherDown} more)`}`);
  }
  const [problem] = agent.problems;
  if (problem !== undefined) parts.push(problem);
  return printableUpTo(MAX_LENGTH, parts.join('; '));
}

// What the running agent says of an account, for `sipreg doctor`: it is only asked, never told anything. Whether its
// credentials were rejected before decides whether doctor may try them (behaviour.md §10: no ban).

import { existsSync } from 'node:fs';
import type { LoadedAccounts } from '../../accounts/load.ts';
import { askAgent } from '../../agent/control/client.ts';
import type { PreparedAccount } from '../../agent/managed-registration.ts';
import { identityKey } from '../../agent/managed-registration.ts';
import type { AccountDetail, AgentSnapshot } from '../../agent/operations.ts';
import { blockedCredentials } from '../../agent/rejected-credentials.ts';
import { conditionOf } from '../../core/health/condition.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../core/health/snapshot.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { durationText } from '../../core/health/words.ts';
import { timeText } from '../../runtime/local-time.ts';
import { agentError, agentSocket, askInUse, READING_TIMEOUT_MS } from '../agent-in-use.ts';
import { CommandError } from '../exit.ts';
import type { Output } from '../output.ts';
import { findOwner } from '../owner.ts';
import { uptimeText } from '../render/uptime-text.ts';
import { type Fact, fail, ok, warn } from './fact.ts';

type StatusItem = AccountSnapshot & Partial<Pick<AccountDetail, 'uptime'>>;

export type AgentView = {
  readonly facts: readonly Fact[];
  /** An agent keeps the account, or may keep it: its ports are not ours to use. */
  readonly isOwned: boolean;
  /** The account as the agent sees it; null: no agent keeps it, or none answers. */
  readonly account: StatusItem | null;
  /** The credentials were rejected lately: sending them again could get this host banned. null: they were not. */
  readonly rejection: Failure | null;
};

/** Asks the agent that owns the account, if there is one, else what an earlier run has left behind. */
export async function agentView(
  prepared: PreparedAccount,
  loaded: LoadedAccounts,
  output: Output,
): Promise<AgentView> {
  const name = prepared.plan.account;
  try {
    const owner = await findOwner([name], loaded, output);
    if (owner === null) return await withoutOwner(prepared, output);
    const question = { command: 'status', accounts: [name] } as const;
    const { items, result } = await askInUse<'status'>(question, READING_TIMEOUT_MS, output);
    const account: StatusItem | null = items[0] ?? null;
    if (account === null) return await withoutOwner(prepared, output);
    const facts = statusFacts(account, result.agent, new Date());
    return { facts, isOwned: true, account, rejection: rejectionOf(account) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return {
      facts: [warn('agent.state', error.message, null)],
      isOwned: true,
      account: null,
      rejection: null,
    };
  }
}

/** Credentials that were sent and did not count; an account that has none to send harms nobody. */
function rejectionOf({ account, failure }: StatusItem): Failure | null {
  if (failure?.code !== 'auth.rejected' && failure?.code !== 'auth.looping') return null;
  const advice = `${failure.advice}; then "sipreg refresh ${account}" tries them once`;
  return { ...failureOfSnapshot(failure), advice };
}

/** The facts of an account that `agent` keeps. */
export function statusFacts(account: StatusItem, agent: AgentSnapshot, now: Date): readonly Fact[] {
  const { uptime = null } = account;
  return [
    stateFact(account, agent, now),
    ...(uptime === null ? [] : [ok('agent.uptime', `registered ${uptimeText(uptime)}`)]),
    ...agent.problems.map((text) => warn('agent.problem', text, "look into the agent's log")),
  ];
}

function stateFact(account: StatusItem, agent: AgentSnapshot, now: Date): Fact {
  const { state, since, failure, nextAttempt } = account;
  const where = `agent ${agent.pid}: ${state} since ${timeText(since, now)}`;
  const inSeconds = nextAttempt === null ? 0 : (Date.parse(nextAttempt) - now.getTime()) / 1000;
  const next = nextAttempt === null ? '' : `, next attempt in ${durationText(inSeconds)}`;
  const text = `${where}${next}`;
  switch (conditionOf(account)) {
    case 'up':
      // One of several flows may be down.
      if (failure === null) return ok('agent.state', text);
      return { ...fail('agent.state', failureOfSnapshot(failure), { text }), mark: 'warn' };
    case 'resting':
      return warn('agent.state', text, `"sipreg resume ${account.account}" registers it again`);
    case 'trying':
      return warn('agent.state', `${text}: its first attempt is not over`, 'wait a moment');
    case 'down': {
      const unknown = failureOf('internal.bug', 'the agent does not say why the account is down');
      return fail('agent.state', failure === null ? unknown : failureOfSnapshot(failure), { text });
    }
  }
}

/** No agent keeps the account: what holds is what the state directory remembers. */
async function withoutOwner(prepared: PreparedAccount, output: Output): Promise<AgentView> {
  const { plan } = prepared;
  const { facts, rejection } = leftBehind(prepared);
  const absence = await absenceFact(plan.account, agentSocket(output));
  return { facts: [absence, ...facts], isOwned: false, account: null, rejection };
}

/** Why nobody keeps the account: there is no agent, it has other accounts, or it has died. */
async function absenceFact(name: string, path: string): Promise<Fact> {
  if (!existsSync(path)) return ok('agent.state', 'no running agent keeps the account');
  const question = { command: 'owner', accounts: [name] } as const;
  const answer = await askAgent<'owner'>(path, question, { timeoutMs: READING_TIMEOUT_MS });
  if (answer.ok) {
    const { pid, config } = answer.value.result.agent;
    const text = `agent ${pid} runs with ${config}, but does not keep this account`;
    return warn('agent.state', text, 'after a change of the file: "sipreg reload"');
  }
  if (answer.error.type !== 'not-running')
    return warn('agent.state', agentError(path, answer.error).message, null);
  const text = `no agent runs, but one has left its socket ${path}: it was killed, or it crashed`;
  return warn(
    'agent.state',
    text,
    'start it again, "sipreg run" or its service; its log may say why it ended',
  );
}

function leftBehind(prepared: PreparedAccount): Pick<AgentView, 'facts' | 'rejection'> {
  const { plan, memory } = prepared;
  const { pausedSince } = memory.load(identityKey(plan));
  const facts: Fact[] = [];
  if (pausedSince !== null) {
    const advice = `"sipreg resume ${plan.account}", once the agent runs`;
    facts.push(warn('agent.state', `an operator paused the account at ${timeText(pausedSince)}`, advice));
  }
  return { facts, rejection: blockedCredentials(prepared)?.failure ?? null };
}

function failureOfSnapshot({ retryAfter, at: _, ...failure }: FailureSnapshot): Failure {
  return { ...failure, retryAfterSeconds: retryAfter };
}

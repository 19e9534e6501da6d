import { describe, expect, it } from 'vitest';
import type { AgentSnapshot } from '../../../src/agent/operations.ts';
import { statusFacts } from '../../../src/cli/doctor/agent-facts.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../../src/core/health/snapshot.ts';

const now = new Date('2026-11-21T12:00:00Z');
const agent = { pid: 7, problems: [] as readonly string[] } as AgentSnapshot;
const failure: FailureSnapshot = {
  stage: 'connect',
  code: 'connect.refused',
  status: null,
  reason: null,
  cause: 'it refused',
  advice: 'check it',
  retryAfter: null,
  at: '2026-11-21T11:59:00.000Z',
};

function factsOf(account: Partial<AccountSnapshot>, problems: readonly string[] = []) {
  const known = { account: 'office', since: '2026-11-21T11:00:00.000Z', nextAttempt: null, failure: null };
  const facts = statusFacts({ ...known, ...account } as AccountSnapshot, { ...agent, problems }, now);
  return facts.map(({ code, mark, failure: verdict }) => [code, mark, verdict?.code ?? null]);
}

describe('what the running agent says', () => {
  it('is well when the account is registered, and a warning when one of its flows is not', () => {
    expect(factsOf({ state: 'registered' })).toEqual([['agent.state', 'ok', null]]);
    expect(factsOf({ state: 'registered', failure })).toEqual([['agent.state', 'warn', 'connect.refused']]);
  });

  it('is the failure of the account when it is down', () => {
    expect(factsOf({ state: 'waiting', failure })).toEqual([['agent.state', 'fail', 'connect.refused']]);
    expect(factsOf({ state: 'blocked', failure })).toEqual([['agent.state', 'fail', 'connect.refused']]);
  });

  it('is a warning when nobody tries, or nobody is done trying', () => {
    expect(factsOf({ state: 'paused' })).toEqual([['agent.state', 'warn', null]]);
    expect(factsOf({ state: 'registering' })).toEqual([['agent.state', 'warn', null]]);
  });

  it('has what is wrong with the agent itself', () => {
    expect(factsOf({ state: 'registered' }, ['the state cannot be written'])).toEqual([
      ['agent.state', 'ok', null],
      ['agent.problem', 'warn', null],
    ]);
  });
});

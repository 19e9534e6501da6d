// An agent in a home of its own, as a service manager runs it, and what its socket says.

import { setTimeout as sleep } from 'node:timers/promises';
import { askAgent } from '../../src/agent/control/client.ts';
import type { AccountSnapshot } from '../../src/core/health/snapshot.ts';
import { type CommandResult, type Home, type RunningCommand, runSipreg, startSipreg } from './command.ts';

export type AgentScene = {
  readonly socket: string;
  readonly start: (...args: readonly string[]) => Promise<RunningCommand>;
  /** Another command of the same user. */
  readonly sipreg: (...args: readonly string[]) => Promise<CommandResult>;
  /** The account as the agent sees it now; undefined while no agent answers. */
  readonly account: (name: string) => Promise<AccountSnapshot | undefined>;
};

/** The scene of an accounts file in `home`. */
export function agentScene(home: Home, config: string): AgentScene {
  const socket = `${home.folder}/agent.sock`;
  const global = ['-c', config, '--socket', socket];
  const account = async (name: string): Promise<AccountSnapshot | undefined> => {
    const answer = await askAgent(socket, { command: 'status', accounts: [name] }, { timeoutMs: 2_000 });
    return answer.ok ? answer.value.items[0] : undefined;
  };
  return {
    socket,
    account,
    sipreg: (...args) => runSipreg([...global, ...args], { home }),
    start: async (...args) => {
      const agent = startSipreg([...global, 'run', ...args], { home, timeoutMs: 90_000 });
      await agent.waitFor('stderr', /agent\.started/);
      return agent;
    },
  };
}

/** Asks every 50 ms until the account is in `state`; rejects with what it was last. */
export async function untilState(
  scene: AgentScene,
  name: string,
  state: AccountSnapshot['state'],
  withinMs = 15_000,
): Promise<AccountSnapshot> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const account = await scene.account(name);
    if (account?.state === state) return account;
    if (performance.now() > deadline) throw new Error(`${name} is ${account?.state}, not ${state}`);
    await sleep(50);
  }
}

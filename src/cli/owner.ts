// One owner for each account (interface.md): while a running agent keeps an account with the state directory that a command
// would use, the command goes through the agent, so that Call-ID and CSeq have one user.

import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LoadedAccounts } from '../accounts/load.ts';
import { askAgent } from '../agent/control/client.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import { stateInUse } from './accounts-in-use.ts';
import { agentError, agentSocket, READING_TIMEOUT_MS } from './agent-in-use.ts';
import { askOperation, exitOfOperation, type Operation, tellOperation } from './commands/control.ts';
import { CommandError } from './exit.ts';
import type { Output } from './output.ts';

export type Owner = {
  /** The agent's process. */
  readonly pid: number;
  /** Those of the accounts asked for that are the agent's, in the order given. */
  readonly owned: readonly string[];
};

/** The agent that owns some of the accounts; null: nobody does. It costs nothing where there is no socket. */
export async function findOwner(
  names: readonly string[],
  loaded: LoadedAccounts,
  output: Output,
): Promise<Owner | null> {
  const path = agentSocket(output);
  if (!existsSync(path)) return null;
  const answer = await askAgent(
    path,
    { command: 'owner', accounts: names },
    { timeoutMs: READING_TIMEOUT_MS },
  );
  if (!answer.ok) {
    if (answer.error.type === 'not-running') return null;
    // Two who register the same account harm each other: not to know is no reason to go on.
    const { exit, message } = agentError(path, answer.error);
    throw new CommandError(exit, `${message}. It may own ${names.join(', ')}`);
  }
  const { agent, owned } = answer.value.result;
  if (owned.length === 0 || !isSameDirectory(agent.stateDirectory, stateInUse(loaded))) return null;
  return { pid: agent.pid, owned };
}

/** What became of an account, wherever it was done. */
export type Settled = { readonly snapshot: AccountSnapshot; readonly exit: number };

/** Lets the owner do what the command was asked for, and says so. */
export async function throughOwner(
  { pid, owned }: Owner,
  operation: Operation,
  timeoutSeconds: number,
  output: Output,
): Promise<readonly Settled[]> {
  const verb = operation === 'pause' ? 'is paused there' : 'is refreshed there';
  output.note(`${owned.join(', ')} belongs to the running agent (process ${pid}) and ${verb}`);
  const results = await askOperation(operation, owned, timeoutSeconds * 1000, output);
  for (const result of results) tellOperation(operation, result, output);
  return results.map((result) => ({ snapshot: result.snapshot, exit: exitOfOperation(operation, result) }));
}

function isSameDirectory(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && realPath(one) === realPath(other);
}

/** DynamicUser= makes /var/lib/sipreg a symbolic link. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there, or not for us to see: its name has to do.
    return resolve(path);
  }
}

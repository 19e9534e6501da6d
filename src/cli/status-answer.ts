// The agent's answer to `status`: as a document, as text, as an exit code. What `sipreg status` and its --watch have in common.

import { resolve } from 'node:path';
import type { Answer } from '../agent/control/client.ts';
import type { AgentSnapshot } from '../agent/operations.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import { askInUse, READING_TIMEOUT_MS } from './agent-in-use.ts';
import { EXIT } from './exit.ts';
import type { Output } from './output.ts';
import { accountDetail } from './render/account-detail.ts';
import { agentLines, type Layout, statusTable } from './render/status-table.ts';

/** `exitCode`: exit 1 when an account is down. */
export type StatusOptions = { readonly exitCode: boolean };

export function askStatus(names: readonly string[], output: Output): Promise<Answer<'status'>> {
  return askInUse({ command: 'status', accounts: names }, READING_TIMEOUT_MS, output);
}

/** interface.md, "One account as JSON": with the agent. */
export function statusDocument({ items, result }: Answer<'status' | 'follow'>): object {
  return { schema: 'sipreg.accounts/1', agent: result.agent, accounts: items };
}

/** The table, or for named accounts all that is known. */
export function statusText(
  { items, result }: Answer<'status' | 'follow'>,
  names: readonly string[],
  { theme }: Pick<Output, 'theme'>,
  layout: Layout,
): string {
  if (names.length === 0) return statusTable(result.agent, items, theme, layout);
  const accounts = items.map((account) => accountDetail(account, theme, layout));
  return [...accounts, agentLines(result.agent, theme, layout).join('\n')].join('\n\n');
}

export function layoutOf(stream: NodeJS.WriteStream): Layout {
  return { columns: stream.isTTY ? stream.columns || null : null, now: new Date() };
}

export function exitCodeOf(accounts: readonly AccountSnapshot[], { exitCode }: StatusOptions): number {
  return exitCode && accounts.some(isDown) ? EXIT.attention : EXIT.done;
}

/**
 * An account that should be registered and is not, as far as the agent knows. Paused and disabled ones rest because
 * somebody said so; one whose refresh fails (`waiting`) is down, although its binding may last for a while.
 */
export function isDown({ state }: AccountSnapshot): boolean {
  switch (state) {
    case 'registered':
    case 'refreshing':
    case 'disabled':
    case 'paused':
    case 'standby':
      return false;
    case 'unregistered':
    case 'registering':
    case 'waiting':
    case 'blocked':
    case 'unregistering':
      return true;
  }
}

/** Who names a file wants to know about its accounts: the agent at this socket may keep others. */
export function noteOtherFile({ config }: AgentSnapshot, output: Output): void {
  const named = output.settings.config;
  if (named !== undefined && resolve(named) !== config) {
    output.warning(`the agent that answers keeps the accounts of ${config}, not of ${resolve(named)}`);
  }
}

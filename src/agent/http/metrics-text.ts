// Everything that /metrics says, in pieces. Each account is looked at once, so that its series agree with each other.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AgentMetrics } from '../metrics.ts';
import { ACCOUNT_FAMILIES, type AccountRow } from './account-families.ts';
import { AGENT_FAMILIES } from './agent-families.ts';
import { type Exposition, endText, familyText } from './exposition.ts';
import type { AgentView } from './view.ts';

const ACCOUNTS_A_TURN = 500;

/** The exposition of agent and accounts as they are now; `eventLoopLag`: seconds, since the last time. */
export async function* metricsText(
  view: AgentView,
  metrics: AgentMetrics,
  eventLoopLag: number,
  format: Exposition,
): AsyncGenerator<string> {
  const agent = [{ snapshot: view.agent(), counters: metrics.agent, eventLoopLag }];
  for (const family of AGENT_FAMILIES) yield* familyText(family, agent, format);
  const rows = await accountRows(view, metrics);
  for (const family of ACCOUNT_FAMILIES) yield* familyText(family, rows, format);
  yield endText(format);
}

async function accountRows(view: AgentView, metrics: AgentMetrics): Promise<readonly AccountRow[]> {
  const rows: AccountRow[] = [];
  for (const [at, name] of view.names().entries()) {
    if (at % ACCOUNTS_A_TURN === ACCOUNTS_A_TURN - 1) await nextTurn();
    const snapshot = view.snapshot(name);
    // A reload may have removed it meanwhile.
    if (snapshot !== undefined) rows.push({ snapshot, counters: metrics.account(name) });
  }
  return rows;
}

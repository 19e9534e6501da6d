// What the HTTP server may ask of a running agent: reading only. The JSON of /api/v1 and what the status page draws are
// made of these.

import type { RecentHistory } from '../history.ts';
import type { AccountDetail, AgentOperations } from '../operations.ts';
import type { TraceMessage } from '../trace/trace-ring.ts';

/** `/api/v1/accounts/NAME`: as `status NAME --json`, and what only the page shows. */
export type DetailDocument = AccountDetail & {
  /** The last 24 h; null: nobody keeps them. */
  readonly history: RecentHistory | null;
  /** The messages of the last exchange, oldest first, redacted; empty when none are kept. */
  readonly exchange: readonly TraceMessage[];
};

export type AgentView = Pick<
  AgentOperations,
  'agent' | 'names' | 'snapshot' | 'standpoint' | 'detail' | 'follow'
> & {
  readonly history: (name: string) => RecentHistory | null;
  /** The last messages of the account, oldest first. */
  readonly exchange: (name: string) => readonly TraceMessage[];
};

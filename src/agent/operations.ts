// What can be asked of a running agent: the control socket's server calls it, the supervisor is it.

import type { Standpoint } from '../core/health/condition.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import type { AgentEvent, ReloadReport, Severity } from './events.ts';
import type { Uptime } from './history.ts';
import type { TraceRing } from './trace/trace-ring.ts';

export type AgentSnapshot = {
  readonly pid: number;
  readonly version: string;
  /** RFC 3339 UTC. */
  readonly startedAt: string;
  readonly state: 'starting' | 'running' | 'stopping';
  /** The accounts file in use. */
  readonly config: string;
  readonly socket: string | null;
  /** Where it keeps its state, absolute: whoever uses the same directory asks it before a REGISTER of its accounts. */
  readonly stateDirectory: string | null;
  /** How many of the enabled accounts are registered. */
  readonly registered: number;
  readonly enabled: number;
  readonly lastReload: { readonly at: string; readonly ok: boolean; readonly text: string } | null;
  /** What is wrong with the agent itself now: the state cannot be written, say. */
  readonly problems: readonly string[];
};

/** Something that happened to an account, kept small because fifty thousand accounts keep ten each. */
export type HistoryEntry = { readonly time: string; readonly severity: Severity; readonly text: string };

/** One account with its last ten events, oldest first, and its uptime, for `status ACCOUNT`. */
export type AccountDetail = AccountSnapshot & {
  readonly events: readonly HistoryEntry[];
  /** null: nobody counts it. */
  readonly uptime: Uptime | null;
};

/** What became of a refresh, a pause or a resume. */
export type OperationResult = {
  readonly account: string;
  readonly ok: boolean;
  /** What happened, in words. */
  readonly text: string;
  readonly snapshot: AccountSnapshot;
};

export type ReloadOptions = {
  /** TLS connections with former certificates, keys or CAs move over at once, not at their next refresh. */
  readonly tls: boolean;
};

export type ReloadOutcome =
  | {
      readonly ok: true;
      readonly report: ReloadReport;
      readonly warnings: readonly string[];
      /** With `tls`: how many accounts moved over. */
      readonly reconnected?: number;
    }
  /** Nothing was changed; `problems` as `config check` prints them. */
  | { readonly ok: false; readonly problems: readonly string[] };

export type AgentOperations = {
  readonly agent: () => AgentSnapshot;
  /** Every account, disabled ones included, in the order of the file. */
  readonly names: () => readonly string[];
  /** One account as it is now; undefined: there is no such account. */
  readonly snapshot: (name: string) => AccountSnapshot | undefined;
  /** Of the same only what its condition is judged by: it costs next to nothing. */
  readonly standpoint: (name: string) => Standpoint | undefined;
  /** undefined: there is no such account. */
  readonly detail: (name: string) => AccountDetail | undefined;
  /** Each waits for its outcome; the names are known to exist. */
  readonly refresh: (names: readonly string[]) => Promise<readonly OperationResult[]>;
  readonly pause: (names: readonly string[]) => Promise<readonly OperationResult[]>;
  readonly resume: (names: readonly string[]) => Promise<readonly OperationResult[]>;
  readonly reload: (options: ReloadOptions) => Promise<ReloadOutcome>;
  /** Calls `listener` for every event from now on, until the returned function is called. */
  readonly follow: (listener: (event: AgentEvent) => void) => () => void;
  /** The last SIP messages, redacted. */
  readonly trace: Pick<TraceRing, 'read' | 'follow'>;
};

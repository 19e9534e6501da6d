// What the agent tells while it runs: one event for each thing that somebody may want to know. Logs, NDJSON, the
// control socket's followers and the last ten events of `status ACCOUNT` are all made of these. No event holds a secret.

import type {
  AccountGlance,
  AccountSnapshot,
  AccountState,
  FailureSnapshot,
} from '../core/health/snapshot.ts';
import type { SocketAddress, Transport } from '../core/sip/transport.ts';
import type { Millis } from '../core/time.ts';

/** journald's priorities (sd-daemon(3)), as far as they are used. */
export type Severity = 'error' | 'warning' | 'notice' | 'info' | 'debug';

export type AgentEvent = { readonly time: string; readonly severity: Severity } & (
  | {
      /** An account came into another state; with its facts as they are now. */
      readonly type: 'state';
      readonly account: string;
      readonly state: AccountState;
      readonly previous: AccountState;
      readonly snapshot: AccountSnapshot;
      /** Where it is made (state-change.ts) what it is judged by is there without a snapshot. JSON has neither of these. */
      readonly glance?: AccountGlance;
      /** `time` in milliseconds since 1970. */
      readonly at?: Millis;
    }
  | {
      /** An attempt failed, also when the state stays what it was. `count`: in a row. */
      readonly type: 'failure';
      readonly account: string;
      /** As in the snapshot: accounts that fail together are told together, by registrar. */
      readonly registrar: string;
      readonly state: AccountState;
      readonly failure: FailureSnapshot;
      readonly nextAttempt: string | null;
      readonly count: number;
    }
  | {
      readonly type: 'warning';
      readonly account: string | null;
      readonly code: string;
      readonly text: string;
    }
  | {
      readonly type: 'reload';
      readonly ok: boolean;
      readonly text: string;
      readonly report: ReloadReport | null;
    }
  | {
      /** A SIP message went out or came in, its credentials redacted. */
      readonly type: 'message';
      /** null: several come into question. */
      readonly account: string | null;
      readonly direction: 'sent' | 'received';
      readonly transport: Transport;
      readonly local: SocketAddress;
      readonly remote: SocketAddress;
      readonly text: string;
    }
  | {
      /** What keeps a flow open was answered, or was not. */
      readonly type: 'keepalive';
      /** null: several accounts share the flow. */
      readonly account: string | null;
      readonly code: string;
      readonly text: string;
    }
  | {
      /** A request came in and was answered: a call that nobody took, a ping. */
      readonly type: 'request';
      /** null: it was for no account, or cannot be understood. */
      readonly account: string | null;
      readonly method: string;
      /** URIs, printable; null when they cannot be read. */
      readonly from: string | null;
      readonly to: string | null;
      readonly transport: Transport;
      readonly source: SocketAddress;
      readonly status: number;
      readonly reason: string;
      /** Requests of the same severity that were answered since the last event, and are not told one by one. */
      readonly untold: number;
    }
  /** The agent itself: started, stopping, ended, its event loop was blocked, the clock jumped. */
  | { readonly type: 'agent'; readonly code: string; readonly text: string }
);

/** What a reload did, by account names. */
export type ReloadReport = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: number;
};

export type StateEvent = Extract<AgentEvent, { type: 'state' }>;

/** What the event is judged by. */
export function glanceOf(event: StateEvent): AccountGlance {
  return event.glance ?? event.snapshot;
}

/** When it happened, milliseconds since 1970. */
export function instantOf(event: StateEvent): Millis {
  return event.at ?? Date.parse(event.time);
}

/** The event as it is now, for who keeps it. */
export function keptEvent(event: AgentEvent): AgentEvent {
  if (event.type !== 'state') return event;
  const { time, severity, type, account, state, previous, snapshot } = event;
  return { time, severity, type, account, state, previous, snapshot };
}

// What the HTTP server may ask of a running agent: reading only. The JSON of /api/v1 and what the status page draws are
// made of these.

import type { AccountState } from '../../core/health/snapshot.ts';
import type { SocketAddress, Transport } from '../../core/sip/transport.ts';
import type { AccountDetail, AgentOperations } from '../operations.ts';

/** An account was in `state` from `from` on; until `to`, or null: it still is. RFC 3339 UTC. */
export type StateSpan = { readonly from: string; readonly to: string | null; readonly state: AccountState };

/** Seconds that an answer took. */
export type RoundTrip = { readonly at: string; readonly seconds: number };

/** The last 24 h of an account, oldest first. */
export type AccountHistory = {
  readonly bar: readonly StateSpan[];
  readonly roundTrips: readonly RoundTrip[];
};

/** A SIP message, its credentials redacted. */
export type ExchangedMessage = {
  readonly time: string;
  readonly direction: 'sent' | 'received';
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly text: string;
};

/** `/api/v1/accounts/NAME`: as `status NAME --json`, and what only the page shows. */
export type DetailDocument = AccountDetail & {
  readonly history: AccountHistory | null;
  /** The messages of the last exchange, oldest first; empty when none are kept. */
  readonly exchange: readonly ExchangedMessage[];
};

export type AgentView = Pick<AgentOperations, 'agent' | 'names' | 'snapshot' | 'detail' | 'follow'> & {
  /** null: none is kept. */
  readonly history: (name: string) => AccountHistory | null;
  readonly exchange: (name: string) => readonly ExchangedMessage[];
};

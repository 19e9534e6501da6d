// The series of each account. All of an account are there from the start, with 0 for what has not happened yet and NaN for
// an instant that does not exist (a comparison with NaN is never true, so no alert fires for it).

import { ACCOUNT_STATES, conditionOf } from '../../core/health/condition.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { TRANSPORTS } from '../../core/sip/transport.ts';
import { type AccountCounters, DURATION_BUCKETS, RESULTS, STATUS_CODES } from '../metrics.ts';
import { boundText, type Family, labels } from './exposition.ts';

/** What the series of one account are made of. */
export type AccountRow = {
  readonly snapshot: AccountSnapshot;
  readonly counters: AccountCounters;
};

export const ACCOUNT_FAMILIES: readonly Family<AccountRow>[] = [
  {
    name: 'sipreg_account_info',
    type: 'info',
    help: 'The account as it is configured, and the transport that it uses now.',
    samples: ({ snapshot: { account, aor, registrar, target } }, write) =>
      write('', labels({ account, aor, registrar, transport: target?.transport ?? '', cluster: '' }), 1),
  },
  gauge('sipreg_registered', 'Whether the account is registered.', ({ snapshot }) =>
    conditionOf(snapshot) === 'up' ? 1 : 0,
  ),
  {
    name: 'sipreg_account_state',
    type: 'gauge',
    help: 'The state of the account: 1 for the one that it is in.',
    samples: ({ snapshot: { account, state } }, write) => {
      for (const one of ACCOUNT_STATES) write('', labels({ account, state: one }), one === state ? 1 : 0);
    },
  },
  gauge(
    'sipreg_registration_expiry_timestamp_seconds',
    'When the binding ends; NaN without one.',
    ({ snapshot }) => instant(snapshot.expires?.at),
  ),
  gauge(
    'sipreg_registration_last_success_timestamp_seconds',
    'When the registrar last accepted a REGISTER; 0 for never since the start.',
    ({ counters }) => counters.lastSuccess,
  ),
  gauge(
    'sipreg_registration_last_attempt_timestamp_seconds',
    'When the last attempt to register began; 0 for never since the start.',
    ({ counters }) => counters.lastAttempt,
  ),
  gauge(
    'sipreg_registration_next_attempt_timestamp_seconds',
    'When the next attempt is due; NaN when none is.',
    ({ snapshot }) => instant(snapshot.nextAttempt),
  ),
  gauge(
    'sipreg_account_state_change_timestamp_seconds',
    'Since when the account is in its state.',
    ({ snapshot }) => instant(snapshot.since),
  ),
  gauge(
    'sipreg_registration_granted_expires_seconds',
    'How long the registrar lets the binding last; 0 without one.',
    ({ snapshot }) => snapshot.expires?.granted ?? 0,
  ),
  gauge(
    'sipreg_consecutive_failures',
    'Attempts that failed since the last success.',
    ({ counters }) => counters.consecutiveFailures,
  ),
  counterBy('sipreg_register_attempts_total', 'Attempts to register, by how they ended.', {
    label: 'result',
    values: RESULTS,
    counts: ({ attempts }) => attempts,
  }),
  counterBy('sipreg_register_responses_total', 'Final answers to a REGISTER, by status code.', {
    label: 'code',
    values: STATUS_CODES,
    counts: ({ responses }) => responses,
  }),
  {
    name: 'sipreg_register_duration_seconds',
    type: 'histogram',
    help: 'Round trip of the REGISTER that was accepted (RFC 6076, registration request delay).',
    samples: ({ snapshot: { account }, counters }, write) => {
      let count = 0;
      for (const [at, bound] of [...DURATION_BUCKETS, Number.POSITIVE_INFINITY].entries()) {
        count += counters.durations[at] ?? 0;
        write('_bucket', labels({ account, le: boundText(bound) }), count);
      }
      write('_sum', labels({ account }), counters.durationSum);
      write('_count', labels({ account }), count);
    },
  },
  counter(
    'sipreg_retransmissions_total',
    'Requests that were sent again because no answer came.',
    ({ counters }) => counters.retransmissions,
  ),
  counter(
    'sipreg_keepalive_failures_total',
    'Keep-alives that were not answered.',
    ({ counters }) => counters.keepaliveFailures,
  ),
  counterBy('sipreg_flow_failures_total', 'Flows that were lost or did not come about.', {
    label: 'transport',
    values: TRANSPORTS,
    counts: ({ flowFailures }) => flowFailures,
  }),
  counter(
    'sipreg_public_address_changes_total',
    'How often the registrar saw another public address.',
    ({ counters }) => counters.publicAddressChanges,
  ),
  gauge(
    'sipreg_tls_peer_certificate_expiry_timestamp_seconds',
    'When the certificate of the server ends; NaN without TLS.',
    ({ snapshot }) => instant(snapshot.tls?.peer.validTo),
  ),
  gauge(
    'sipreg_tls_client_certificate_expiry_timestamp_seconds',
    "When the account's own certificate ends; NaN without one.",
    ({ snapshot }) => instant(snapshot.tls?.own?.validTo),
  ),
  gauge(
    'sipreg_cluster_owner',
    'Whether this agent keeps the account; without a cluster it does unless the account rests.',
    ({ snapshot }) => (conditionOf(snapshot) === 'resting' ? 0 : 1),
  ),
];

type Value = (row: AccountRow) => number;

function gauge(name: string, help: string, value: Value): Family<AccountRow> {
  return single('gauge', name, help, value);
}

function counter(name: string, help: string, value: Value): Family<AccountRow> {
  return single('counter', name, help, value);
}

function single(type: 'gauge' | 'counter', name: string, help: string, value: Value): Family<AccountRow> {
  return {
    name,
    type,
    help,
    samples: (row, write) => write('', labels({ account: row.snapshot.account }), value(row)),
  };
}

type Kinds = {
  readonly label: string;
  readonly values: readonly string[];
  readonly counts: (counters: AccountCounters) => readonly number[];
};

/** A counter for each of `values`. */
function counterBy(name: string, help: string, { label, values, counts }: Kinds): Family<AccountRow> {
  return {
    name,
    type: 'counter',
    help,
    samples: ({ snapshot: { account }, counters }, write) => {
      const found = counts(counters);
      for (const [at, value] of values.entries())
        write('', labels({ account, [label]: value }), found[at] ?? 0);
    },
  };
}

/** Unix seconds; NaN for no instant. */
function instant(iso: string | null | undefined): number {
  return iso === null || iso === undefined ? Number.NaN : Date.parse(iso) / 1000;
}

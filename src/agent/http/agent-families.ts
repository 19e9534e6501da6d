// The series of the agent itself: what it is, its reloads, its process.

import { type AgentCounters, MATERIAL_RESULTS } from '../metrics.ts';
import type { AgentSnapshot } from '../operations.ts';
import { type Family, labels } from './exposition.ts';

/** What the series of the agent are made of. */
export type AgentRow = {
  readonly snapshot: AgentSnapshot;
  readonly counters: AgentCounters;
  /** The longest time that nothing was done, since the last look, seconds. */
  readonly eventLoopLag: number;
};

export const AGENT_FAMILIES: readonly Family<AgentRow>[] = [
  {
    name: 'sipreg_build_info',
    type: 'info',
    help: 'The version of sipreg, and of Node that runs it.',
    samples: ({ snapshot: { version } }, write) => write('', labels({ version, node: process.version }), 1),
  },
  gauge('sipreg_accounts', 'Accounts that are enabled.', ({ snapshot }) => snapshot.enabled),
  gauge('sipreg_accounts_registered', 'Accounts that are registered.', ({ snapshot }) => snapshot.registered),
  gauge(
    'sipreg_problems',
    'What is wrong with the agent itself now: the state cannot be written, say.',
    ({ snapshot }) => snapshot.problems.length,
  ),
  {
    name: 'sipreg_tls_material_reloads_total',
    type: 'counter',
    help: 'Changes of certificate, key and CA files, by what was made of them; invalid ones when they have lasted for a minute.',
    samples: ({ counters }, write) => {
      for (const [at, result] of MATERIAL_RESULTS.entries()) {
        write('', labels({ result }), counters.materialReloads[at] ?? 0);
      }
    },
  },
  gauge(
    'sipreg_config_last_reload_successful',
    'Whether the accounts file was right when it was last read.',
    ({ counters }) => (counters.isLastReloadGood ? 1 : 0),
  ),
  gauge(
    'sipreg_config_last_reload_success_timestamp_seconds',
    'When a right accounts file was last read.',
    ({ counters }) => counters.lastGoodReload,
  ),
  {
    name: 'sipreg_messages_total',
    type: 'counter',
    help: 'SIP messages that were sent and received.',
    samples: ({ counters }, write) => {
      write('', labels({ direction: 'sent' }), counters.messagesSent);
      write('', labels({ direction: 'received' }), counters.messagesReceived);
    },
  },
  counter(
    'sipreg_dropped_messages_total',
    'What came in and was no SIP, or not for us.',
    ({ counters }) => counters.dropped,
  ),
  counter('sipreg_warnings_total', 'Warnings that were told.', ({ counters }) => counters.warnings),
  gauge(
    'sipreg_event_loop_lag_seconds',
    'The longest time that nothing was done, since the last scrape.',
    ({ eventLoopLag }) => eventLoopLag,
  ),
  gauge(
    'sipreg_cluster_lease_expiry_timestamp_seconds',
    "When this agent's lease ends; NaN without a cluster.",
    () => Number.NaN,
  ),
  counter('sipreg_cluster_takeovers_total', 'Accounts that were taken over from another agent.', () => 0),
  gauge(
    'sipreg_cluster_store_up',
    "Whether the cluster's store answers; NaN without a cluster.",
    () => Number.NaN,
  ),
  gauge(
    'process_start_time_seconds',
    'When the agent started.',
    ({ snapshot }) => Date.parse(snapshot.startedAt) / 1000,
  ),
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss()),
  counter('process_cpu_seconds_total', 'Processor time of the process.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  }),
];

type Value = (row: AgentRow) => number;

function gauge(name: string, help: string, value: Value): Family<AgentRow> {
  return { name, type: 'gauge', help, samples: (row, write) => write('', '', value(row)) };
}

function counter(name: string, help: string, value: Value): Family<AgentRow> {
  return { name, type: 'counter', help, samples: (row, write) => write('', '', value(row)) };
}

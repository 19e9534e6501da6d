// An agent that is made up, behind the real HTTP server: accounts that a test changes, and what it did with requests.

import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import type { AgentEvent } from '../../../src/agent/events.ts';
import type { RecentHistory, Uptime } from '../../../src/agent/history.ts';
import {
  createHttpEndpoint,
  type HttpEndpoint,
  type HttpEndpointOptions,
} from '../../../src/agent/http/endpoint.ts';
import type { AgentView } from '../../../src/agent/http/view.ts';
import { type AgentMetrics, createAgentMetrics } from '../../../src/agent/metrics.ts';
import type { AgentSnapshot, HistoryEntry } from '../../../src/agent/operations.ts';
import type { TraceMessage } from '../../../src/agent/trace/trace-ring.ts';
import type { AccountSnapshot } from '../../../src/core/health/snapshot.ts';
import { AGENT } from '../control/fake-operations.ts';

export type FakeView = {
  readonly view: AgentView;
  readonly metrics: AgentMetrics;
  /** Sets an account and tells of it, as the supervisor does. */
  readonly change: (account: AccountSnapshot, at?: string) => void;
  readonly remove: (name: string) => void;
  readonly emit: (event: AgentEvent) => void;
  readonly followers: () => number;
};

type Facts = {
  readonly uptime?: Uptime;
  readonly agent?: () => Partial<AgentSnapshot>;
  readonly history?: (name: string) => RecentHistory | null;
  readonly events?: (name: string) => readonly HistoryEntry[];
  readonly exchange?: (name: string) => readonly TraceMessage[];
};

/** An agent with these accounts. */
export function fakeView(accounts: readonly AccountSnapshot[], facts: Facts = {}): FakeView {
  const byName = new Map(accounts.map((account) => [account.account, account]));
  const listeners = new Set<(event: AgentEvent) => void>();
  const metrics = createAgentMetrics(Date.parse(AGENT.startedAt) / 1000);
  listeners.add(metrics.observe);
  const emit = (event: AgentEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const count = () => {
    const all = [...byName.values()];
    const enabled = all.filter(({ state }) => state !== 'disabled');
    const registered = all.filter(({ state }) => state === 'registered' || state === 'refreshing');
    return { enabled: enabled.length, registered: registered.length };
  };
  return {
    metrics,
    emit,
    followers: () => listeners.size - 1,
    change: (snapshot, time = new Date().toISOString()) => {
      const { account, state, registrar, failure, nextAttempt } = snapshot;
      const previous = byName.get(account)?.state ?? 'unregistered';
      byName.set(account, snapshot);
      emit({ time, severity: 'info', type: 'state', account, state, previous, snapshot });
      if (failure === null) return;
      const rest = { account, registrar, state, failure, nextAttempt, count: 1 };
      emit({ time, severity: 'warning', type: 'failure', ...rest });
    },
    remove: (name) => {
      byName.delete(name);
      const report = { added: [], removed: [name], changed: [], unchanged: byName.size };
      const time = new Date().toISOString();
      emit({ time, severity: 'notice', type: 'reload', ok: true, text: `removed ${name}`, report });
    },
    view: {
      agent: () => ({ ...AGENT, ...count(), ...facts.agent?.() }),
      names: () => [...byName.keys()],
      snapshot: (name) => byName.get(name),
      standpoint: (name) => byName.get(name),
      detail: (name) => {
        const account = byName.get(name);
        return account && { ...account, events: facts.events?.(name) ?? [], uptime: facts.uptime ?? null };
      },
      follow: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      history: (name) => facts.history?.(name) ?? null,
      exchange: (name) => facts.exchange?.(name) ?? [],
    },
  };
}

/** The server in front of `fake`, until the test ends; what it complains about fails the test. */
export async function serve(
  fake: FakeView,
  options: Partial<HttpEndpointOptions> = {},
): Promise<HttpEndpoint> {
  const complaints: string[] = [];
  const started = await createHttpEndpoint({
    listen: { host: '127.0.0.1', port: 0 },
    token: null,
    hosts: [],
    view: fake.view,
    metrics: fake.metrics,
    notify: (text) => complaints.push(text),
    ...options,
  });
  if (!started.ok) throw new Error(started.error);
  onTestFinished(async () => {
    await started.value.close();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  });
  return started.value;
}

/** What comes back for bytes that no client library would send, until the server ends the connection. */
export async function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
  socket.setEncoding('utf8');
  let received = '';
  socket.on('data', (part: string) => {
    received += part;
  });
  socket.on('error', () => undefined);
  socket.write(text);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return received;
}

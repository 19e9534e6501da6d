// An agent of known accounts for tests of the control socket: it registers nothing and remembers what it was asked.

import type { AgentEvent } from '../../../src/agent/events.ts';
import type {
  AgentOperations,
  AgentSnapshot,
  OperationResult,
  ReloadOutcome,
} from '../../../src/agent/operations.ts';
import { createTraceRing, type TraceRing, traceLimits } from '../../../src/agent/trace/trace-ring.ts';
import type { AccountSnapshot } from '../../../src/core/health/snapshot.ts';

export const AGENT: AgentSnapshot = {
  pid: 4711,
  version: '1.2.3',
  startedAt: '2026-11-21T08:00:00.000Z',
  state: 'running',
  config: '/etc/sipreg/accounts.json',
  socket: '/run/sipreg/agent.sock',
  stateDirectory: '/var/lib/sipreg',
  registered: 1,
  enabled: 1,
  lastReload: null,
  problems: [],
};

export function accountNamed(name: string, change: Partial<AccountSnapshot> = {}): AccountSnapshot {
  return {
    account: name,
    aor: `sip:${name}@pbx.example.com`,
    registrar: 'sip:pbx.example.com',
    state: 'registered',
    since: '2026-11-21T09:00:00.000Z',
    expires: {
      requested: 3600,
      granted: 300,
      source: 'contact',
      matchedBy: 'uri',
      at: '2026-11-21T10:04:00.000Z',
    },
    nextAttempt: '2026-11-21T10:03:15.000Z',
    target: { transport: 'tls', host: 'pbx.example.com', address: '192.0.2.7', port: 5061 },
    local: { address: '192.0.2.50', port: 40112 },
    public: null,
    bindings: [{ uri: `sip:${name}@192.0.2.50:40112`, expires: 300, own: true }],
    flows: [],
    callId: '0123456789abcdef',
    cseq: 7,
    requests: 2,
    rtt: 0.034,
    auth: { realm: 'pbx.example.com', algorithm: 'SHA-256', qop: 'auth' },
    outbound: false,
    serviceRoute: [],
    path: [],
    associatedUris: [],
    gruu: { public: null, temporary: null },
    tls: null,
    failure: null,
    ...change,
  };
}

export type FakeAgent = {
  readonly operations: AgentOperations;
  /** "refresh office", in the order in which it was asked. */
  readonly asked: string[];
  readonly emit: (event: AgentEvent) => void;
  readonly followers: () => number;
  readonly trace: TraceRing;
  /** Until `release` is called, refreshes wait for their outcome. */
  readonly hold: () => () => void;
};

type FakeOptions = {
  readonly accounts?: readonly AccountSnapshot[];
  readonly agent?: Partial<AgentSnapshot>;
  /** What refresh, pause and resume come to; a success by default. */
  readonly outcome?: (name: string) => Partial<OperationResult>;
  readonly reload?: ReloadOutcome;
};

const RELOADED: ReloadOutcome = {
  ok: true,
  report: { added: ['new'], removed: [], changed: ['office'], unchanged: 3 },
  warnings: [],
};

export function fakeAgent(options: FakeOptions = {}): FakeAgent {
  const accounts = options.accounts ?? [accountNamed('office')];
  const asked: string[] = [];
  const listeners = new Set<(event: AgentEvent) => void>();
  const trace = createTraceRing(traceLimits(accounts.length));
  let held: Promise<void> = Promise.resolve();
  const operate =
    (operation: string) =>
    async (names: readonly string[]): Promise<readonly OperationResult[]> => {
      asked.push(`${operation} ${names.join(' ')}`);
      await held;
      return names.map((account) => {
        const snapshot = accounts.find((one) => one.account === account) ?? accountNamed(account);
        return { account, ok: true, text: 'registered', snapshot, ...options.outcome?.(account) };
      });
    };
  return {
    asked,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    followers: () => listeners.size,
    trace,
    hold: () => {
      let release = (): void => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return () => release();
    },
    operations: {
      agent: () => ({ ...AGENT, ...options.agent }),
      names: () => accounts.map(({ account }) => account),
      snapshot: (name) => accounts.find(({ account }) => account === name),
      standpoint: (name) => accounts.find(({ account }) => account === name),
      detail: (name) => {
        const account = accounts.find((one) => one.account === name);
        const events = [{ time: account?.since ?? '', severity: 'info' as const, text: 'it came up' }];
        return account && { ...account, events, uptime: null };
      },
      refresh: operate('refresh'),
      pause: operate('pause'),
      resume: operate('resume'),
      reload: async ({ tls }) => {
        asked.push(tls ? 'reload --tls' : 'reload');
        return options.reload ?? RELOADED;
      },
      trace,
      follow: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

// The agent as a service of systemd (Type=notify): when it has begun, reloads and stops, how it does in words, and a sign
// of life at half the time that the watchdog allows. Loaded only when $NOTIFY_SOCKET is set.

import { conditionOf } from '../../core/health/condition.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import type { Millis } from '../../core/time.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { type AgentEvent, glanceOf, type StateEvent } from '../events.ts';
import type { AgentOperations } from '../operations.ts';
import { createNotifySocket } from './notify-socket.ts';
import { statusText } from './status-words.ts';

export type ServiceReportsOptions = {
  readonly agent: Pick<AgentOperations, 'agent' | 'snapshot' | 'follow'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For how long a registration has waited to be woken when its moment had come; 0: none has. */
  readonly overdueMs: () => Millis;
  readonly warn: (text: string) => void;
};

export type ServiceReports = { readonly close: () => Promise<void> };

/** How often it is looked whether something is to be told. */
const LOOK_EVERY_MS: Millis = 1_000;
/** Between two changes of STATUS=. */
const STATUS_GAP_MS: Millis = 5_000;
/** A start that goes on asks for more time so often, and for so much. */
const EXTEND_EVERY_MS: Millis = 30_000;
const EXTENSION_USEC = '90000000';
/** When registrations are late by more than this, the supervisor is stuck: no sign of life, and systemd starts us anew. */
const STUCK_AFTER_MS: Millis = 60_000;

/** Tells the service manager of `agent` until it is closed; null: there is none. */
export function startServiceReports(options: ServiceReportsOptions): ServiceReports | null {
  const { agent, env, overdueMs, warn } = options;
  const path = env.NOTIFY_SOCKET;
  if (path === undefined || path === '') return null;
  const socket = createNotifySocket({ path, searchPath: env.PATH, warn });
  const watchdogMs = watchdogOf(env);
  const lookEveryMs = Math.min(LOOK_EVERY_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 4);
  const status = createStatus(agent);
  let isStarting = true;
  let askedAt = monotonicNow();
  let signAt = Number.NEGATIVE_INFINITY;

  const unfollow = agent.follow((event) => {
    status.note(event);
    const turn = turnOf(event);
    if (turn === null) return;
    isStarting = false;
    socket.send({ ...turn, STATUS: status.text() });
  });
  const look = (): void => {
    const now = monotonicNow();
    if (isStarting && now - askedAt >= EXTEND_EVERY_MS) {
      askedAt = now;
      socket.send({ EXTEND_TIMEOUT_USEC: EXTENSION_USEC });
    }
    if (watchdogMs !== null && now + lookEveryMs > signAt + watchdogMs / 2 && overdueMs() < STUCK_AFTER_MS) {
      signAt = now;
      socket.send({ WATCHDOG: '1' });
    }
    const news = status.news(now);
    if (news !== null) socket.send({ STATUS: news });
  };
  const timer = setInterval(look, lookEveryMs).unref();
  return {
    close: async () => {
      clearInterval(timer);
      unfollow();
      await socket.close();
    },
  };
}

/** STATUS= as it is, and as it was told last: with many accounts the words cost something, so they are made rarely. */
function createStatus(agent: ServiceReportsOptions['agent']) {
  const down = createDownList(agent.snapshot);
  let isStale = true;
  let told = '';
  let toldAt = monotonicNow();
  const text = (): string => {
    const { first, further } = down.summary();
    told = statusText({ agent: agent.agent(), firstDown: first, furtherDown: further });
    toldAt = monotonicNow();
    isStale = false;
    return told;
  };
  return {
    note: (event: AgentEvent): void => {
      isStale = true;
      if (event.type === 'state') down.note(event);
    },
    text,
    /** null: it has not changed, or was told just now. */
    news: (now: Millis): string | null => {
      if (!isStale || now - toldAt < STATUS_GAP_MS) return null;
      const before = told;
      return text() === before ? null : told;
    },
  };
}

/** What the manager is told of an event; null: nothing. */
function turnOf(event: AgentEvent): Readonly<Record<string, string>> | null {
  if (event.type === 'reload') return { READY: '1' };
  if (event.type !== 'agent') return null;
  switch (event.code) {
    case 'agent.running':
      return { READY: '1' };
    case 'agent.reloading':
      // Type=notify-reload of systemd 253 wants the time too, on CLOCK_MONOTONIC as hrtime is.
      return { RELOADING: '1', MONOTONIC_USEC: String(process.hrtime.bigint() / 1_000n) };
    case 'agent.stopping':
      return { STOPPING: '1' };
    default:
      return null;
  }
}

/** sd_watchdog_enabled(3): null unless signs of life are wanted, and of this process. */
function watchdogOf({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: ServiceReportsOptions['env']): Millis | null {
  if (pid !== undefined && pid !== '' && pid !== String(process.pid)) return null;
  const ms = Number(usec) / 1_000;
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

/** The names of the accounts that are down, the longest first; only names, for there may be fifty thousand. */
function createDownList(snapshotOf: AgentOperations['snapshot']) {
  const names = new Set<string>();
  return {
    note: (event: StateEvent): void => {
      const { account, state } = event;
      if (conditionOf({ state, failure: glanceOf(event).failure }) !== 'down') names.delete(account);
      else names.add(account);
    },
    summary: (): { readonly first: AccountSnapshot | null; readonly further: number } => {
      for (const name of names) {
        const snapshot = snapshotOf(name);
        if (snapshot !== undefined && conditionOf(snapshot) === 'down') {
          return { first: snapshot, further: names.size - 1 };
        }
        // It is gone from the accounts file.
        names.delete(name);
      }
      return { first: null, further: 0 };
    },
  };
}

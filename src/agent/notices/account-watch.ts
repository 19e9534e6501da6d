// Looks after the condition of every account and hands out notices of what has lasted. One alarm for all accounts; those
// that change within a second of each other are one notice.

import { type Condition, conditionOf } from '../../core/health/condition.ts';
import {
  type Debounced,
  type DebounceSettings,
  debounceWakeAt,
  noteCondition,
  settle,
  type Tidings,
  UNWATCHED,
  type Watch,
} from '../../core/health/debounce.ts';
import type { Millis } from '../../core/time.ts';
import { createAlarm } from '../../runtime/alarm.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import type { AgentEvent } from '../events.ts';
import type { AgentOperations } from '../operations.ts';
import { agentPart, joined, type Notice, type NoticeAccount } from './notice.ts';

export type WatchedAgent = Pick<AgentOperations, 'agent' | 'names' | 'snapshot' | 'standpoint' | 'follow'>;

export type AccountWatch = {
  /** good: every account that should be registered is. bad: one is down, for long enough to be told. */
  readonly health: () => 'good' | 'bad' | 'unsettled';
  readonly close: () => void;
};

type Watched = { readonly name: string; watch: Watch; downSince: Millis | null; alarmAt: Millis | undefined };

/** Accounts that change within this time are told together; who wants to be told at once does not wait for it all. */
const GATHER_MS: Millis = 1_000;
const LEAST_GATHER_MS: Millis = 100;

export function watchAccounts(
  agent: WatchedAgent,
  settings: DebounceSettings,
  notify: (notice: Notice) => void,
): AccountWatch {
  const accounts = new Map<string, Watched>();
  // Looked up once for all that is told together: it counts the accounts.
  const gatherMs = Math.max(LEAST_GATHER_MS, Math.min(GATHER_MS, settings.afterMs));
  const gathered = createGathering(gatherMs, (told) => notify({ ...told, ...agentPart(agent.agent()) }));
  /** What goes down with the agent goes down on purpose. */
  let isEnding = false;
  const alarm = createAlarm<Watched>(monotonicNow, (watched) =>
    take(watched, settle(watched.watch, monotonicNow(), settings)),
  );
  const take = (watched: Watched, { watch, tidings }: Debounced): void => {
    watched.watch = watch;
    alarm.set(watched, debounceWakeAt(watch, settings));
    if (tidings !== null) gathered.add(noticeOf(agent, watched, tidings));
  };
  const look = (name: string): void => {
    const standpoint = agent.standpoint(name);
    if (standpoint === undefined || isEnding) return;
    const watched = accounts.get(name) ?? { name, watch: UNWATCHED, downSince: null, alarmAt: undefined };
    accounts.set(name, watched);
    const condition = conditionOf(standpoint);
    const now = monotonicNow();
    if (condition === 'down') watched.downSince ??= now;
    take(watched, noteCondition(watched.watch, condition, now, settings));
    if (condition === 'up' && watched.watch.told === 'up' && watched.watch.unsettledAt === null) {
      watched.downSince = null;
    }
  };
  const forget = (name: string): void => {
    const watched = accounts.get(name);
    if (watched !== undefined) alarm.set(watched, undefined);
    accounts.delete(name);
  };
  const unfollow = agent.follow((event) => {
    const name = accountOf(event);
    if (name !== null) look(name);
    isEnding ||= event.type === 'agent' && event.code === 'agent.stopping';
    if (event.type === 'reload') for (const removed of event.report?.removed ?? []) forget(removed);
  });
  for (const name of agent.names()) look(name);
  return {
    health: () => healthOf(agent, accounts),
    close: () => {
      unfollow();
      alarm.stop();
      gathered.close();
    },
  };
}

function accountOf(event: AgentEvent): string | null {
  return event.type === 'state' || event.type === 'failure' ? event.account : null;
}

function healthOf(agent: WatchedAgent, accounts: ReadonlyMap<string, Watched>): 'good' | 'bad' | 'unsettled' {
  let isGood = true;
  for (const name of agent.names()) {
    const standpoint = agent.standpoint(name);
    const condition: Condition = standpoint === undefined ? 'resting' : conditionOf(standpoint);
    if (condition === 'resting') continue;
    const told = accounts.get(name)?.watch.told;
    if (told === 'down' || told === 'flapping') return 'bad';
    isGood &&= condition === 'up';
  }
  // Before it has begun with every account it does not know that all are well.
  return isGood && agent.agent().state === 'running' ? 'good' : 'unsettled';
}

/** Without what it says of the agent. */
type AccountsNotice = Omit<Notice, keyof ReturnType<typeof agentPart>>;

function noticeOf(agent: WatchedAgent, watched: Watched, event: Tidings): AccountsNotice {
  const snapshot = agent.snapshot(watched.name);
  const downFor =
    event === 'up' && watched.downSince !== null
      ? Math.round((watched.watch.sinceAt - watched.downSince) / 1000)
      : null;
  if (event === 'up') watched.downSince = null;
  const accounts: NoticeAccount[] = [];
  if (snapshot !== undefined) {
    const { account, aor, registrar, state, since, nextAttempt, failure } = snapshot;
    accounts.push({ account, aor, registrar, state, since, nextAttempt, failure, downFor });
  }
  const time = new Date().toISOString();
  return { event, time, count: 1, accounts, certificates: [] };
}

/** Keeps notices for a moment, so that a crowd becomes one. */
function createGathering(forMs: Millis, notify: (notice: AccountsNotice) => void) {
  let waiting: readonly AccountsNotice[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    const due = waiting;
    waiting = [];
    for (const notice of due) notify(notice);
  };
  return {
    add(notice: AccountsNotice): void {
      const last = waiting.at(-1);
      if (last?.event === notice.event) waiting = [...waiting.slice(0, -1), joined(last, notice)];
      else waiting = [...waiting, notice];
      timer ??= setTimeout(flush, forMs).unref();
    },
    close: () => clearTimeout(timer),
  };
}

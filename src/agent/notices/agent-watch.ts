// Looks after the agent itself, and hands out a notice of what is wrong with it (a full disk, say) once that has lasted, and
// of its end. Whatever changes there is told as an event, so nothing is looked at in between.

import {
  type Debounced,
  type DebounceSettings,
  debounceWakeAt,
  noteCondition,
  settle,
  UNWATCHED,
  type Watch,
} from '../../core/health/debounce.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import type { AgentEvent } from '../events.ts';
import { troublesOf } from '../troubles.ts';
import type { WatchedAgent } from './account-watch.ts';
import { agentPart, type Notice } from './notice.ts';

export function watchTroubles(
  agent: WatchedAgent,
  settings: DebounceSettings,
  notify: (notice: Notice) => void,
): { readonly close: () => void } {
  let watch: Watch = UNWATCHED;
  let timer: NodeJS.Timeout | undefined;
  const take = (debounced: Debounced): void => {
    watch = debounced.watch;
    clearTimeout(timer);
    const wakeAt = debounceWakeAt(watch, settings);
    if (wakeAt !== undefined) timer = setTimeout(wake, Math.max(0, wakeAt - monotonicNow())).unref();
    if (debounced.tidings !== null) notify(noticeOf(agent, debounced.tidings === 'up'));
  };
  const wake = (): void => take(settle(watch, monotonicNow(), settings));
  const look = (): void => {
    const condition = troublesOf(agent.agent()).length === 0 ? 'up' : 'down';
    take(noteCondition(watch, condition, monotonicNow(), settings));
  };
  const unfollow = agent.follow((event) => {
    if (isAboutAgent(event)) look();
  });
  look();
  return {
    close: () => {
      unfollow();
      clearTimeout(timer);
    },
  };
}

function isAboutAgent(event: AgentEvent): boolean {
  return (
    event.type === 'reload' || event.type === 'agent' || (event.type === 'warning' && event.account === null)
  );
}

function noticeOf(agent: WatchedAgent, isOver: boolean): Notice {
  const event = isOver ? 'trouble-over' : 'trouble';
  const time = new Date().toISOString();
  return { event, time, count: 0, accounts: [], certificates: [], ...agentPart(agent.agent()) };
}

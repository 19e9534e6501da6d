// Which events are news. A failure that repeats itself is told again at growing intervals, a refresh that changes
// nothing is not told; a first failure, another code or state, and the way back always are. Nothing here reads a clock.

import { setBounded } from '../../core/bounded-map.ts';
import type { Millis } from '../../core/time.ts';
import { type AgentEvent, glanceOf, type Severity } from '../events.ts';
import {
  accountsIn,
  createAccountMemory,
  forgetAccount,
  judgeFailure,
  judgeState,
} from './account-judgement.ts';
import {
  beginRepeats,
  judgeRepeat,
  NEWS,
  NO_NEWS,
  type Repeats,
  type Telling,
  type Verdict,
} from './verdict.ts';

/** An event with how it is told. What is no news is for those who want every detail. */
export type Judged = {
  readonly event: AgentEvent;
  readonly telling: Telling;
  readonly isNews: boolean;
  /** How much it matters, now that it is known whether it is news. */
  readonly severity: Severity;
  /** null: it has to do with none, or with an unknown one. */
  readonly registrar: string | null;
};

export type News = {
  /** Judges events in the order in which they happen; `now` never falls. */
  readonly judge: (event: AgentEvent, now: Millis) => Verdict;
  /** Accounts and warnings that are remembered. */
  readonly size: () => number;
};

/** Of more the oldest are forgotten, which only makes the next one like it news. */
const MAX_WARNINGS = 10_000;

/** A memory of what was told. */
export function createNews(): News {
  const accounts = createAccountMemory();
  const warnings = new Map<string, Repeats>();
  return {
    judge: (event, now) => {
      switch (event.type) {
        case 'state':
          return judgeState(accounts, event, now);
        case 'failure':
          return judgeFailure(accounts, event, now);
        case 'warning':
          return judgeWarning(warnings, event, now);
        case 'reload':
          for (const name of event.report?.removed ?? []) forgetAccount(accounts, name);
          return NEWS;
        case 'agent':
        case 'keepalive':
          return NEWS;
        case 'request':
          return event.severity === 'debug' ? NO_NEWS : NEWS;
        case 'message':
          return NO_NEWS;
      }
    },
    size: () => accountsIn(accounts) + warnings.size,
  };
}

/** The event, which was judged so. */
export function judged(event: AgentEvent, { telling, isNews }: Verdict): Judged {
  const severity = isNews ? severityOf(event) : 'debug';
  return { event, telling, isNews, severity, registrar: registrarOf(event, isNews) };
}

function registrarOf(event: AgentEvent, isNews: boolean): string | null {
  if (event.type === 'failure') return event.registrar;
  return event.type === 'state' && isNews ? glanceOf(event).registrar : null;
}

/** Events of one kind look alike but for the account. */
export function kindOf({ event, telling }: Judged): string {
  return `${event.type} ${detailOf(event)} ${telling.type}`;
}

function detailOf(event: AgentEvent): string | number {
  switch (event.type) {
    case 'state':
      return event.state;
    case 'failure':
      return `${event.state} ${event.failure.code}`;
    case 'warning':
    case 'agent':
    case 'keepalive':
      return event.code;
    case 'request':
      return event.status;
    case 'reload':
    case 'message':
      return '';
  }
}

/** A change of state that is news is for everybody, also when it came with a refresh, which is routine. */
function severityOf({ type, severity }: AgentEvent): Severity {
  return type === 'state' && severity === 'debug' ? 'info' : severity;
}

/** A warning is the same when its words are: they say what it is about. */
function judgeWarning(
  warnings: Map<string, Repeats>,
  { account, code, text, time }: Extract<AgentEvent, { type: 'warning' }>,
  now: Millis,
): Verdict {
  const key = `${account ?? ''}\n${code}`;
  const known = warnings.get(key);
  if (known?.what === text) return judgeRepeat(known, now);
  setBounded(warnings, key, beginRepeats(text, { time, now, count: 1 }), MAX_WARNINGS);
  return NEWS;
}

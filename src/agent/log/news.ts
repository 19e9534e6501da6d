// Which events are news. A failure that repeats itself is told again at growing intervals, a refresh that changes
// nothing is not told; a first failure, another code or state, and the way back always are. Nothing here reads a clock.

import type { AccountSnapshot, AccountState } from '../../core/health/snapshot.ts';
import type { Millis } from '../../core/time.ts';
import type { AgentEvent, Severity } from '../events.ts';

/** How an event is to be told. */
export type Telling =
  /** It speaks for itself. */
  | { readonly type: 'full' }
  /** The same once more: how often since when (RFC 3339). */
  | { readonly type: 'still'; readonly count: number; readonly since: string }
  /** The way back after failures: how long it took, how many attempts failed since when, the last of them with `code`. */
  | {
      readonly type: 'again';
      readonly downMs: Millis;
      readonly attempts: number;
      readonly since: string;
      readonly code: string;
    };

/** An event with how it is told. What is no news is for those who want every detail. */
export type Judged = {
  readonly event: AgentEvent;
  readonly telling: Telling;
  readonly isNews: boolean;
  /** How much it matters, now that it is known whether it is news. */
  readonly severity: Severity;
  /** Events of one kind look alike but for the account. */
  readonly kind: string;
  /** null: it has to do with none, or with an unknown one. */
  readonly registrar: string | null;
};

export type News = {
  /** Judges events in the order in which they happen; `now` never falls. */
  readonly judge: (event: AgentEvent, now: Millis) => Judged;
  /** Accounts and warnings that are remembered. */
  readonly size: () => number;
};

/** The same thing, several times in a row. */
type Repeats = {
  readonly what: string;
  readonly since: string;
  count: number;
  tellAgainAt: Millis;
  intervalMs: Millis;
};

type Outage = {
  readonly beganAt: Millis;
  readonly since: string;
  attempts: number;
  code: string;
  failing: Repeats;
};

type AccountMemory = {
  outage: Outage | null;
  /** The registration that was told last; null: none that still holds. */
  registration: Registration | null;
};

type Registration = { readonly where: string; readonly granted: number };

type Verdict = { readonly telling: Telling; readonly isNews: boolean };

const FIRST_REPEAT_MS: Millis = 5 * 60_000;
const LONGEST_REPEAT_MS: Millis = 3_600_000;

/** More than an agent has; beyond it the oldest are forgotten, which only makes their next event news. */
const MAX_ACCOUNTS = 100_000;
const MAX_WARNINGS = 10_000;

const FULL: Telling = { type: 'full' };
const NEWS: Verdict = { telling: FULL, isNews: true };
const NO_NEWS: Verdict = { telling: FULL, isNews: false };

/** A memory of what was told. */
export function createNews(): News {
  const accounts = new Map<string, AccountMemory>();
  const warnings = new Map<string, Repeats>();

  /** Lets `verdictOn` judge by what is known of the account, and keeps only what there is to remember. */
  const judgeBy = (account: string, verdictOn: (memory: AccountMemory) => Verdict): Verdict => {
    const memory = accounts.get(account) ?? { outage: null, registration: null };
    const verdict = verdictOn(memory);
    if (memory.outage !== null || memory.registration !== null)
      remember(accounts, account, memory, MAX_ACCOUNTS);
    else accounts.delete(account);
    return verdict;
  };
  return {
    judge: (event, now) => {
      switch (event.type) {
        case 'state': {
          const verdict = judgeBy(event.account, (memory) => judgeState(memory, event, now));
          const registrar = verdict.isNews ? event.snapshot.registrar : null;
          return judged(event, verdict, `state ${event.state}`, registrar);
        }
        case 'failure': {
          const { state, failure, registrar } = event;
          const verdict = judgeBy(event.account, (memory) => judgeFailure(memory, event, now));
          return judged(event, verdict, `failure ${state} ${failure.code}`, registrar);
        }
        case 'warning': {
          const verdict = judgeWarning(warnings, event, now);
          return judged(event, verdict, `warning ${event.code}`, null);
        }
        case 'reload':
          for (const name of event.report?.removed ?? []) accounts.delete(name);
          return judged(event, NEWS, 'reload', null);
        case 'agent':
          return judged(event, NEWS, `agent ${event.code}`, null);
        case 'keepalive':
          return judged(event, NEWS, `keepalive ${event.code}`, null);
        case 'request': {
          const verdict = event.severity === 'debug' ? NO_NEWS : NEWS;
          return judged(event, verdict, `request ${event.status}`, null);
        }
        case 'message':
          return judged(event, NO_NEWS, 'message', null);
      }
    },
    size: () => accounts.size + warnings.size,
  };
}

function judged(event: AgentEvent, verdict: Verdict, kind: string, registrar: string | null): Judged {
  const { telling, isNews } = verdict;
  const severity = isNews ? severityOf(event) : 'debug';
  return { event, telling, isNews, severity, kind: `${kind} ${telling.type}`, registrar };
}

/** A change of state that is news is for everybody, also when it came with a refresh, which is routine. */
function severityOf({ type, severity }: AgentEvent): Severity {
  return type === 'state' && severity === 'debug' ? 'info' : severity;
}

function judgeState(
  memory: AccountMemory,
  { state, snapshot, time }: Extract<AgentEvent, { type: 'state' }>,
  now: Millis,
): Verdict {
  switch (state) {
    case 'registering':
    case 'refreshing':
    case 'unregistering':
      return NO_NEWS;
    case 'registered':
      return judgeRegistered(memory, snapshot, now);
    case 'waiting':
    case 'blocked': {
      // Its failure event tells more, and mostly came first; whichever comes first is told.
      if (snapshot.failure === null) return NO_NEWS;
      const { code } = snapshot.failure;
      if (memory.outage?.failing.what === failureKey(state, code)) return NO_NEWS;
      beginFailing(memory, state, code, { time, now, count: 0 });
      return NEWS;
    }
    case 'unregistered':
    case 'disabled':
    case 'paused':
    case 'standby': {
      const code = snapshot.failure?.code ?? '';
      if (memory.outage?.failing.what === failureKey(state, code)) return NO_NEWS;
      memory.outage = null;
      memory.registration = null;
      return NEWS;
    }
  }
}

function judgeRegistered(memory: AccountMemory, snapshot: AccountSnapshot, now: Millis): Verdict {
  const { outage, registration: before } = memory;
  const registration = registrationOf(snapshot);
  if (outage !== null && snapshot.failure === null) {
    memory.outage = null;
    memory.registration = registration;
    const { beganAt, since, attempts, code } = outage;
    return { isNews: true, telling: { type: 'again', downMs: now - beganAt, attempts, since, code } };
  }
  if (before !== null && isAlike(before, registration)) return NO_NEWS;
  memory.registration = registration;
  return NEWS;
}

function registrationOf({ target, expires, public: seen }: AccountSnapshot): Registration {
  const place = target === null ? '' : `${target.transport} ${target.address} ${target.port}`;
  const outside = seen === null ? '' : `${seen.address} ${seen.port}`;
  const rule = expires === null ? '' : `${expires.source} ${expires.matchedBy}`;
  return { where: `${place} ${rule} ${outside}`, granted: expires?.granted ?? 0 };
}

/** Some registrars grant a slightly different time on purpose each time: only a much shorter or longer one is news. */
function isAlike(before: Registration, after: Registration): boolean {
  return (
    before.where === after.where &&
    after.granted * 2 > before.granted &&
    after.granted < before.granted * 2 + 1
  );
}

function judgeFailure(
  memory: AccountMemory,
  { state, failure, time }: Extract<AgentEvent, { type: 'failure' }>,
  now: Millis,
): Verdict {
  const { outage } = memory;
  if (outage === null || outage.failing.what !== failureKey(state, failure.code)) {
    beginFailing(memory, state, failure.code, { time, now, count: 1 });
    return NEWS;
  }
  outage.attempts += 1;
  return judgeRepeat(outage.failing, now);
}

function beginFailing(
  memory: AccountMemory,
  state: AccountState,
  code: string,
  { time, now, count }: { readonly time: string; readonly now: Millis; readonly count: number },
): void {
  const failing = beginRepeats(failureKey(state, code), { time, now, count });
  if (memory.outage === null) memory.outage = { beganAt: now, since: time, attempts: count, code, failing };
  else {
    memory.outage.attempts += count;
    memory.outage.code = code;
    memory.outage.failing = failing;
  }
  if (state === 'waiting' || state === 'blocked') memory.registration = null;
}

function failureKey(state: AccountState, code: string): string {
  return `${state} ${code}`;
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
  remember(warnings, key, beginRepeats(text, { time, now, count: 1 }), MAX_WARNINGS);
  return NEWS;
}

function beginRepeats(
  what: string,
  { time, now, count }: { readonly time: string; readonly now: Millis; readonly count: number },
): Repeats {
  return { what, since: time, count, tellAgainAt: now + FIRST_REPEAT_MS, intervalMs: FIRST_REPEAT_MS };
}

function judgeRepeat(repeats: Repeats, now: Millis): Verdict {
  repeats.count += 1;
  const { count, since } = repeats;
  const telling: Telling = count === 1 ? FULL : { type: 'still', count, since };
  if (now < repeats.tellAgainAt) return { telling, isNews: false };
  repeats.intervalMs = Math.min(repeats.intervalMs * 2, LONGEST_REPEAT_MS);
  repeats.tellAgainAt = now + repeats.intervalMs;
  return { telling, isNews: true };
}

function remember<T>(memory: Map<string, T>, key: string, value: T, limit: number): void {
  if (memory.size >= limit && !memory.has(key)) {
    const oldest = memory.keys().next();
    if (oldest.done !== true) memory.delete(oldest.value);
  }
  memory.set(key, value);
}

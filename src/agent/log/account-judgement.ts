// What is news of an account: another place, another failure, the way back. A refresh that changes nothing is none, and of an
// account that is well hardly anything is remembered: it shares what was told of it with the others at its registrar.

import { setBounded } from '../../core/bounded-map.ts';
import type { AccountGlance, AccountState } from '../../core/health/snapshot.ts';
import type { Millis } from '../../core/time.ts';
import { type AgentEvent, glanceOf, type StateEvent } from '../events.ts';
import { beginRepeats, judgeRepeat, NEWS, NO_NEWS, type Repeats, type Verdict } from './verdict.ts';

/** What was told of each account. */
export type AccountMemory = {
  readonly outages: Map<string, Outage>;
  /** The registration that was told last; none: none that still holds. */
  readonly registrations: Map<string, Registration>;
  /** Of whichever account: the next one may well have the same. */
  latest: Registration | null;
};

type Outage = {
  readonly beganAt: Millis;
  readonly since: string;
  attempts: number;
  code: string;
  failing: Repeats;
};

/** Where an account is registered, who said how long it lasts, and how the registrar sees us: a change of it is news. */
type Registration = {
  readonly granted: number;
  readonly transport: string | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly source: string | null;
  readonly matchedBy: string | null;
  readonly publicAddress: string | null;
  readonly publicPort: number | null;
};

type FailureEvent = Extract<AgentEvent, { type: 'failure' }>;

/** More than an agent has. */
const MAX_ACCOUNTS = 100_000;

export function createAccountMemory(): AccountMemory {
  return { outages: new Map(), registrations: new Map(), latest: null };
}

/** The account is gone, or at rest. */
export function forgetAccount({ outages, registrations }: AccountMemory, account: string): void {
  outages.delete(account);
  registrations.delete(account);
}

/** How many accounts are remembered. */
export function accountsIn({ outages, registrations }: AccountMemory): number {
  return new Set([...outages.keys(), ...registrations.keys()]).size;
}

export function judgeState(memory: AccountMemory, event: StateEvent, now: Millis): Verdict {
  const { account, state } = event;
  switch (state) {
    case 'registering':
    case 'refreshing':
    case 'unregistering':
      return NO_NEWS;
    case 'registered':
      return judgeRegistered(memory, account, glanceOf(event), now);
    case 'waiting':
    case 'blocked': {
      // Its failure event tells more, and mostly came first; whichever comes first is told.
      const { failure } = glanceOf(event);
      if (failure === null || isTold(memory, account, state, failure.code)) return NO_NEWS;
      beginFailing(memory, { account, state, code: failure.code, time: event.time, now, count: 0 });
      return NEWS;
    }
    case 'unregistered':
    case 'disabled':
    case 'paused':
    case 'standby':
      if (isTold(memory, account, state, glanceOf(event).failure?.code ?? '')) return NO_NEWS;
      forgetAccount(memory, account);
      return NEWS;
  }
}

export function judgeFailure(memory: AccountMemory, event: FailureEvent, now: Millis): Verdict {
  const { account, state, failure, time } = event;
  const outage = memory.outages.get(account);
  if (outage === undefined || outage.failing.what !== failureKey(state, failure.code)) {
    beginFailing(memory, { account, state, code: failure.code, time, now, count: 1 });
    return NEWS;
  }
  outage.attempts += 1;
  return judgeRepeat(outage.failing, now);
}

function judgeRegistered(
  memory: AccountMemory,
  account: string,
  glance: AccountGlance,
  now: Millis,
): Verdict {
  const outage = memory.outages.get(account);
  if (outage !== undefined && glance.failure === null) {
    memory.outages.delete(account);
    noteRegistered(memory, account, glance);
    const { beganAt, since, attempts, code } = outage;
    return { isNews: true, telling: { type: 'again', downMs: now - beganAt, attempts, since, code } };
  }
  const before = memory.registrations.get(account);
  if (before !== undefined && isAlike(before, glance)) return NO_NEWS;
  noteRegistered(memory, account, glance);
  return NEWS;
}

function noteRegistered(memory: AccountMemory, account: string, glance: AccountGlance): void {
  const { latest } = memory;
  const isLatest = latest !== null && latest.granted === grantedOf(glance) && isSamePlace(latest, glance);
  const registration = isLatest ? latest : registrationOf(glance);
  memory.latest = registration;
  setBounded(memory.registrations, account, registration, MAX_ACCOUNTS);
}

function registrationOf(glance: AccountGlance): Registration {
  const { target, expires, public: seen } = glance;
  return {
    granted: grantedOf(glance),
    transport: target?.transport ?? null,
    address: target?.address ?? null,
    port: target?.port ?? null,
    source: expires?.source ?? null,
    matchedBy: expires?.matchedBy ?? null,
    publicAddress: seen?.address ?? null,
    publicPort: seen?.port ?? null,
  };
}

function grantedOf({ expires }: AccountGlance): number {
  return expires?.granted ?? 0;
}

/** Some registrars grant a slightly different time on purpose each time: only a much shorter or longer one is news. */
function isAlike(before: Registration, glance: AccountGlance): boolean {
  const granted = grantedOf(glance);
  return granted * 2 > before.granted && granted < before.granted * 2 + 1 && isSamePlace(before, glance);
}

function isSamePlace(before: Registration, { target, expires, public: seen }: AccountGlance): boolean {
  return (
    before.transport === (target?.transport ?? null) &&
    before.address === (target?.address ?? null) &&
    before.port === (target?.port ?? null) &&
    before.source === (expires?.source ?? null) &&
    before.matchedBy === (expires?.matchedBy ?? null) &&
    before.publicAddress === (seen?.address ?? null) &&
    before.publicPort === (seen?.port ?? null)
  );
}

type Failing = {
  readonly account: string;
  readonly state: AccountState;
  readonly code: string;
  readonly time: string;
  readonly now: Millis;
  readonly count: number;
};

function beginFailing(
  { outages, registrations }: AccountMemory,
  { account, state, code, time, now, count }: Failing,
): void {
  const failing = beginRepeats(failureKey(state, code), { time, now, count });
  const outage = outages.get(account);
  if (outage === undefined) {
    const begun = { beganAt: now, since: time, attempts: count, code, failing };
    setBounded(outages, account, begun, MAX_ACCOUNTS);
  } else {
    outage.attempts += count;
    outage.code = code;
    outage.failing = failing;
  }
  if (state === 'waiting' || state === 'blocked') registrations.delete(account);
}

function isTold({ outages }: AccountMemory, account: string, state: AccountState, code: string): boolean {
  return outages.get(account)?.failing.what === failureKey(state, code);
}

function failureKey(state: AccountState, code: string): string {
  return `${state} ${code}`;
}

// What the agent counts for /metrics: by account, from its events and from what the engine sends and hears. Counters only
// grow, for as long as the process runs; what an account is now is in its snapshot, and is not kept twice. An account
// that nothing was counted for costs nothing.

import { headerValue } from '../core/sip/headers.ts';
import { sameSocketAddress } from '../core/sip/ip.ts';
import type { SipMessage } from '../core/sip/message.ts';
import { parseCSeq } from '../core/sip/numbers.ts';
import { type SocketAddress, TRANSPORTS, type Transport } from '../core/sip/transport.ts';
import { type AgentEvent, glanceOf, instantOf, type StateEvent } from './events.ts';

/** How an attempt to register ended. */
export const RESULTS = [
  'ok',
  'auth_rejected',
  'rejected',
  'timeout',
  'dns',
  'tls',
  'transport',
  'interval_too_brief',
  'internal',
] as const;
export type RegisterResult = (typeof RESULTS)[number];

/** Final status codes that registrars answer with; any other is counted as "other", so that no registrar makes series. */
export const STATUS_CODES = [
  ...[200, 302, 400, 401, 403, 404, 407, 408, 420, 423, 439, 480, 500, 503, 504, 603].map(String),
  'other',
] as const;

/** Upper bounds of the buckets of the round trip, seconds. */
export const DURATION_BUCKETS = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 32] as const;

export const MATERIAL_RESULTS = ['ok', 'unchanged', 'invalid'] as const;
type MaterialResult = (typeof MATERIAL_RESULTS)[number];

/** Counts in the order of one of the lists above, no longer than needed: what is not there is 0. */
export type Counts = number[];

/** Times are Unix seconds, 0 for never. */
export type AccountCounters = {
  attempts: Counts;
  responses: Counts;
  /** One more than there are bounds: the last is for everything above. Each counts its own bucket only. */
  durations: Counts;
  durationSum: number;
  retransmissions: number;
  keepaliveFailures: number;
  flowFailures: Counts;
  publicAddressChanges: number;
  publicAddress: SocketAddress | null;
  consecutiveFailures: number;
  lastSuccess: number;
  lastAttempt: number;
  /** The bytes that left last, as they are held for a retransmission anyway; null once they are answered. */
  lastSent: Uint8Array | null;
};

/** Of the agent as a whole. */
export type AgentCounters = {
  materialReloads: Counts;
  messagesSent: number;
  messagesReceived: number;
  dropped: number;
  warnings: number;
  isLastReloadGood: boolean;
  /** Unix seconds. */
  lastGoodReload: number;
};

export type AgentMetrics = {
  /** Told of every event of the agent. */
  readonly observe: (event: AgentEvent) => void;
  /** A message went out or came in, of `account` where that is known: counts final answers and what was sent again. */
  readonly message: (
    direction: 'sent' | 'received',
    account: string | null,
    content: Uint8Array | SipMessage,
  ) => void;
  /** A flow of the account was lost, or did not come about. */
  readonly flowFailed: (account: string, transport: Transport) => void;
  readonly account: (name: string) => AccountCounters;
  readonly agent: AgentCounters;
};

/** `startedAt`, Unix seconds: when the accounts file was read for the first time. */
export function createAgentMetrics(startedAt: number): AgentMetrics {
  const accounts = new Map<string, AccountCounters>();
  const agent: AgentCounters = {
    materialReloads: MATERIAL_RESULTS.map(() => 0),
    messagesSent: 0,
    messagesReceived: 0,
    dropped: 0,
    warnings: 0,
    isLastReloadGood: true,
    lastGoodReload: startedAt,
  };
  const of = (name: string): AccountCounters => {
    const known = accounts.get(name);
    if (known !== undefined) return known;
    const fresh = zeroCounters();
    accounts.set(name, fresh);
    return fresh;
  };
  return {
    agent,
    account: (name) => accounts.get(name) ?? NOTHING,
    observe: (event) => {
      if (event.severity === 'warning') agent.warnings += 1;
      if (event.type === 'agent' || event.type === 'warning') countMaterial(agent, event.code);
      if (event.type === 'state') observeState(of(event.account), event);
      else if (event.type === 'failure') observeFailure(of(event.account), event);
      else if (event.type === 'keepalive') observeKeepalive(event, of);
      else if (event.type === 'agent' && event.code === 'agent.dropped') agent.dropped += 1;
      else if (event.type === 'reload') {
        agent.isLastReloadGood = event.ok;
        if (event.ok) agent.lastGoodReload = Date.parse(event.time) / 1000;
        for (const name of event.report?.removed ?? []) accounts.delete(name);
      }
    },
    message: (direction, account, content) => {
      if (direction === 'sent') agent.messagesSent += 1;
      else agent.messagesReceived += 1;
      if (account !== null) observeMessage(of(account), content);
    },
    flowFailed: (account, transport) => {
      const counters = of(account);
      counters.flowFailures = counted(counters.flowFailures, TRANSPORTS.indexOf(transport));
    },
  };
}

function observeState(counters: AccountCounters, event: StateEvent): void {
  const { state, previous } = event;
  const glance = glanceOf(event);
  const seconds = instantOf(event) / 1000;
  if (state === 'registering' || state === 'refreshing') counters.lastAttempt = seconds;
  const { public: seen } = glance;
  if (seen !== null) {
    const { publicAddress: before } = counters;
    if (before !== null && !sameSocketAddress(before, seen)) counters.publicAddressChanges += 1;
    counters.publicAddress = seen;
  }
  if (state !== 'registered' || previous === 'registered') return;
  counters.attempts = counted(counters.attempts, RESULTS.indexOf('ok'));
  counters.consecutiveFailures = 0;
  counters.lastSuccess = seconds;
  const { rtt } = glance;
  if (rtt !== null) {
    const bucket = DURATION_BUCKETS.findIndex((bound) => rtt <= bound);
    counters.durations = counted(counters.durations, bucket < 0 ? DURATION_BUCKETS.length : bucket);
    counters.durationSum += rtt;
  }
}

function observeFailure(
  counters: AccountCounters,
  { failure, count, state }: Extract<AgentEvent, { type: 'failure' }>,
): void {
  // A binding that could not be removed is no attempt to register.
  if (state === 'unregistering' || state === 'paused') return;
  counters.attempts = counted(counters.attempts, RESULTS.indexOf(resultOf(failure.code)));
  counters.consecutiveFailures = count;
}

/** The result that a failure code counts as. */
export function resultOf(code: string): Exclude<RegisterResult, 'ok'> {
  if (code === 'register.timeout' || code === 'connect.timeout') return 'timeout';
  if (code === 'register.interval') return 'interval_too_brief';
  const stage = code.slice(0, code.indexOf('.'));
  switch (stage) {
    case 'dns':
    case 'tls':
      return stage;
    case 'auth':
      return 'auth_rejected';
    case 'connect':
      return 'transport';
    case 'register':
      return 'rejected';
    default:
      return 'internal';
  }
}

/** A retransmission is the same bytes again (RFC 3261 §17.1.2.2). */
function observeMessage(counters: AccountCounters, content: Uint8Array | SipMessage): void {
  if (content instanceof Uint8Array) {
    if (counters.lastSent === content) counters.retransmissions += 1;
    counters.lastSent = content;
    return;
  }
  if (content.kind !== 'response' || content.status < 200) return;
  counters.lastSent = null;
  const cseq = parseCSeq(headerValue(content.headers, 'CSeq') ?? '');
  if (!cseq.ok || cseq.value.method !== 'REGISTER') return;
  const at = STATUS_CODES.indexOf(String(content.status));
  counters.responses = counted(counters.responses, at < 0 ? STATUS_CODES.length - 1 : at);
}

/** A flow that several accounts share is counted for none of them. */
function observeKeepalive(
  { account, code }: Extract<AgentEvent, { type: 'keepalive' }>,
  of: (name: string) => AccountCounters,
): void {
  if (account !== null && !KEEPALIVE_GOES_ON.includes(code)) of(account).keepaliveFailures += 1;
}

const KEEPALIVE_GOES_ON = ['sent', 'answered', 'mapped', 'method'];

function countMaterial(agent: AgentCounters, code: string): void {
  const result = MATERIAL_EVENTS[code];
  if (result === undefined) return;
  agent.materialReloads = counted(agent.materialReloads, MATERIAL_RESULTS.indexOf(result));
}

const MATERIAL_EVENTS: Readonly<Record<string, MaterialResult>> = {
  'tls.material-reloaded': 'ok',
  'tls.material-unchanged': 'unchanged',
  'tls.material-invalid': 'invalid',
};

/** With one more at `at`; the same list where it has the place. */
function counted(counts: Counts, at: number): Counts {
  const before = counts[at];
  if (before === undefined) {
    return Array.from({ length: at + 1 }, (_, index) => counts[index] ?? (index === at ? 1 : 0));
  }
  counts[at] = before + 1;
  return counts;
}

/** It has no place that could be counted at: all may share it. */
const NOTHING_COUNTED: Counts = [];

function zeroCounters(): AccountCounters {
  return {
    attempts: NOTHING_COUNTED,
    responses: NOTHING_COUNTED,
    durations: NOTHING_COUNTED,
    durationSum: 0,
    retransmissions: 0,
    keepaliveFailures: 0,
    flowFailures: NOTHING_COUNTED,
    publicAddressChanges: 0,
    publicAddress: null,
    consecutiveFailures: 0,
    lastSuccess: 0,
    lastAttempt: 0,
    lastSent: null,
  };
}

const NOTHING: AccountCounters = Object.freeze(zeroCounters());

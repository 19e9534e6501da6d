// What is told of requests that came in: one event for each that was answered, and one warning for all that were
// dropped within a minute, later an hour. Names in them are a stranger's words, so they are made printable and short, and a flood of requests makes
// no flood of events: those beyond the pace are only counted.

import { printable, printableUpTo } from '../../core/health/evidence.ts';
import { admit, type Bucket, type Pace } from '../../core/pacing/token-bucket.ts';
import { headerValue } from '../../core/sip/headers.ts';
import type { SipRequest } from '../../core/sip/message.ts';
import { parseNameAddr } from '../../core/sip/name-addr.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import { formatUri, parseUri } from '../../core/sip/uri.ts';
import type { Millis } from '../../core/time.ts';
import type { Answer } from '../../core/uas/response.ts';
import type { Flow } from '../../runtime/transport/flow.ts';
import type { AgentEvent, Severity } from '../events.ts';

/** Why a request got no answer. */
export type DropReason = 'source' | 'rate' | 'room' | 'broken';

export type Telling = {
  readonly answered: (told: ToldRequest) => void;
  readonly dropped: (reason: DropReason, source: SocketAddress) => void;
  /** When `report` has something to tell; undefined: nothing was dropped since the last report. */
  readonly reportAt: () => Millis | undefined;
  readonly report: () => void;
};

export type ToldRequest = {
  readonly account: string | null;
  readonly flow: Flow;
  readonly request: SipRequest;
  readonly source: SocketAddress;
  readonly answer: Answer;
};

type Dropped = { count: number; latest: SocketAddress };

/** Methods by which servers keep flows open and tidy up; of the others somebody will want to know. */
const ROUTINE: ReadonlySet<string> = new Set(['OPTIONS', 'NOTIFY', 'CANCEL', 'BYE']);

const NEWS_PACE: Pace = { perSecond: 20, burst: 200 };
const ROUTINE_PACE: Pace = { perSecond: 50, burst: 200 };
/** Between two reports; it doubles for as long as there is something to report. */
const FIRST_INTERVAL_MS: Millis = 60_000;
const LONGEST_INTERVAL_MS: Millis = 3_600_000;
const MAX_METHOD = 32;

export function createTelling(now: () => Millis, emit: (event: AgentEvent) => void): Telling {
  const buckets = new Map<Severity, Bucket>();
  const untold = new Map<Severity, number>();
  const dropped = new Map<DropReason, Dropped>();
  let reportedAt = Number.NEGATIVE_INFINITY;
  let intervalMs = FIRST_INTERVAL_MS;

  const report = (): void => {
    reportedAt = now();
    for (const [reason, { count, latest }] of dropped) emit(warningOf(reason, count, latest));
    dropped.clear();
  };
  return {
    answered: (told) => {
      const severity = severityOf(told);
      const pace = severity === 'debug' ? ROUTINE_PACE : NEWS_PACE;
      const { at, bucket } = admit(buckets.get(severity), pace, now());
      const more = untold.get(severity) ?? 0;
      if (at > now()) {
        untold.set(severity, more + 1);
        return;
      }
      buckets.set(severity, bucket);
      untold.delete(severity);
      emit(eventOf(told, severity, more));
    },
    dropped: (reason, source) => {
      const known = dropped.get(reason);
      dropped.set(reason, { count: (known?.count ?? 0) + 1, latest: source });
      if (now() < reportedAt + intervalMs) return;
      intervalMs = FIRST_INTERVAL_MS;
      report();
    },
    reportAt: () => (dropped.size === 0 ? undefined : reportedAt + intervalMs),
    report: () => {
      intervalMs = Math.min(2 * intervalMs, LONGEST_INTERVAL_MS);
      report();
    },
  };
}

function severityOf({ request, answer }: ToldRequest): Severity {
  return ROUTINE.has(request.method) || answer.status === 400 ? 'debug' : 'info';
}

function eventOf(told: ToldRequest, severity: Severity, more: number): AgentEvent {
  const { account, flow, request, source, answer } = told;
  return {
    time: new Date().toISOString(),
    severity,
    type: 'request',
    account,
    method: printableUpTo(MAX_METHOD, request.method),
    from: addressOf(request, 'From'),
    to: addressOf(request, 'To'),
    transport: flow.transport,
    source,
    status: answer.status,
    reason: answer.reason,
    untold: more,
  };
}

/** The URI in From or To without a password; null when it cannot be read. */
function addressOf({ headers }: SipRequest, field: 'From' | 'To'): string | null {
  const value = parseNameAddr(headerValue(headers, field) ?? '');
  if (!value.ok) return null;
  const uri = parseUri(value.value.uri);
  return printable(uri.ok ? formatUri({ ...uri.value, password: null }) : value.value.uri);
}

function warningOf(reason: DropReason, count: number, latest: SocketAddress): AgentEvent {
  const requests = count === 1 ? 'a request' : `${count} requests`;
  const from = count === 1 ? `from ${latest.address}` : `the last from ${latest.address}`;
  return {
    time: new Date().toISOString(),
    // Whoever scans the Internet makes broken requests; only a curious reader wants to know.
    severity: reason === 'broken' ? 'debug' : 'warning',
    type: 'warning',
    account: null,
    code: `request.dropped-${reason}`,
    text: `${requests} got no answer, ${from}: ${WHY[reason]}`,
  };
}

const WHY: Readonly<Record<DropReason, string>> = {
  source: 'acceptFrom does not name that address',
  rate: 'more came from there than are answered',
  room: 'more calls are open than are kept',
  broken: 'nothing in it says where an answer belongs',
};

// Events in words, one line each: what happened, why, what happens next and when, what to do. Whatever came from the
// network or a file is made printable here, and every line has an end.

import { printableUpTo } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { durationText, roundTripText, ruleText } from '../../core/health/words.ts';
import { addressText } from '../../core/sip/ip.ts';
import { timeText } from '../../runtime/local-time.ts';
import { type AgentEvent, glanceOf, type Severity, type StateEvent } from '../events.ts';
import type { Summary } from './crowds.ts';
import type { Judged } from './news.ts';
import type { Telling } from './verdict.ts';

export type Line = {
  /** RFC 3339 UTC. */
  readonly time: string;
  readonly severity: Severity;
  /** The account, or "sipreg". */
  readonly subject: string;
  /** In one word: the state, or what kind of event it is. */
  readonly label: string;
  readonly text: string;
};

type Words = Pick<Line, 'subject' | 'label' | 'text'>;
type FailureEvent = Extract<AgentEvent, { type: 'failure' }>;
type Attempt = Pick<FailureEvent, 'time' | 'state' | 'failure' | 'nextAttempt'>;

/** One line, whatever is in it. */
const MAX_TEXT = 900;
const MAX_SUBJECT = 100;
const MAX_MESSAGE_LINES = 200;

const AGENT = 'sipreg';

/** The line of one event. */
export function lineOf({ event, telling, severity }: Judged): Line {
  return bounded(event.time, severity, wordsOf(event, telling));
}

/** The one line for all that a summary stands for. */
export function summaryLine(summary: Summary): Line {
  const { latest, count, samples, withinMs } = summary;
  const { event, severity } = latest;
  const { label } = wordsOf(event, latest.telling);
  const within = `within ${durationText(withinMs / 1000)}`;
  const names = samples.flatMap(({ event: one }) =>
    'account' in one && one.account !== null ? [one.account] : [],
  );
  const who =
    names.length === 0 ? `${count} more times ${within}` : `${count} more accounts (${listed(names, count)})`;
  const text = `${who} ${commonText(summary, names.length === 0 ? '' : within)}`;
  return bounded(event.time, severity, { subject: AGENT, label, text });
}

/** The lines of a SIP message, its head first; its credentials are redacted already. */
export function messageLines(event: Extract<AgentEvent, { type: 'message' }>): readonly string[] {
  const arrow = event.direction === 'sent' ? '--->' : '<---';
  const head = `${arrow} ${event.transport} ${addressText(event.remote)} (from ${addressText(event.local)})`;
  const lines = event.text.split(/\r?\n/);
  const shown = lines.slice(0, MAX_MESSAGE_LINES);
  if (lines.length > shown.length) shown.push(`… ${lines.length - shown.length} more lines`);
  return [head, ...shown].map((line) => printableUpTo(MAX_TEXT, line));
}

function bounded(time: string, severity: Severity, { subject, label, text }: Words): Line {
  return {
    time,
    severity,
    subject: printableUpTo(MAX_SUBJECT, subject),
    label: printableUpTo(MAX_SUBJECT, label),
    text: printableUpTo(MAX_TEXT, text),
  };
}

function wordsOf(event: AgentEvent, telling: Telling): Words {
  switch (event.type) {
    case 'state':
      return { subject: event.account, label: event.state, text: stateText(event, telling) };
    case 'failure':
      return { subject: event.account, label: event.state, text: failureText(event, telling) };
    case 'warning': {
      const { account, code, text } = event;
      return {
        subject: account ?? AGENT,
        label: 'warning',
        text: `${stillText(telling, event)}${code}: ${text}`,
      };
    }
    case 'keepalive':
      return { subject: event.account ?? AGENT, label: 'keepalive', text: `${event.code}: ${event.text}` };
    case 'request':
      return { subject: event.account ?? AGENT, label: 'request', text: requestText(event) };
    case 'reload':
      return {
        subject: AGENT,
        label: 'reload',
        text: event.ok ? event.text : `nothing was changed: ${event.text}`,
      };
    case 'agent':
      return { subject: AGENT, label: event.code, text: event.text };
    case 'message':
      return { subject: AGENT, label: 'message', text: messageLines(event)[0] ?? '' };
  }
}

function stateText(event: StateEvent, telling: Telling): string {
  const { state, snapshot, time } = event;
  switch (state) {
    case 'registered':
      return registeredText(snapshot, telling, time);
    case 'waiting':
    case 'blocked': {
      const { failure, nextAttempt, state } = snapshot;
      if (failure !== null) return failureText({ time, state, failure, nextAttempt }, telling);
      return nextAttempt === null ? '' : `first tried ${whenText(nextAttempt, time)}`;
    }
    default:
      return '';
  }
}

/** "for 5 min (by our contact's expires, found by URI), tls 192.0.2.7:5061, 34 ms; refreshed in 260 s (14:09:30+01:00)". */
function registeredText(snapshot: AccountSnapshot, telling: Telling, time: string): string {
  const { expires, target, rtt, flows } = snapshot;
  // Another flow may be about to begin: what is registered is refreshed at its own time.
  const own = flows.find((flow) => flow.state === 'registered');
  const nextAttempt = own === undefined ? snapshot.nextAttempt : own.nextAttempt;
  const facts = [
    expires === null ? '' : `for ${durationText(expires.granted)} ${ruleText(expires)}`,
    target === null ? '' : `${target.transport} ${addressText(target)}`,
    rtt === null ? '' : roundTripText(rtt),
  ].filter((fact) => fact !== '');
  const next = nextAttempt === null ? '' : `; refreshed ${whenText(nextAttempt, time)}`;
  return `${againText(telling, time)}${facts.join(', ')}${next}`;
}

/** "again after 3 min 12 s, 4 attempts failed since 14:02:10+01:00 (the last: connect.refused); ". */
function againText(telling: Telling, time: string): string {
  if (telling.type !== 'again') return '';
  const { downMs, attempts, since, code } = telling;
  const count = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const began = timeText(since, new Date(time));
  return `again after ${durationText(downMs / 1000)}, ${count} failed since ${began} (the last: ${code}); `;
}

/** The first time in full; later only what is new. */
function failureText(attempt: Attempt, telling: Telling): string {
  const { failure, nextAttempt, time } = attempt;
  const next = nextAttempt === null ? notTried(attempt) : `tried again ${whenText(nextAttempt, time)}`;
  if (telling.type === 'still') {
    const began = timeText(telling.since, new Date(time));
    return `still: ${failure.code}, ${telling.count} times since ${began}; ${next}`;
  }
  return `${failure.code}: ${failure.cause}; ${next}; ${failure.advice}`;
}

function notTried({ state, failure: { stage } }: Attempt): string {
  if (state === 'unregistering') return 'the binding stays until it ends';
  return stage === 'auth' || stage === 'secret'
    ? 'not tried again until the secret or the account changes'
    : 'not tried again until the account changes';
}

/** "call from sip:bob@example.com to sip:alice@example.com, answered 480 Temporarily Unavailable (udp 192.0.2.7:5060)". */
export function requestText(event: Extract<AgentEvent, { type: 'request' }>): string {
  const { method, from, to, transport, source, status, reason, untold } = event;
  const what = method === 'INVITE' ? 'call' : method;
  const parties = `${what} from ${from ?? 'somebody'} to ${to ?? 'somebody'}`;
  const others = untold === 0 ? '' : `; ${untold} more requests were answered`;
  return `${parties}, answered ${status} ${reason} (${transport} ${addressText(source)})${others}`;
}

function stillText(telling: Telling, { time }: AgentEvent): string {
  if (telling.type !== 'still') return '';
  return `still, ${telling.count} times since ${timeText(telling.since, new Date(time))}: `;
}

/** What all of a summary have in common, and what the latest of them said. */
function commonText({ registrar, latest, nextAttempt }: Summary, within: string): string {
  const { event, telling } = latest;
  const where = registrar === null ? '' : ` at ${registrar}`;
  const next = nextAttempt === null ? '' : `; the first is tried again ${whenText(nextAttempt, event.time)}`;
  switch (event.type) {
    case 'failure': {
      const { code, cause } = event.failure;
      const still = telling.type === 'still' ? 'still ' : '';
      return `${within}: ${still}${code}${where}, the last: ${cause}${next}`;
    }
    case 'state':
      if (event.state !== 'registered')
        return `${within}${where}${glanceOf(event).failure === null ? '' : next}`;
      return telling.type === 'again'
        ? `${within}: again${where}, the last after ${durationText(telling.downMs / 1000)}`
        : `${within}${where}`;
    default:
      return `${within}: the last: ${wordsOf(event, telling).text}`;
  }
}

/** "a, b, c, …": the dots when there are more than the names. */
function listed(names: readonly string[], count: number): string {
  return count > names.length ? `${names.join(', ')}, …` : names.join(', ');
}

/** "in 45 s (14:05:10+01:00)". */
function whenText(iso: string, time: string): string {
  const seconds = (Date.parse(iso) - Date.parse(time)) / 1000;
  return `in ${durationText(seconds)} (${timeText(iso, new Date(time))})`;
}

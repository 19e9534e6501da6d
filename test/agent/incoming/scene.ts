// An answering agent without sockets: flows that write down what is sent where, a clock that the test moves, accounts
// of the test's choice.

import { incomingSettingsOf, planOf } from '../../../src/accounts/plan.ts';
import type { AccountEntry } from '../../../src/accounts/schema.ts';
import type { AgentEvent } from '../../../src/agent/events.ts';
import { type Answerable, answerableOf } from '../../../src/agent/incoming/answerable.ts';
import { Answering } from '../../../src/agent/incoming/answering.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { type MessageError, messageError } from '../../../src/core/sip/head.ts';
import { headerValue } from '../../../src/core/sip/headers.ts';
import type { SipResponse } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import type { SocketAddress, Transport } from '../../../src/core/sip/transport.ts';
import type { Sleeper } from '../../../src/runtime/alarm.ts';
import type { Flow } from '../../../src/runtime/transport/flow.ts';
import { request, SOURCE, type Wanted } from '../../core/uas/requests.ts';

export type Sent = { readonly text: string; readonly to: SocketAddress; readonly at: number };

export type FakeFlow = Flow & { readonly sent: Sent[] };

export type Scene = {
  readonly answering: Answering;
  readonly flow: FakeFlow;
  readonly events: AgentEvent[];
  /** Hands a request in and returns what was sent for it at once. */
  readonly ask: (method: string, wanted?: Wanted, source?: SocketAddress) => readonly SipResponse[];
  readonly malformed: (method: string | null, wanted?: Wanted) => readonly SipResponse[];
  /** Moves the clock, waking whoever wants to be woken on the way, in order. */
  readonly pass: (ms: number) => void;
  readonly now: () => number;
};

export type SceneOptions = {
  /** By name; `alice` alone unless told. */
  readonly accounts?: Readonly<Record<string, Partial<AccountEntry>>>;
  readonly transport?: Transport;
  /** What the account's servers resolved to, besides the flow's remote address. */
  readonly known?: readonly string[];
  /** Of its randomness. */
  readonly seed?: number;
};

let lastFlow = 0;

export function openScene({
  accounts = { alice: {} },
  transport = 'udp',
  known = [],
  seed = 1,
}: SceneOptions = {}): Scene {
  let now = 1_000;
  const events: AgentEvent[] = [];
  const flow = fakeFlow(transport, () => now);
  const answerables = Object.entries(accounts).map(([name, more]) => answerable(name, more, new Set(known)));
  const alarm = manualAlarm();
  const answering = new Answering({
    now: () => now,
    rng: seededRng(seed),
    accountsOf: () => answerables,
    emit: (event) => events.push(event),
    alarm: alarm.make,
  });
  const sentSince = (count: number): SipResponse[] =>
    flow.sent.slice(count).map(({ text }) => response(text));
  return {
    answering,
    flow,
    events,
    ask: (method, wanted, source = SOURCE) => {
      const count = flow.sent.length;
      answering.request(flow, request(method, wanted), source);
      return sentSince(count);
    },
    malformed: (method, wanted) => {
      const count = flow.sent.length;
      const head = method === null ? null : request(method, wanted);
      const error: MessageError = messageError('SIP_PARSE_SHORT_BODY', 'too short', head);
      answering.malformed(flow, error, SOURCE);
      return sentSince(count);
    },
    pass: (ms) => {
      const end = now + ms;
      for (let next = alarm.next(); next !== undefined && next <= end; next = alarm.next()) {
        now = Math.max(now, next);
        alarm.ring(now);
      }
      now = end;
    },
    now: () => now,
  };
}

export function answerable(
  name: string,
  more: Partial<AccountEntry>,
  known: ReadonlySet<string>,
): Answerable {
  const entry = { aor: `sip:${name}@example.com`, ...more } as AccountEntry;
  return answerableOf(planOf(name, entry, ''), incomingSettingsOf(entry), () => known);
}

/** A request with that branch, sent over UDP. */
export const via = (branch: string, params = ';rport'): Wanted => ({
  via: `SIP/2.0/UDP 192.0.2.7:5060;branch=${branch}${params}`,
});

/** What was told of one kind. */
export function ofType<T extends AgentEvent['type']>({ events }: Scene, type: T) {
  return events.filter((event): event is Extract<AgentEvent, { type: T }> => event.type === type);
}

export function statuses(responses: readonly SipResponse[]): readonly number[] {
  return responses.map(({ status }) => status);
}

export function toOf(answer: SipResponse | undefined): string | null {
  return answer === undefined ? null : headerValue(answer.headers, 'To');
}

function fakeFlow(transport: Transport, now: () => number): FakeFlow {
  const sent: Sent[] = [];
  lastFlow += 1;
  return {
    id: lastFlow,
    transport,
    local: { address: '192.0.2.50', port: 40112 },
    remote: SOURCE,
    tls: null,
    send: () => {
      throw new Error('an answer goes to where its request came from');
    },
    sendTo: (bytes, to) => sent.push({ text: new TextDecoder().decode(bytes), to, at: now() }),
    close: () => undefined,
    sent,
  };
}

function response(text: string): SipResponse {
  const parsed = parseMessage(new TextEncoder().encode(text));
  if (!parsed.ok || parsed.value.kind !== 'response') throw new Error(`no response: ${text}`);
  return parsed.value;
}

/** An alarm that rings when the test says so; it keeps the promises of runtime/alarm.ts. */
function manualAlarm() {
  const sleepers = new Set<Sleeper>();
  let wake: (sleeper: never) => void = () => undefined;
  const next = (): number | undefined => {
    const times = [...sleepers].flatMap(({ alarmAt }) => (alarmAt === undefined ? [] : [alarmAt]));
    return times.length === 0 ? undefined : Math.min(...times);
  };
  return {
    make: <S extends Sleeper>(_now: () => number, onWake: (sleeper: S) => void) => {
      wake = onWake as typeof wake;
      return {
        set: (sleeper: S, at: number | undefined): void => {
          sleeper.alarmAt = at;
          if (at === undefined) sleepers.delete(sleeper);
          else sleepers.add(sleeper);
        },
        stop: () => sleepers.clear(),
      };
    },
    next,
    ring: (now: number): void => {
      for (const sleeper of [...sleepers]) {
        if (sleeper.alarmAt === undefined || sleeper.alarmAt > now) continue;
        sleeper.alarmAt = undefined;
        sleepers.delete(sleeper);
        wake(sleeper as never);
      }
    },
  };
}

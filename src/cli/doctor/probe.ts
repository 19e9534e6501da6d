// One flow of doctor's own towards one target, opened as the agent opens its flows: an OPTIONS (RFC 3261 §11) and a
// keep-alive (RFC 5626 §4.4) can be sent over it, each bounded in time. It registers nothing and answers nothing.

import type { MessageListener } from '../../agent/observer.ts';
import { unwatchedTls } from '../../agent/tls-watch.ts';
import type { Failure } from '../../core/health/verdict.ts';
import type { KeepaliveEffect, KeepaliveInput } from '../../core/keepalive/keepalive.ts';
import {
  type Keepalive,
  keepaliveWakeAt,
  startKeepalive,
  stepKeepalive,
} from '../../core/keepalive/keepalive.ts';
import { optionsRequest } from '../../core/keepalive/options.ts';
import { NO_PROMISE } from '../../core/keepalive/terms.ts';
import type { Plan } from '../../core/registration/plan.ts';
import type { Result } from '../../core/result.ts';
import { sameSocketAddress } from '../../core/sip/ip.ts';
import type { SipResponse } from '../../core/sip/message.ts';
import { isReliable, type SocketAddress } from '../../core/sip/transport.ts';
import { branchOf, topVia } from '../../core/sip/via.ts';
import { parseStun } from '../../core/stun/message.ts';
import type { Millis } from '../../core/time.ts';
import {
  responseReceived,
  startTransaction,
  timePassed,
  transactionWakeAt,
} from '../../core/transaction/client.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { systemRng } from '../../runtime/entropy.ts';
import type { HandshakeFacts } from '../../runtime/tls/diagnosis.ts';
import type { TlsSettings } from '../../runtime/tls/settings.ts';
import type { Flow, FlowEvents, FlowRequest, KeepAliveSign } from '../../runtime/transport/flow.ts';
import { createFlowRegistry } from '../../runtime/transport/registry.ts';

/** An answer, with what it answers and where it came in. */
export type AnsweredRequest = {
  readonly response: SipResponse;
  readonly branch: string;
  readonly flow: Flow;
  /** Wall clock when it came, milliseconds since 1970. */
  readonly at: number;
};

export type OptionsOutcome =
  | { readonly type: 'answered'; readonly answered: AnsweredRequest; readonly seconds: number }
  /** `noise`: what came in place of an answer, in words; null: nothing. */
  | { readonly type: 'silent'; readonly noise: string | null }
  | { readonly type: 'closed'; readonly failure: Failure };

export type PingOutcome =
  /** `mapped`: our public address, as a STUN answer says it. */
  | { readonly type: 'answered'; readonly seconds: number; readonly mapped: SocketAddress | null }
  | { readonly type: 'silent' };

export type Probe = {
  readonly opened: Result<Flow, Failure>;
  /** From the wish to the open flow. */
  readonly seconds: number;
  /** The TLS handshake, as far as it came; null: there was none. */
  readonly handshake: HandshakeFacts | null;
  readonly askOptions: (plan: Plan) => Promise<OptionsOutcome>;
  readonly ping: () => Promise<PingOutcome>;
  readonly close: () => void;
};

export const OPTIONS_LIMIT_MS: Millis = 4_000;
const PING_LIMIT_MS: Millis = 1_000;

type Listeners = {
  response: (response: SipResponse) => void;
  sign: (sign: KeepAliveSign) => void;
  noise: (text: string) => void;
  /** Of the OPTIONS, and of the keep-alive. */
  closed: (failure: Failure) => void;
  pingLost: () => void;
};

/** Opens a flow; `show` sees the messages that pass. */
export async function openProbe(
  request: FlowRequest,
  tls: TlsSettings,
  show: MessageListener | null,
): Promise<Probe> {
  let handshake: HandshakeFacts | null = null;
  let end: Failure | null = null;
  const listeners: Listeners = {
    response: () => {},
    sign: () => {},
    noise: () => {},
    closed: () => {},
    pingLost: () => {},
  };
  const material = unwatchedTls();
  const closed = (failure: Failure): void => {
    end = failure;
    listeners.closed(failure);
    listeners.pingLost();
  };
  const registry = createFlowRegistry({
    tls: {
      ...material,
      handshaken: (facts) => {
        handshake = facts;
      },
    },
    events: flowEvents(listeners, closed, show),
  });
  const askedAt = monotonicNow();
  const opened = await registry.acquire(request, tls);
  const seconds = (monotonicNow() - askedAt) / 1000;
  const flow = opened.ok ? opened.value : null;
  return {
    opened,
    seconds,
    handshake,
    askOptions: async (plan) => {
      if (end !== null || flow === null) return closedOutcome(end, opened);
      return await askOptions(flow, plan, listeners);
    },
    ping: async () => (end !== null || flow === null ? { type: 'silent' } : await ping(flow, listeners)),
    close: () => {
      registry.closeAll();
      material.stop();
    },
  };
}

function closedOutcome(end: Failure | null, opened: Result<Flow, Failure>): OptionsOutcome {
  const failure = end ?? (opened.ok ? null : opened.error);
  if (failure === null) throw new Error('an open flow is asked');
  return { type: 'closed', failure };
}

function flowEvents(
  listeners: Listeners,
  closed: (failure: Failure) => void,
  show: MessageListener | null,
): FlowEvents {
  return {
    message: (flow, message, _source, bytes) => {
      show?.('received', flow, null, message, bytes);
      if (message.kind === 'response') listeners.response(message);
    },
    malformed: () => {},
    sign: (_, sign) => listeners.sign(sign),
    sent: (flow, bytes) => {
      // Pings and STUN are no messages (RFC 3261 §25.1: a start line begins with a token).
      if ((bytes[0] ?? 0) > SPACE) show?.('sent', flow, null, bytes, bytes);
    },
    closed: (_, failure) => closed(failure),
    dropped: (flow, text, source) => {
      if (source !== null && sameSocketAddress(source, flow.remote)) listeners.noise(text);
    },
  };
}

function askOptions(flow: Flow, plan: Plan, listeners: Listeners): Promise<OptionsOutcome> {
  const { branch, bytes } = optionsRequest(plan, flow, systemRng);
  const sentAt = monotonicNow();
  const endsAt = sentAt + OPTIONS_LIMIT_MS;
  let transaction = startTransaction(isReliable(flow.transport), sentAt);
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let noise: string | null = null;
    const settle = (outcome: OptionsOutcome): void => {
      clearTimeout(timer);
      listeners.response = () => {};
      listeners.noise = () => {};
      listeners.closed = () => {};
      resolve(outcome);
    };
    const wait = (): void => {
      const wakeAt = Math.min(transactionWakeAt(transaction) ?? endsAt, endsAt);
      timer = setTimeout(wake, Math.max(0, wakeAt - monotonicNow()));
    };
    const wake = (): void => {
      if (monotonicNow() >= endsAt) {
        settle({ type: 'silent', noise });
        return;
      }
      const step = timePassed(transaction, monotonicNow());
      transaction = step.transaction;
      wait();
      if (step.event === 'retransmit') flow.send(bytes, true);
    };
    listeners.closed = (failure) => settle({ type: 'closed', failure });
    listeners.noise = (text) => {
      noise = text;
    };
    listeners.response = (response) => {
      const via = topVia(response);
      if (via === null || branchOf(via) !== branch) return;
      const step = responseReceived(transaction, response.status, monotonicNow());
      transaction = step.transaction;
      if (step.event !== 'final') return;
      const answered = { response, branch, flow, at: Date.now() };
      settle({ type: 'answered', answered, seconds: (monotonicNow() - sentAt) / 1000 });
    };
    wait();
    flow.send(bytes);
  });
}

/** One keep-alive, by the agent's own machine: CRLF on a stream, STUN on UDP. */
function ping(flow: Flow, listeners: Listeners): Promise<PingOutcome> {
  const env = () => ({ now: monotonicNow(), rng: systemRng });
  const method = isReliable(flow.transport) ? 'crlf' : 'stun';
  const terms = { settings: { method, intervalSeconds: null }, promise: NO_PROMISE } as const;
  let machine: Keepalive = startKeepalive(flow, terms, env());
  const endsAt = monotonicNow() + PING_LIMIT_MS;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (outcome: PingOutcome): void => {
      clearTimeout(timer);
      listeners.sign = () => {};
      listeners.pingLost = () => {};
      resolve(outcome);
    };
    const take = (input: KeepaliveInput): void => {
      const step = stepKeepalive(machine, input, env());
      machine = step.keepalive;
      for (const effect of step.effects) {
        if (effect.type === 'send') flow.send(effect.bytes, effect.repeated);
      }
      const outcome = outcomeOf(step.effects);
      if (outcome !== null) settle(outcome);
    };
    const wait = (): void => {
      const wakeAt = Math.min(keepaliveWakeAt(machine) ?? endsAt, endsAt);
      timer = setTimeout(wake, Math.max(0, wakeAt - monotonicNow()));
    };
    const wake = (): void => {
      if (monotonicNow() >= endsAt) {
        settle({ type: 'silent' });
        return;
      }
      wait();
      take({ type: 'timePassed' });
    };
    listeners.pingLost = () => settle({ type: 'silent' });
    listeners.sign = (sign) => {
      const input = inputOf(sign);
      if (input !== null) take(input);
    };
    // The machine sends the first one an interval after the flow has opened, unless it has reason to ask at once.
    take({ type: 'doubted' });
    take({ type: 'timePassed' });
    wait();
  });
}

function inputOf(sign: KeepAliveSign): KeepaliveInput | null {
  if (sign.type === 'pong') return sign;
  const message = parseStun(sign.bytes);
  return message === null ? null : { type: 'stunReceived', message };
}

function outcomeOf(effects: readonly KeepaliveEffect[]): PingOutcome | null {
  const answered = effects.find(({ type }) => type === 'answered');
  if (answered?.type === 'answered') {
    const mapped = effects.find(({ type }) => type === 'mapped');
    const address = mapped?.type === 'mapped' ? mapped.address : null;
    return { type: 'answered', seconds: answered.roundTripMs / 1000, mapped: address };
  }
  return effects.some(({ type }) => type === 'unanswered' || type === 'failed') ? { type: 'silent' } : null;
}

const SPACE = 0x20;

// A registration played step by step against a registrar that the test speaks for: the clock stands still until the
// test moves it, every byte that goes out is parsed again, and what the shell would do (names, flows, numbers,
// secrets) is done at once unless the test takes it over. Tests read like the transcript of a conversation.

import { expect } from 'vitest';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import type { Env } from '../../../src/core/env.ts';
import { failureOf } from '../../../src/core/health/verdict.ts';
import type { Outcome } from '../../../src/core/registration/effect.ts';
import type { Goal, Input } from '../../../src/core/registration/input.ts';
import { beginLifecycle, lifecycleWakeAt, stepLifecycle } from '../../../src/core/registration/lifecycle.ts';
import type { Command, Lifecycle, LifecycleEffect } from '../../../src/core/registration/lifecycle-state.ts';
import type { Plan, Profile } from '../../../src/core/registration/plan.ts';
import {
  type Beginnings,
  beginRegistration,
  type FlowRef,
} from '../../../src/core/registration/registration.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { headerRows } from '../../../src/core/sip/headers.ts';
import type { SipRequest, SipResponse } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import type { SocketAddress, Target } from '../../../src/core/sip/transport.ts';
import { parseUri, type SipUri } from '../../../src/core/sip/uri.ts';
import { branchOf, topVia } from '../../../src/core/sip/via.ts';
import type { Millis } from '../../../src/core/time.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';

export const LOCAL: SocketAddress = { address: '10.0.0.5', port: 5070 };
export const FIRST: Target = { transport: 'udp', host: 'pbx.example.com', address: '192.0.2.1', port: 5060 };
export const SECOND: Target = { ...FIRST, address: '192.0.2.2' };
export const OWN_CONTACT = 'sip:alice@10.0.0.5:5070';
export const INSTANCE = 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
export const ALICE: Credential = {
  realm: null,
  username: 'alice',
  secret: 'open sesame',
};

/** The URI that `text` is. */
export function uri(text: string): SipUri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
  return parsed.value;
}

/** The plan of sip:alice@example.com at pbx.example.com. */
export function testPlan(chosen: ChosenPlan = {}): Plan {
  const {
    account = 'office',
    aor = 'sip:alice@example.com',
    contact = { uri: null, user: 'alice', uriParams: [], params: [] },
    initialAuthorization = null,
    ...profile
  } = chosen;
  return { account, aor, contact, initialAuthorization, profile: testProfile(profile) };
}

/** What is not as in every plan: of the account or of its profile. */
export type ChosenPlan = Partial<Omit<Plan, 'profile'> & Profile>;

function testProfile(chosen: Partial<Profile>): Profile {
  return {
    from: null,
    registrar: uri('sip:pbx.example.com'),
    proxies: [],
    transport: 'auto',
    expires: 3600,
    local: null,
    nat: 'auto',
    outbound: 'off',
    offersKeep: false,
    instanceId: null,
    headers: [],
    userAgent: 'sipreg/test',
    retry: { baseSeconds: 30, maxSeconds: null, credentialAttempts: 3, blockedProbeSeconds: 21_600 },
    ...chosen,
  };
}

export type Setting = {
  readonly plan?: ChosenPlan;
  readonly beginnings?: Partial<Beginnings>;
  readonly targets?: readonly Target[];
  /** Until then a better target stands back. */
  readonly deferredUntil?: Millis;
  /** What the secret sources hold when they are read again. */
  readonly secrets?: readonly Credential[];
  readonly seed?: number;
  readonly local?: SocketAddress;
  /** Effects that the test answers itself. */
  readonly manual?: readonly LifecycleEffect['type'][];
};

/** A REGISTER as the registrar sees it. */
export type SeenRequest = {
  readonly message: SipRequest;
  readonly text: string;
  readonly flowId: number;
  readonly branch: string;
  readonly sentAt: number;
  readonly cseq: number;
  /** The rows called `name`. */
  readonly rows: (name: string) => readonly string[];
  /** The only row called `name`; fails when there is none or there are several. */
  readonly row: (name: string) => string;
};

export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;
export type AnswerOptions = {
  /** Parameters after the branch of the Via, such as `;received=203.0.113.5;rport=40112`. */
  readonly via?: string;
  readonly to?: SeenRequest;
  readonly reason?: string;
};

export function script(setting: Setting = {}) {
  const { targets = [FIRST], secrets = [ALICE], seed = 1, local = LOCAL, manual = [] } = setting;
  const { deferredUntil = null } = setting;
  const rng = seededRng(seed);
  let now = 1_000_000;
  let flowIds = 0;
  const beginnings: Beginnings = {
    regId: 1,
    instanceId: INSTANCE,
    identity: { callId: 'call-1', fromTag: 'tag-1', cseq: 0, reservedThrough: 1_000 },
    credentials: [ALICE],
    credentialsWorked: false,
    publicAddress: null,
    boundContact: null,
    ...setting.beginnings,
  };
  let lifecycle: Lifecycle = beginLifecycle(beginRegistration(testPlan(setting.plan), beginnings), now);
  const sent: SeenRequest[] = [];
  const copies: SeenRequest[] = [];
  const effects: LifecycleEffect[] = [];
  const outcomes: Outcome[] = [];
  let looked = 0;

  const env = (): Env => ({ now, rng, hash: nodeHash });
  const step = (input: Input | Command): void => {
    const taken = stepLifecycle(lifecycle, input, env());
    lifecycle = taken.lifecycle;
    for (const effect of taken.effects) {
      effects.push(effect);
      if (effect.type === 'send') (effect.repeated ? copies : sent).push(seen(effect, now));
      if (effect.type === 'finished') outcomes.push(effect.outcome);
    }
    for (const effect of taken.effects) if (!manual.includes(effect.type)) perform(effect);
  };
  const flowTo = (target: Target): FlowRef => {
    flowIds += 1;
    const { transport, address, port } = target;
    return { id: flowIds, transport, local, remote: { address, port }, tls: null };
  };
  const perform = (effect: LifecycleEffect): void => {
    if (effect.type === 'resolve') step(lookedUp(targets, { deferredUntil }));
    if (effect.type === 'openFlow')
      step({ type: 'flowOpened', target: effect.target, flow: flowTo(effect.target) });
    if (effect.type === 'readSecret') step({ type: 'secretRead', credentials: secrets });
    if (effect.type === 'reserveCseq') {
      const { callId, cseq } = lifecycle.registration.identity;
      const [firstCseq, name] = effect.renewCallId ? [1, 'call-2'] : [cseq + 1, callId];
      step({ type: 'cseqReserved', callId: name, firstCseq, lastCseq: firstCseq + 9 });
    }
  };
  const last = (): SeenRequest => {
    const request = sent.at(-1);
    if (request === undefined) throw new Error('nothing was sent');
    return request;
  };

  return {
    step,
    env,
    flowTo,
    /** Everything that was sent, without retransmissions. */
    sent,
    /** Retransmissions. */
    copies,
    effects,
    outcomes,
    now: () => now,
    lifecycle: () => lifecycle,
    registration: () => lifecycle.registration,
    state: () => lifecycle.state,
    wakeAt: () => lifecycleWakeAt(lifecycle),
    begin: (goal: Goal = 'register', deadlineAt?: number) =>
      step({ type: 'roundRequested', goal, ...(deadlineAt === undefined ? {} : { deadlineAt }) }),
    stop: (withinMs = 10_000, into: 'ended' | 'paused' = 'ended') =>
      step({ type: 'stopRequested', deadlineAt: now + withinMs, into }),
    /** The one REGISTER that went out since the last call. */
    request: (): SeenRequest => {
      expect(sent.length - looked).toBe(1);
      looked = sent.length;
      return last();
    },
    /** Nothing went out since the last call of `request`. */
    silence: () => expect(sent.length).toBe(looked),
    /** The registrar answers the last REGISTER (or `to`). */
    answer: (status: number, headers: AnswerHeaders = {}, options: AnswerOptions = {}): void => {
      const response = responseTo(options.to ?? last(), status, headers, options);
      const phase = lifecycle.round?.phase;
      step(responseReceived(response, phase?.name === 'awaiting' ? now - phase.sent.sentAt : 0));
    },
    /** Lets time pass; every alarm on the way rings. */
    pass: (ms: number): void => {
      const until = now + ms;
      for (let at = lifecycleWakeAt(lifecycle); at !== undefined && at <= until; ) {
        now = Math.max(now, at);
        step({ type: 'timePassed' });
        at = lifecycleWakeAt(lifecycle);
        if (at !== undefined) expect(at).toBeGreaterThan(now);
      }
      now = until;
    },
    outcome: (): Outcome => {
      const outcome = outcomes.at(-1);
      if (outcome === undefined) throw new Error('no round has ended');
      return outcome;
    },
    /** The failure in which the last round ended. */
    failure: () => {
      const outcome = outcomes.at(-1);
      return outcome?.type === 'failed' ? outcome.failure : null;
    },
    warnings: () => effects.flatMap((effect) => (effect.type === 'warn' ? [effect.text] : [])),
  };
}

export type Script = ReturnType<typeof script>;

/** What a lookup finds: `targets`, known for sure and not put off, unless `more` says otherwise. */
export function lookedUp(
  targets: readonly Target[],
  more: Partial<Omit<TargetsResolved, 'type' | 'targets'>> = {},
): TargetsResolved {
  return { type: 'targetsResolved', targets, deferredUntil: null, stale: null, tlsWithdrawn: false, ...more };
}

type TargetsResolved = Extract<Input, { type: 'targetsResolved' }>;

/** A challenge of the realm example.com. */
export function challenge(nonce: string, more = ''): string {
  return `Digest realm="example.com", nonce="${nonce}", algorithm=MD5, qop="auth"${more}`;
}

/** A 2xx that grants the Contact of `request` as it stands. */
export const granted = (seconds: number, contact = OWN_CONTACT): AnswerHeaders => ({
  Contact: `<${contact}>;expires=${seconds}`,
});

/** Rings the next alarm. */
export function onward(line: Script): void {
  line.pass((line.wakeAt() ?? line.now()) - line.now());
}

/** The targets to which flows were opened. */
export function openings(line: Script): readonly Target[] {
  return line.effects.flatMap((effect) => (effect.type === 'openFlow' ? [effect.target] : []));
}

/** The flow that was asked for last opens. */
export function open(line: Script): void {
  const target = openings(line).at(-1);
  if (target === undefined) throw new Error('no flow was asked for');
  line.step({ type: 'flowOpened', target, flow: line.flowTo(target) });
}

/** The flow that was asked for last is refused. */
export function refuse(line: Script): void {
  const target = openings(line).at(-1);
  if (target === undefined) throw new Error('no flow was asked for');
  line.step({ type: 'flowFailed', target, failure: failureOf('connect.refused', 'it refuses') });
}

/** The flow of the last request breaks. */
export function breakFlow(line: Script, flowId = line.sent.at(-1)?.flowId ?? 0): void {
  const failure = failureOf('connect.closed', 'the server closed the connection');
  line.step({ type: 'flowClosed', flowId, failure });
}

/** RFC 3581 §4, RFC 6223 §5: the server fills in the empty rport and keep. */
function answeredVia(sent: string, filledIn: string): string {
  const empty = [';rport', ';keep'].filter((name) => filledIn.includes(name));
  return empty.reduce((via, name) => via.replace(name, ''), sent);
}

/** `response` arrives, `roundTripMs` after its request left. */
export function responseReceived(response: SipResponse, roundTripMs = 20): Input {
  return { type: 'responseReceived', response, roundTripMs };
}

export function responseTo(
  request: SeenRequest,
  status: number,
  headers: AnswerHeaders = {},
  { via = '', reason = 'Reason' }: AnswerOptions = {},
): SipResponse {
  const rows = [
    `Via: ${answeredVia(request.row('Via'), via)}${via}`,
    `From: ${request.row('From')}`,
    `To: ${request.row('To')};tag=registrar`,
    `Call-ID: ${request.row('Call-ID')}`,
    `CSeq: ${request.row('CSeq')}`,
    ...Object.entries(headers).flatMap(([name, value]) =>
      (typeof value === 'string' ? [value] : value).map((one) => `${name}: ${one}`),
    ),
    'Content-Length: 0',
  ];
  const text = `SIP/2.0 ${status} ${reason}\r\n${rows.join('\r\n')}\r\n\r\n`;
  const parsed = parseMessage(new TextEncoder().encode(text));
  if (!parsed.ok || parsed.value.kind !== 'response') throw new Error(`no response:\n${text}`);
  return parsed.value;
}

function seen(effect: Extract<LifecycleEffect, { type: 'send' }>, sentAt: number): SeenRequest {
  const parsed = parseMessage(effect.bytes);
  if (!parsed.ok || parsed.value.kind !== 'request') throw new Error('what was sent is no request');
  const message = parsed.value;
  const rows = (name: string): readonly string[] => headerRows(message.headers, name);
  const row = (name: string): string => {
    const [value, ...others] = rows(name);
    if (value === undefined || others.length > 0) throw new Error(`not exactly one ${name}`);
    return value;
  };
  const via = topVia(message);
  expect(via === null ? null : branchOf(via)).toBe(effect.branch);
  return {
    message,
    text: new TextDecoder().decode(effect.bytes),
    flowId: effect.flowId,
    branch: effect.branch,
    sentAt,
    cseq: Number.parseInt(row('CSeq'), 10),
    rows,
    row,
  };
}

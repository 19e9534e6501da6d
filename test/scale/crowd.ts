// The agent's machines for very many accounts at one registrar, on virtual time: one shared UDP flow, the real lifecycle
// and admission (src/core/registration, src/agent/admission.ts), and no disk, no DNS and no loss. What the simulation of
// test/sim does with a few accounts and every fault, this does with a million and one outage.

import { planOf } from '../../src/accounts/plan.ts';
import { type Admissions, createAdmissions } from '../../src/agent/admission.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import type { Credential } from '../../src/core/digest/algorithm.ts';
import type { Env } from '../../src/core/env.ts';
import type { Input } from '../../src/core/registration/input.ts';
import { beginLifecycle, lifecycleWakeAt, stepLifecycle } from '../../src/core/registration/lifecycle.ts';
import type { Command, Lifecycle, LifecycleEffect } from '../../src/core/registration/lifecycle-state.ts';
import { beginRegistration, type FlowRef } from '../../src/core/registration/registration.ts';
import { randomHex, seededRng } from '../../src/core/rng.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import { nodeHash } from '../../src/runtime/hash.ts';
import { createAlarmHeap } from './alarm-heap.ts';
import { createQuickRegistrar, type Outage, REALM } from './quick-registrar.ts';
import { createTally, type Reason, type Tally } from './tally.ts';

export type CrowdOptions = {
  readonly accounts: number;
  readonly hours: number;
  /** REGISTERs a second at the registrar that begin a registration; 0: no pacing. */
  readonly perSecond: number;
  readonly expires: number;
  readonly outage: Outage;
  readonly seed: number;
  /** Called at each whole hour that has passed. */
  readonly passed?: (hour: number) => void;
};

/** One account: what admission.ts looks at, and nothing else. */
type Member = {
  lifecycle: Lifecycle;
  admittedAt: Millis | undefined;
};

const TARGET: Target = { transport: 'udp', host: REALM, address: '192.0.2.1', port: 5060 };
const FLOW: FlowRef = {
  id: 1,
  transport: 'udp',
  local: { address: '198.51.100.1', port: 5060 },
  remote: { address: TARGET.address, port: TARGET.port },
  tls: null,
};
/** A round trip. */
const ANSWERED_AFTER_MS: Millis = 20;
const CSEQ_BLOCK = 100;
const SECOND: Millis = 1_000;
const HOUR: Millis = 3_600 * SECOND;

/** Lets `accounts` be registered for `hours`; what was sent and who was registered in each second. */
export function runCrowd(options: CrowdOptions): Tally {
  const { accounts, outage, passed } = options;
  const crowd = createCrowd(options);
  const end = options.hours * HOUR;
  const tally = createTally(Math.ceil(end / SECOND));
  const registrar = createQuickRegistrar(accounts, options.expires, outage);
  /** Answers on their way, in the order in which they arrive: all take equally long. */
  let underWay: { readonly at: Millis; readonly account: number; readonly response: string }[] = [];
  let nextAnswer = 0;
  let now: Millis = 0;

  const send = (account: number, bytes: Uint8Array, reason: Reason): void => {
    tally.sent(reason, Math.floor(now / SECOND));
    const response = registrar.answer(account, latin1(bytes), now);
    if (response !== null) underWay.push({ at: now + ANSWERED_AFTER_MS, account, response });
  };
  const answersArrive = (): void => {
    for (let answer = underWay[nextAnswer]; answer !== undefined && answer.at <= now; ) {
      nextAnswer += 1;
      crowd.received(answer.account, answer.response, now, send);
      answer = underWay[nextAnswer];
    }
    if (nextAnswer < 10_000) return;
    underWay = underWay.slice(nextAnswer);
    nextAnswer = 0;
  };
  const register = (second: number): void => {
    tally.registered(crowd.registered(), second);
    if (second > 0 && second % 3_600 === 0) passed?.(second / 3_600);
  };
  for (let second = 0; now < end; ) {
    const at = Math.min(crowd.nextAt(), underWay[nextAnswer]?.at ?? Number.POSITIVE_INFINITY, end);
    for (; second * SECOND <= at && second < tally.seconds; second++) register(second);
    now = at;
    answersArrive();
    crowd.ring(now, send);
  }
  return tally;
}

type Send = (account: number, bytes: Uint8Array, reason: Reason) => void;

function createCrowd({ accounts, perSecond, expires, seed }: CrowdOptions) {
  const rng = seededRng(seed);
  const admissions: Admissions = createAdmissions(perSecond);
  const alarms = createAlarmHeap(accounts);
  const members = Array.from({ length: accounts }, (_, number) => join(number));
  const waiting = new Set<number>();
  let registered = 0;

  function join(number: number): Member {
    const name = `user${number}`;
    const plan = planOf(name, { aor: `sip:${name}@${REALM}`, expires }, 'sipreg');
    const credentials: readonly Credential[] = [{ realm: null, username: name, secret: 'secret' }];
    const callId = `${randomHex(rng, 12)}@sipreg`;
    const registration = beginRegistration(plan, {
      regId: 1,
      instanceId: 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6',
      identity: { callId, fromTag: randomHex(rng, 8), cseq: 0, reservedThrough: 0 },
      credentials,
      credentialsWorked: false,
      publicAddress: null,
      boundContact: null,
    });
    const member: Member = {
      lifecycle: beginLifecycle(registration, 0, 'unregistered', 0),
      admittedAt: admissions.next(REALM, 0),
    };
    alarms.set(number, 0);
    return member;
  }

  const memberAt = (number: number): Member => {
    const member = members[number];
    if (member === undefined) throw new Error(`there is no account ${number}`);
    return member;
  };
  const step = (number: number, first: Input | Command, now: Millis, send: Send): void => {
    const member = memberAt(number);
    const env: Env = { now, rng, hash: nodeHash };
    const queue: (Input | Command)[] = [first];
    for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
      const { lifecycle, effects } = stepLifecycle(member.lifecycle, input, env);
      member.lifecycle = lifecycle;
      if (lifecycle.round !== null) member.admittedAt = undefined;
      for (const effect of effects) perform(number, member, effect, { queue, now, send });
    }
    alarms.set(number, lifecycleWakeAt(member.lifecycle));
  };
  const perform = (
    number: number,
    member: Member,
    effect: LifecycleEffect,
    { queue, now, send }: { readonly queue: (Input | Command)[]; readonly now: Millis; readonly send: Send },
  ): void => {
    const { state, registration } = member.lifecycle;
    if (effect.type === 'resolve') {
      queue.push({
        type: 'targetsResolved',
        targets: [TARGET],
        deferredUntil: null,
        stale: null,
        tlsWithdrawn: false,
      });
    } else if (effect.type === 'openFlow') {
      queue.push({ type: 'flowOpened', target: TARGET, flow: FLOW });
    } else if (effect.type === 'reserveCseq') {
      const { callId, cseq } = registration.identity;
      queue.push({ type: 'cseqReserved', callId, firstCseq: cseq + 1, lastCseq: cseq + CSEQ_BLOCK });
    } else if (effect.type === 'send') {
      send(number, effect.bytes, effect.repeated ? 'repeated' : reasonOf(member.lifecycle));
    } else if (effect.type === 'stateChanged') {
      if (state === 'waiting') waiting.add(number);
      else waiting.delete(number);
      registered += isBound(state) ? 1 : 0;
      registered -= isBound(effect.previous) ? 1 : 0;
    } else if (effect.type === 'finished') {
      if (effect.outcome.type === 'registered') wakeOthers(now, send);
    } else if (effect.type !== 'targetFailed' && effect.type !== 'flowPromised') {
      throw new Error(`unexpected here: ${effect.type}`);
    }
  };
  /** As account-news.ts: one who gets through wakes those who wait, and the admission paces them. */
  const wakeOthers = (now: Millis, send: Send): void => {
    if (waiting.size === 0) return;
    const woken = [...waiting];
    waiting.clear();
    for (const number of woken) step(number, { type: 'outageMayBeOver' }, now, send);
  };

  return {
    nextAt: alarms.nextAt,
    registered: () => registered,
    received(number: number, response: string, now: Millis, send: Send): void {
      const parsed = parseMessage(Buffer.from(response, 'latin1'));
      if (!parsed.ok || parsed.value.kind !== 'response') throw new Error('the registrar sent no response');
      step(
        number,
        { type: 'responseReceived', response: parsed.value, roundTripMs: ANSWERED_AFTER_MS },
        now,
        send,
      );
    },
    /** Everything that is due. */
    ring(now: Millis, send: Send): void {
      while (alarms.nextAt() <= now) {
        const number = alarms.pop();
        const member = memberAt(number);
        const admitted =
          member.lifecycle.round === null ? admissions.admit(member as ManagedRegistration, now) : now;
        if (admitted > now) alarms.set(number, admitted);
        else step(number, { type: 'timePassed' }, now, send);
      }
    },
  };
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

function reasonOf({ state, round }: Lifecycle): Reason {
  if ((round?.requests ?? 0) > 1) return 'challenged';
  return state === 'refreshing' ? 'refresh' : 'paced';
}

/** As far as the account knows, it can be called. */
function isBound(state: Lifecycle['state']): boolean {
  return state === 'registered' || state === 'refreshing';
}

// What must hold in every world, judged from outside of the machine: by what goes over the wire, by the clock, and by
// what people are told. Whether bindings live and accounts come back is judged in bindings-watch.ts.

import { computeHa1 } from '../../src/core/digest/response.ts';
import { describe } from '../../src/core/registration/describe.ts';
import type { Effect, Outcome } from '../../src/core/registration/effect.ts';
import type { Input } from '../../src/core/registration/input.ts';
import type { Command, Lifecycle } from '../../src/core/registration/lifecycle-state.ts';
import { headerValue } from '../../src/core/sip/headers.ts';
import type { SipResponse } from '../../src/core/sip/message.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import { nodeHash } from '../../src/runtime/hash.ts';
import { createClosedTargets } from './closed-targets.ts';
import { DOMAIN } from './registrar-model.ts';
import { createSecurePath } from './secure-path.ts';
import { idOf, type SimAccount } from './sim-account.ts';
import type { Trace } from './trace.ts';
import { Violation } from './violation.ts';

export type CheckerOptions = {
  readonly now: () => Millis;
  readonly trace: Trace;
  readonly pacePerSecond: number;
  readonly credentialAttempts: number;
  /** The password that the registrar takes. */
  readonly rightPassword: (account: string) => string;
};

type Transaction = { readonly branch: string; readonly flowId: number; readonly sentAt: Millis };

/** What is known of one account, over all processes. */
type Watched = {
  open: Transaction | null;
  /** By Call-ID. */
  readonly highest: Map<string, number>;
  callId: string | null;
  mayRenewCallId: boolean;
  readonly counts: Map<string, number>;
  steps: { at: Millis; count: number };
  sends: Millis[];
  requestsOfRound: number;
  /** 401s to one secret. */
  challengesOfRound: number;
  /** A request of the round got no answer: what it asked is asked again. */
  hadSilence: boolean;
  floor: Millis | null;
  /** When credentials that are wrong were sent, one entry a round. */
  tries: Millis[];
  readonly secrets: Set<string>;
  isStopping: boolean;
};

export type Checker = ReturnType<typeof createChecker>;

/** RFC 3261 §17.1.2.2: Timer F. */
const TIMER_F: Millis = 32_000;
const MAX_STEPS_AT_ONCE = 64;
const MAX_REQUESTS_OF_ROUND = 22;
/** New transactions of one account within a minute: even a registrar of the shortest grants causes fewer. */
const MAX_SENDS_A_MINUTE = 45;
const HOUR: Millis = 3_600_000;
/** The disk takes up to 40 ms for a write, and those of a crowd wait for each other. */
const WRITTEN_WITHIN_MS: Millis = 5_000;

export function createChecker(options: CheckerOptions) {
  const { now, trace } = options;
  const watched = new Map<string, Watched>();
  const decoder = new TextDecoder();
  const securePath = createSecurePath();
  const closedTargets = createClosedTargets(options);
  /** When rounds began, by the host that they go to. */
  let began = new Map<string, readonly Millis[]>();
  let stopBy: Millis | null = null;

  const of = (name: string): Watched => {
    const known = watched.get(name);
    if (known !== undefined) return known;
    const fresh: Watched = {
      open: null,
      highest: new Map(),
      callId: null,
      mayRenewCallId: false,
      counts: new Map(),
      steps: { at: -1, count: 0 },
      sends: [],
      requestsOfRound: 0,
      challengesOfRound: 0,
      hadSilence: false,
      floor: null,
      tries: [],
      secrets: new Set(),
      isStopping: false,
    };
    watched.set(name, fresh);
    return fresh;
  };
  const flowsOf = (account: string): readonly Watched[] => [1, 2].map((regId) => of(idOf(account, regId)));
  const endTransaction = (account: SimAccount): void => {
    of(account.id).open = null;
  };
  const checkText = (account: SimAccount, text: string): void => {
    for (const secret of of(account.id).secrets) {
      if (text.includes(secret)) throw new Violation('no secret is told', `${account.id}: ${text}`);
    }
  };
  const keepPace = (account: SimAccount): void => {
    const at = now();
    const burst = Math.max(1, Math.ceil(options.pacePerSecond / 5));
    const host = account.lifecycle.registration.plan.profile.proxies[0]?.host ?? DOMAIN;
    const there = [...(began.get(host) ?? []).filter((one) => one > at - 10_000), at];
    began.set(host, there);
    for (const windowMs of [1_000, 10_000]) {
      const count = there.filter((one) => one > at - windowMs).length;
      // Instants are whole milliseconds, so one more may fall into the window.
      const allowed = burst + Math.ceil((options.pacePerSecond * windowMs) / 1000) + 1;
      if (count <= allowed) continue;
      throw new Violation(
        'the pace is kept',
        `${count} rounds began within ${windowMs} ms (${account.id} last)`,
      );
    }
  };

  return {
    opening: (account: SimAccount, target: Target): void => {
      securePath.opening(account, target);
      closedTargets.opening(account, target);
    },
    notOpened: securePath.notOpened,
    /** Everybody who knows the password may not tell it, nor what can be made of it. */
    passwordIs: (account: string, password: string): void => {
      for (const { secrets } of flowsOf(account)) {
        secrets.add(password);
        for (const algorithm of ['MD5', 'SHA-256'] as const) {
          secrets.add(computeHa1({ algorithm, username: account, realm: DOMAIN, password }, nodeHash));
        }
      }
    },
    processStarted: (): void => {
      began = new Map();
    },
    processEnded: (): void => {
      stopBy = null;
      securePath.forget();
      closedTargets.forget();
      // What was rejected as the process was killed may not be on disk.
      const durable = now() - WRITTEN_WITHIN_MS;
      for (const entry of watched.values()) {
        const tries = entry.tries.filter((at) => at < durable);
        Object.assign(entry, { open: null, floor: null, tries, isStopping: false, requestsOfRound: 0 });
      }
    },
    passwordChanged: (account: string): void => {
      for (const flow of flowsOf(account)) flow.tries = [];
    },
    callIdRenewed: (account: SimAccount): void => {
      of(account.id).mayRenewCallId = true;
    },
    stopping: (deadlineAt: Millis): void => {
      stopBy = deadlineAt;
    },
    stepping: (account: SimAccount, input: Input | Command): void => {
      const entry = of(account.id);
      const at = now();
      entry.steps = entry.steps.at === at ? { at, count: entry.steps.count + 1 } : { at, count: 1 };
      if (entry.steps.count > MAX_STEPS_AT_ONCE) {
        throw new Violation(
          'no spin',
          `${account.id}: ${entry.steps.count} steps at one instant (${input.type})`,
        );
      }
      if (stopBy !== null && at > stopBy + 1_000) {
        throw new Violation('stop ends in time', `${account.id} still works after the deadline`);
      }
      if (input.type === 'stopRequested') entry.isStopping = true;
      if (input.type === 'roundRequested' || input.type === 'stopRequested') closedTargets.asked(account);
      if (input.type === 'roundRequested' || input.type === 'secretChanged') entry.floor = null;
    },
    stepped: (
      account: SimAccount,
      before: Lifecycle,
      input: Input | Command,
      wakeAt: Millis | undefined,
      monotonic: Millis,
    ): void => {
      const { lifecycle } = account;
      if (input.type === 'timePassed' && wakeAt !== undefined && wakeAt <= monotonic) {
        throw new Violation('no spin', `${account.id}: woken at ${monotonic}, and wants to be at ${wakeAt}`);
      }
      // A stop ends one round and begins another in the same step.
      if (lifecycle.round !== null && before.round?.goal !== lifecycle.round.goal) {
        of(account.id).requestsOfRound = 0;
        of(account.id).challengesOfRound = 0;
        of(account.id).hadSilence = false;
        // What somebody orders at once is not paced, nor what it ends with: a removal after a refresh that was cut short.
        const isPaced = input.type === 'timePassed' && lifecycle.round.goal === 'register';
        if (isPaced && before.state !== 'registered') keepPace(account);
      }
      // Another secret is another try.
      if (
        input.type === 'secretRead' &&
        lifecycle.registration.credentials !== before.registration.credentials
      ) {
        of(account.id).challengesOfRound = 1;
      }
      if (lifecycle.round === null) of(account.id).isStopping &&= lifecycle.stop !== null;
    },
    sent: (
      account: SimAccount,
      { bytes, branch, flowId, repeated }: Extract<Effect, { type: 'send' }>,
    ): void => {
      const entry = of(account.id);
      const at = now();
      if (repeated) {
        if (entry.open?.branch === branch) return;
        throw new Violation('one REGISTER in flight', `${account.id}: a copy of a request that is over`);
      }
      const { open } = entry;
      if (open !== null && at - open.sentAt < TIMER_F && !entry.isStopping) {
        throw new Violation(
          'one REGISTER in flight',
          `${account.id}: ${branch} while ${open.branch} is open`,
        );
      }
      entry.hadSilence ||= open !== null;
      entry.open = { branch, flowId, sentAt: at };
      const text = decoder.decode(bytes);
      const { cseq, callId, nonce, count, response, expires } = read(text);
      trace.note(`${account.id} sends ${cseq} on ${flowId} for ${expires}, nc ${count}`);
      if (text.includes(options.rightPassword(account.name))) {
        throw new Violation('no secret is told', `${account.id}: the password is on the wire`);
      }
      if (response !== null) entry.secrets.add(response);
      if (entry.secrets.size > 12) entry.secrets.delete([...entry.secrets][6] ?? '');
      checkNumbers(account.id, entry, cseq, callId);
      checkCount(account.id, entry, nonce, count);
      checkRates(account, entry, at);
      const { floor, requestsOfRound } = entry;
      if (requestsOfRound === 1 && floor !== null && !entry.isStopping) {
        if (at < floor) {
          throw new Violation('Retry-After is a floor', `${account.id}: ${floor - at} ms too early`);
        }
        entry.floor = null;
      }
    },
    answered: (account: SimAccount, branch: string, response: SipResponse): void => {
      const entry = of(account.id);
      trace.note(`${account.id} gets ${response.status}`);
      if (response.status < 200 || entry.open?.branch !== branch) return;
      endTransaction(account);
      closedTargets.answered(account, response);
      if (response.status === 401) entry.challengesOfRound += 1;
      if (response.status < 300) entry.floor = null;
      const seconds = Number(headerValue(response.headers, 'Retry-After') ?? 0);
      if (response.status >= 300 && seconds > 0) {
        entry.floor = now() + seconds * 1000;
      }
    },
    flowClosed: (account: SimAccount, flowId: number): void => {
      if (of(account.id).open?.flowId === flowId) endTransaction(account);
    },
    told: checkText,
    finished: (account: SimAccount, outcome: Outcome): void => {
      checkText(account, JSON.stringify(outcome));
      checkText(account, JSON.stringify(describe([account.lifecycle], String)));
      if (outcome.type === 'registered') securePath.registered(account);
      if (outcome.type !== 'failed' || outcome.failure.code !== 'auth.rejected') return;
      const { credentials } = account.lifecycle.registration;
      if (JSON.stringify(credentials).includes(options.rightPassword(account.name))) return;
      const entry = of(account.id);
      const at = now();
      entry.tries = [...entry.tries.filter((one) => one > at - HOUR), at];
      if (
        entry.tries.length > options.credentialAttempts ||
        (entry.challengesOfRound > 2 && !entry.hadSilence)
      ) {
        const text = `${account.id}: ${entry.tries.length} tries within an hour, ${entry.challengesOfRound} rejections in the last`;
        throw new Violation('wrong credentials are tried rarely', text);
      }
    },
  };

  function checkNumbers(name: string, entry: Watched, cseq: number, callId: string): void {
    if (cseq <= (entry.highest.get(callId) ?? 0)) {
      throw new Violation('CSeq rises', `${name}: ${cseq} after ${entry.highest.get(callId)}`);
    }
    entry.highest.set(callId, cseq);
    if (entry.callId !== null && entry.callId !== callId && !entry.mayRenewCallId) {
      throw new Violation('the Call-ID stays', `${name}: ${callId} after ${entry.callId}`);
    }
    entry.callId = callId;
    entry.mayRenewCallId = false;
  }

  /** RFC 7616 §3.4: the count of a nonce begins at 1 and rises by one. */
  function checkCount(name: string, entry: Watched, nonce: string | null, count: number | null): void {
    if (nonce === null || count === null) return;
    const last = entry.counts.get(nonce) ?? 0;
    if (count !== last + 1)
      throw new Violation('a nonce count is used once', `${name}: ${count} after ${last}`);
    entry.counts.set(nonce, count);
    if (entry.counts.size > 50) entry.counts.delete(entry.counts.keys().next().value ?? '');
  }

  function checkRates(account: SimAccount, entry: Watched, at: Millis): void {
    entry.requestsOfRound += 1;
    if (entry.requestsOfRound > MAX_REQUESTS_OF_ROUND) {
      throw new Violation('requests of a round are bounded', `${account.id}: ${entry.requestsOfRound}`);
    }
    entry.sends = [...entry.sends.filter((one) => one > at - 60_000), at];
    if (entry.sends.length > MAX_SENDS_A_MINUTE) {
      throw new Violation('no storm', `${account.id}: ${entry.sends.length} REGISTERs within a minute`);
    }
  }
}

function read(text: string) {
  const digest = /^(?:Proxy-)?Authorization: Digest (.*)$/m.exec(text)?.[1] ?? '';
  const count = /\bnc=([0-9a-f]{8})/.exec(digest)?.[1];
  return {
    cseq: Number(/^CSeq: (\d+)/m.exec(text)?.[1]),
    callId: /^Call-ID: (\S+)/m.exec(text)?.[1] ?? '',
    expires: /^Expires: (\d+)/m.exec(text)?.[1] ?? '-',
    nonce: /\bnonce="([^"]+)"/.exec(digest)?.[1] ?? null,
    response: /\bresponse="([^"]+)"/.exec(digest)?.[1] ?? null,
    count: count === undefined ? null : Number.parseInt(count, 16),
  };
}

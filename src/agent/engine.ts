// The driver of all registrations of a process: takes one input at a time, lets the account's machine decide, carries
// its effects out in order, and sets one alarm for all. Sockets, timers and maps are shared: an account costs its
// record and nothing else, so that fifty thousand fit into one process.

import type { Env } from '../core/env.ts';
import { type Failure, failureOf } from '../core/health/verdict.ts';
import { isMessage } from '../core/keepalive/crlf.ts';
import { afterCrash } from '../core/registration/circumstances.ts';
import type { Effect, Outcome } from '../core/registration/effect.ts';
import type { Input } from '../core/registration/input.ts';
import { lifecycleWakeAt, stepLifecycle } from '../core/registration/lifecycle.ts';
import type { Command, LifecycleEffect } from '../core/registration/lifecycle-state.ts';
import type { Result } from '../core/result.ts';
import type { Rng } from '../core/rng.ts';
import type { SipMessage, SipResponse } from '../core/sip/message.ts';
import type { SocketAddress, Target } from '../core/sip/transport.ts';
import { answeredVia } from '../core/sip/via.ts';
import { messageOf } from '../core/thrown.ts';
import type { Millis } from '../core/time.ts';
import { type Alarm, createAlarm } from '../runtime/alarm.ts';
import { exactNow, monotonicNow } from '../runtime/clock.ts';
import { createLocator, type Locator } from '../runtime/dns/locator.ts';
import { nodeHash } from '../runtime/hash.ts';
import type { Flow, FlowEvents } from '../runtime/transport/flow.ts';
import { createFlowRegistry, type FlowRegistry, type TlsSource } from '../runtime/transport/registry.ts';
import type { Attendant, FlowDesk } from './attendant.ts';
import { createDepartures } from './departures.ts';
import { HeldFlows } from './held-flows.ts';
import { noteFacts, reserveNumbers, settleNumbers } from './identity-keeping.ts';
import { doubtAbout } from './incoming/acceptance.ts';
import { readSecretsAgain, resolveHop } from './lookups.ts';
import { currentPlan, type ManagedRegistration } from './managed-registration.ts';
import { flowsLeftBehind } from './network-changes.ts';
import type { Observer } from './observer.ts';
import { unwatchedTls } from './tls-watch.ts';
import { type Transaction, Transactions } from './transactions.ts';

/** When an account that is due may really begin; no later than `now` for at once. */
export type Admission = (account: ManagedRegistration, now: Millis) => Millis;

export type EngineOptions = {
  /** Paces the rounds that begin by themselves; without it each begins when it is due. */
  readonly admission?: Admission;
  readonly tls?: TlsSource;
  /** Without it flows are neither kept open nor listened to: for commands that end by themselves. */
  readonly attend?: (desk: FlowDesk) => Attendant;
};

type Job = { readonly account: ManagedRegistration; readonly input: Input | Command };

export class Engine {
  readonly #rng: Rng;
  readonly #observer: Observer;
  readonly #registry: FlowRegistry;
  readonly #alarm: Alarm<ManagedRegistration>;
  readonly #locator: Locator;
  readonly #attendant: Attendant | null;
  readonly #held = new HeldFlows();
  readonly #departures = createDepartures<ManagedRegistration, Input>(monotonicNow, (account, input) =>
    this.request(account, input),
  );
  readonly #transactions = new Transactions();
  /** Whose REGISTER is just leaving. */
  #sending: ManagedRegistration | null = null;
  #queue: Job[] = [];
  #isDraining = false;

  constructor(rng: Rng, observer: Observer, options: EngineOptions = {}) {
    const { admission = (_, now) => now, tls = unwatchedTls(), attend } = options;
    this.#rng = rng;
    this.#observer = observer;
    this.#locator = createLocator({ rng, now: monotonicNow });
    this.#alarm = createAlarm<ManagedRegistration>(monotonicNow, (account) => {
      const now = monotonicNow();
      const at = account.lifecycle.round === null ? admission(account, now) : now;
      if (at > now) this.#alarm.set(account, at);
      else this.request(account, this.#transactions.timePassed(account));
    });
    this.#registry = createFlowRegistry({ tls, events: this.#flowEvents() });
    this.#attendant =
      attend?.({
        usersOf: (flow) => this.#held.usersOf(flow),
        giveUp: (flow, failure) => this.#giveUp(flow, failure),
        proven: (flow) => this.#tellUsers(flow, { type: 'flowProven', flowId: flow.id }),
      }) ?? null;
  }

  #flowEvents(): FlowEvents {
    const { dropped, message } = this.#observer;
    const events: FlowEvents = {
      message: (flow, received, source, bytes) => this.#received(flow, received, source, bytes),
      malformed: (flow, error, source) => this.#attendant?.malformed(flow, error, source),
      sign: (flow, sign, source) => {
        if (this.#attendant !== null) this.#attendant.sign(flow, sign, source);
        // Nobody has asked for any.
        else if (sign.type === 'stun') this.#transactions.noise(flow, 'STUN', source);
      },
      closed: (flow, failure) => this.#flowLost(flow, failure),
      dropped: (flow, text, source) => {
        if (source !== null) this.#transactions.noise(flow, text, source);
        dropped(flow, text);
      },
    };
    return message === null ? events : { ...events, sent: (flow, bytes) => this.#tellSent(flow, bytes) };
  }

  /** Hands an input or a command to the account's machine; it is worked off in order, never within another one. */
  request(account: ManagedRegistration, input: Input | Command): void {
    if (this.#isDraining) {
      this.#queue.push({ account, input });
      return;
    }
    this.#isDraining = true;
    this.#step(account, input);
    // An effect may have brought the next input: the queue grows while it is worked off.
    for (let next = 0; next < this.#queue.length; next++) {
      const job = this.#queue[next];
      if (job !== undefined) this.#step(job.account, job.input);
    }
    if (this.#queue.length > 0) this.#queue = [];
    this.#isDraining = false;
  }

  /** Takes the account in: it begins by itself when its machine says so. */
  add(account: ManagedRegistration): void {
    this.#alarm.set(account, lifecycleWakeAt(account.lifecycle));
  }

  /** Lets go of the account's flows and notes the CSeq that it ended with; nothing happens to it any more. */
  async conclude(account: ManagedRegistration): Promise<void> {
    account.isConcluded = true;
    this.#alarm.set(account, undefined);
    this.#transactions.end(account);
    for (const flow of account.held) this.#letGo(account, flow);
    await settleNumbers(account);
  }

  /** Closes every flow, gives up lookups and stops the alarm. */
  close(): void {
    this.#alarm.stop();
    this.#departures.stop();
    this.#attendant?.stop();
    this.#locator.stop();
    this.#registry.closeAll();
  }

  /** Names are looked up afresh, whatever the system's resolver said before. */
  lookUpAfresh(): void {
    this.#locator.networkChanged();
  }

  /** The account has other settings now: its flows are kept open, and answered for, on these. */
  reconfigured(account: ManagedRegistration): void {
    for (const flow of account.held) {
      this.#held.touch(flow);
      this.#attendant?.held(flow, account);
    }
  }

  /** The network of this host changed: names are looked up afresh, and the flows that it left behind are given up. */
  async networkChanged(gone: ReadonlySet<string>): Promise<void> {
    this.lookUpAfresh();
    for (const { flow, failure } of await flowsLeftBehind(this.#held.openFlows(), gone)) {
      this.#registry.discard(flow, failure);
      this.#flowLost(flow, failure);
    }
  }

  /** Every flow that is open and in use. */
  flows(): Iterable<Flow> {
    return this.#held.flows();
  }

  /** Accounts on a flow with former TLS material change over, `now` or at their next refresh; how many they are. */
  replaceFlows(isConcerned: (account: ManagedRegistration) => boolean, now: boolean): number {
    let replaced = 0;
    for (const flow of this.#held.flows()) {
      for (const account of this.#held.usersOf(flow)) {
        if (!isConcerned(account) || !this.#registry.isSuperseded(flow, account.setup.tls)) continue;
        this.#outdated(account, flow, now);
        replaced += 1;
      }
    }
    return replaced;
  }

  #tellUsers(flow: Flow, command: Command): void {
    for (const account of this.#held.usersOf(flow)) this.request(account, command);
  }

  #outdated(account: ManagedRegistration, { id: flowId }: Flow, now: boolean): void {
    this.request(account, { type: 'flowOutdated', flowId, now });
  }

  #step(account: ManagedRegistration, input: Input | Command): void {
    if (account.isConcluded) return;
    try {
      const { lifecycle, effects } = stepLifecycle(account.lifecycle, input, this.#env());
      account.lifecycle = lifecycle;
      // What was admitted is the next round, with the secret of that time; neither waits for the place any more.
      if (lifecycle.round !== null || input.type === 'secretChanged') account.admittedAt = undefined;
      for (const effect of effects) this.#perform(account, effect);
      this.#alarm.set(account, lifecycleWakeAt(account.lifecycle));
    } catch (error) {
      if (input.type === 'stopRequested') {
        // What was asked for holds, although the way there failed.
        const stop = { by: input.deadlineAt, into: input.into };
        account.lifecycle = { ...account.lifecycle, stop };
      }
      this.#crashed(account, error);
    }
  }

  /** Our own bug ends what the account was doing, loudly; no other account notices, and it begins again by itself. */
  #crashed(account: ManagedRegistration, error: unknown): void {
    const words = messageOf(error);
    const failure = failureOf('internal.bug', `sipreg itself failed: ${words}`);
    this.#transactions.end(account);
    account.lifecycle = afterCrash(account.lifecycle, failure, this.#env());
    for (const flow of account.held) this.#letGo(account, flow);
    this.#alarm.set(account, lifecycleWakeAt(account.lifecycle));
    this.#observer.crashed?.(account, error);
    this.#observer.finished(account, { type: 'failed', failure });
  }

  #env(): Env {
    return { now: monotonicNow(), rng: this.#rng, hash: nodeHash };
  }

  #perform(account: ManagedRegistration, effect: LifecycleEffect): void {
    switch (effect.type) {
      case 'resolve':
        this.#later(account, resolveHop(this.#locator, account, effect.hop));
        break;
      case 'targetFailed':
        this.#locator.noteFailed(effect.target, effect.retryAfterSeconds);
        break;
      case 'openFlow':
        this.#later(account, this.#openFlow(account, effect));
        break;
      case 'flowPromised': {
        const flow = this.#held.get(effect.flowId);
        if (flow !== undefined) this.#attendant?.promised(flow, account, effect.promise);
        break;
      }
      case 'closeFlow':
        this.#closeFlow(effect);
        break;
      case 'reserveCseq':
        this.#later(account, reserveNumbers(account, effect.renewCallId));
        break;
      case 'send':
        this.#send(account, effect);
        break;
      case 'readSecret':
        this.#later(account, readSecretsAgain(account));
        break;
      case 'warn':
        this.#observer.warned(account, effect.text);
        break;
      case 'stateChanged':
        this.#observer.stateChanged(account, effect.previous);
        break;
      case 'finished':
        this.#finished(account, effect.outcome);
        break;
    }
  }

  /** Hands in what `work` brings: what is known already comes next. */
  #later(account: ManagedRegistration, work: Input | Promise<Input>): void {
    if (work instanceof Promise) {
      work.then(
        (input) => this.#later(account, input),
        (error: unknown) => this.#crashed(account, error),
      );
      // Numbers for thousands become durable with one write: their REGISTERs leave as there is room.
    } else if (work.type === 'cseqReserved') this.#departures.depart(account, work);
    else this.request(account, work);
  }

  #openFlow(
    account: ManagedRegistration,
    { target, domain, connectTimeoutMs }: Extract<Effect, { type: 'openFlow' }>,
  ): Input | Promise<Input> {
    const { preferredPort, regId, setup } = account;
    const { local, outbound } = currentPlan(account).profile;
    const apart = outbound === 'on' ? regId : null;
    const request = { target, regId: apart, local, domain, connectTimeoutMs, preferredPort };
    const opened = this.#registry.acquire(request, setup.tls);
    return opened instanceof Promise
      ? opened.then((flow) => this.#flowOpened(account, target, flow))
      : this.#flowOpened(account, target, opened);
  }

  #flowOpened(account: ManagedRegistration, target: Target, opened: Result<Flow, Failure>): Input {
    if (!opened.ok) {
      this.#observer.flowFailed?.(account, target.transport);
      return { type: 'flowFailed', target, failure: opened.error };
    }
    const flow = opened.value;
    if (this.#held.hold(account, flow, target)) this.#attendant?.held(flow, account);
    else this.#registry.release(flow);
    // A REGISTER whose answer is lost may have bound this port: the next flow leaves from it, or else dead bindings pile up.
    account.preferredPort = flow.local.port;
    if (account.isConcluded) this.#letGo(account, flow);
    return { type: 'flowOpened', target: this.#held.commonTarget(flow, target), flow };
  }

  #letGo(account: ManagedRegistration, flow: Flow): void {
    this.#held.letGo(account, flow);
    this.#attendant?.released(flow, account);
    this.#registry.release(flow);
  }

  #closeFlow({ flowId, silentSince }: Extract<Effect, { type: 'closeFlow' }>): void {
    const flow = this.#held.get(flowId);
    if (flow === undefined) return;
    // An account whose REGISTERs alone get no answer shall not send all others away.
    const isShared = this.#held.onlyUserOf(flow) === null;
    if (isShared && (this.#held.hasHeard(flow, silentSince) || this.#attendant?.doubted(flow))) return;
    const cause = `the connection to ${flow.remote.address} was given up, because an answer did not come`;
    this.#giveUp(flow, failureOf('connect.closed', cause));
  }

  #giveUp(flow: Flow, failure: Failure): void {
    this.#registry.discard(flow, failure);
    this.#flowGone(flow, failure);
  }

  #flowLost(flow: Flow, failure: Failure): void {
    this.#observer.flowLost?.(flow, this.#held.usersOf(flow), failure);
    this.#flowGone(flow, failure);
  }

  #flowGone(flow: Flow, failure: Failure): void {
    this.#attendant?.closed(flow);
    for (const account of this.#held.gone(flow)) {
      this.#observer.flowFailed?.(account, flow.transport);
      this.request(account, { type: 'flowClosed', flowId: flow.id, failure });
    }
  }

  #send(account: ManagedRegistration, effect: Extract<Effect, { type: 'send' }>): void {
    const flow = this.#held.get(effect.flowId);
    if (flow === undefined) {
      const failure = failureOf('connect.closed', 'the connection closed before the request could be sent');
      this.request(account, { type: 'flowClosed', flowId: effect.flowId, failure });
      return;
    }
    if (!effect.repeated) this.#transactions.begin(account, flow, effect.branch);
    this.#sending = account;
    flow.send(effect.bytes, effect.repeated);
    this.#sending = null;
  }

  #finished(account: ManagedRegistration, outcome: Outcome): void {
    this.#transactions.end(account);
    this.#departures.settled(account);
    const { flow: currentFlow, target } = account.lifecycle.registration;
    if (target !== null && outcome.type !== 'failed') this.#locator.noteServed(target);
    for (const flow of account.held) {
      if (flow.id !== currentFlow?.id) this.#letGo(account, flow);
      // The TLS files may have changed while this flow was opened with the former ones.
      else if (this.#registry.isSuperseded(flow, account.setup.tls)) this.#outdated(account, flow, false);
    }
    if (account.setup.keepsAlive) noteFacts(account);
    this.#observer.finished(account, outcome);
  }

  #received(flow: Flow, message: SipMessage, source: SocketAddress, bytes: Uint8Array): void {
    this.#held.heard(flow, monotonicNow());
    const branch = message.kind === 'response' ? (answeredVia(message)?.branch ?? null) : null;
    const transaction = branch === null ? undefined : this.#transactions.of(branch);
    const account = transaction?.account;
    this.#observer.message?.('received', flow, account ?? this.#held.onlyUserOf(flow), message, bytes);
    this.#attendant?.heard(flow);
    if (message.kind === 'request') this.#attendant?.request(flow, message, source);
    else if (transaction !== undefined) this.#answered(transaction, flow, message, source);
    // RFC 3261 §18.1.2: a response that belongs to no transaction at all is a stray, and dropped.
    else if (branch !== null) this.#attendant?.response(branch, message.status);
  }

  #answered(
    { account, sentAt }: Transaction,
    flow: Flow,
    response: SipResponse,
    source: SocketAddress,
  ): void {
    const doubt = doubtAbout(account, flow, response.status, source);
    if (doubt !== null) this.#observer.warned(account, doubt);
    else this.request(account, { type: 'responseReceived', response, roundTripMs: exactNow() - sentAt });
  }

  #tellSent(flow: Flow, bytes: Uint8Array): void {
    if (!isMessage(bytes)) return;
    this.#observer.message?.('sent', flow, this.#sending ?? this.#held.onlyUserOf(flow), bytes, bytes);
  }
}

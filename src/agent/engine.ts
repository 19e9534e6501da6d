// The driver of all registrations of a process: takes one input at a time, lets the account's machine decide, carries
// its effects out in order, and sets one alarm for all. Sockets, timers and maps are shared: an account costs its
// record and nothing else, so that fifty thousand fit into one process.

import { redactMessageText } from '../core/digest/redaction.ts';
import type { Env } from '../core/env.ts';
import type { AccountState } from '../core/health/snapshot.ts';
import { type Failure, failureOf } from '../core/health/verdict.ts';
import { afterCrash } from '../core/registration/circumstances.ts';
import type { Effect, Outcome } from '../core/registration/effect.ts';
import type { Input } from '../core/registration/input.ts';
import { lifecycleWakeAt, stepLifecycle } from '../core/registration/lifecycle.ts';
import type { Command, LifecycleEffect } from '../core/registration/lifecycle-state.ts';
import type { Rng } from '../core/rng.ts';
import { formatMessage } from '../core/sip/format.ts';
import type { SipMessage } from '../core/sip/message.ts';
import { branchOf, topVia } from '../core/sip/via.ts';
import type { Millis } from '../core/time.ts';
import { type Alarm, createAlarm } from '../runtime/alarm.ts';
import { monotonicNow } from '../runtime/clock.ts';
import { createLocator, type Locator } from '../runtime/dns/locator.ts';
import { nodeHash } from '../runtime/hash.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import { createFlowRegistry, type FlowRegistry } from '../runtime/transport/registry.ts';
import { recordFacts, reserveNumbers } from './identity-keeping.ts';
import { readSecretsAgain, resolveHop } from './lookups.ts';
import type { ManagedRegistration } from './managed-registration.ts';
import { unwatchedTls } from './tls-watch.ts';

/** Who is told what happens. All texts are free of secrets. */
export type Observer = {
  readonly stateChanged: (account: ManagedRegistration, previous: AccountState) => void;
  readonly finished: (account: ManagedRegistration, outcome: Outcome) => void;
  /** A bug of ours ended what the account was doing; it begins again by itself, and `finished` follows. */
  readonly crashed?: (account: ManagedRegistration, error: unknown) => void;
  readonly warned: (account: ManagedRegistration, text: string) => void;
  /** A message went out or came in, its credentials redacted; null: nobody wants to see messages. */
  readonly message: ((direction: 'sent' | 'received', flow: Flow, text: string) => void) | null;
  /** Something came in that is not SIP; `text` describes it without its content. */
  readonly dropped: (flow: Flow, text: string) => void;
};

/** When an account that is due may really begin; no later than `now` for at once. */
export type Admission = (account: ManagedRegistration, now: Millis) => Millis;

type Job = { readonly account: ManagedRegistration; readonly input: Input | Command };

export class Engine {
  readonly #rng: Rng;
  readonly #observer: Observer;
  readonly #registry: FlowRegistry;
  readonly #alarm: Alarm<ManagedRegistration>;
  readonly #locator: Locator;
  readonly #flows = new Map<number, Flow>();
  readonly #accountsOfFlow = new Map<number, Set<ManagedRegistration>>();
  readonly #accountOfBranch = new Map<string, ManagedRegistration>();
  readonly #decoder = new TextDecoder();
  #queue: Job[] = [];
  #isDraining = false;

  /** `admission` paces the rounds that begin by themselves; without it each begins when it is due. */
  constructor(rng: Rng, observer: Observer, admission: Admission = (_, now) => now) {
    this.#rng = rng;
    this.#observer = observer;
    this.#locator = createLocator({ rng, now: monotonicNow });
    this.#alarm = createAlarm<ManagedRegistration>(monotonicNow, (account) => {
      const now = monotonicNow();
      const at = account.lifecycle.round === null ? admission(account, now) : now;
      if (at > now) this.#alarm.set(account, at);
      else this.request(account, { type: 'timePassed' });
    });
    this.#registry = createFlowRegistry({
      tls: unwatchedTls(),
      events: {
        message: (flow, message) => this.#received(flow, message),
        malformed: () => {},
        sign: () => {},
        closed: (flow, failure) => this.#flowGone(flow, failure),
        dropped: observer.dropped,
      },
    });
  }

  /** Hands an input or a command to the account's machine; it is worked off in order, never within another one. */
  request(account: ManagedRegistration, input: Input | Command): void {
    this.#queue.push({ account, input });
    if (this.#isDraining) return;
    this.#isDraining = true;
    // The queue grows while it is worked off: an effect may bring the next input.
    for (let next = 0; next < this.#queue.length; next++) {
      const job = this.#queue[next];
      if (job !== undefined) this.#step(job.account, job.input);
    }
    this.#queue = [];
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
    this.#forgetBranch(account);
    for (const flow of account.held) this.#letGo(account, flow);
    await recordFacts(account, true);
  }

  /** Closes every flow, gives up lookups and stops the alarm. */
  close(): void {
    this.#alarm.stop();
    this.#locator.stop();
    this.#registry.closeAll();
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
    const words = error instanceof Error ? error.message : String(error);
    const failure = failureOf('internal.bug', `sipreg itself failed: ${words}`);
    this.#forgetBranch(account);
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
        this.#later(account, resolveHop(this.#locator, effect.hop, account.setup.dnsServers));
        break;
      case 'targetFailed':
        this.#locator.noteFailed(effect.target);
        break;
      case 'openFlow':
        this.#later(account, this.#openFlow(account, effect));
        break;
      case 'flowPromised':
        break;
      case 'closeFlow':
        this.#giveUpFlow(effect.flowId);
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

  #later(account: ManagedRegistration, work: Promise<Input>): void {
    work.then(
      (input) => this.request(account, input),
      (error: unknown) => this.#crashed(account, error),
    );
  }

  async #openFlow(
    account: ManagedRegistration,
    { target, domain, connectTimeoutMs }: Extract<Effect, { type: 'openFlow' }>,
  ): Promise<Input> {
    const { plan, tls } = account.setup;
    const { preferredPort } = account;
    const request = { target, regId: null, local: plan.local, domain, connectTimeoutMs, preferredPort };
    const opened = await this.#registry.acquire(request, tls);
    if (!opened.ok) return { type: 'flowFailed', target, failure: opened.error };
    this.#hold(account, opened.value);
    // A REGISTER whose answer is lost may have bound this port: the next flow leaves from it, or else dead bindings pile up.
    account.preferredPort = opened.value.local.port;
    if (account.isConcluded) this.#letGo(account, opened.value);
    return { type: 'flowOpened', target, flow: opened.value };
  }

  #hold(account: ManagedRegistration, flow: Flow): void {
    this.#flows.set(flow.id, flow);
    account.held = [...account.held, flow];
    const sharers = this.#accountsOfFlow.get(flow.id);
    if (sharers === undefined) this.#accountsOfFlow.set(flow.id, new Set([account]));
    else sharers.add(account);
  }

  #letGo(account: ManagedRegistration, flow: Flow): void {
    account.held = account.held.filter((one) => one !== flow);
    const sharers = this.#accountsOfFlow.get(flow.id);
    sharers?.delete(account);
    if (sharers?.size === 0) {
      this.#accountsOfFlow.delete(flow.id);
      this.#flows.delete(flow.id);
    }
    this.#registry.release(flow);
  }

  #giveUpFlow(flowId: number): void {
    const flow = this.#flows.get(flowId);
    if (flow === undefined) return;
    const cause = `the connection to ${flow.remote.address} was given up, because an answer did not come`;
    const failure = failureOf('connect.closed', cause);
    this.#registry.discard(flow, failure);
    this.#flowGone(flow, failure);
  }

  #flowGone(flow: Flow, failure: Failure): void {
    const sharers = this.#accountsOfFlow.get(flow.id) ?? [];
    this.#flows.delete(flow.id);
    this.#accountsOfFlow.delete(flow.id);
    for (const account of sharers) {
      account.held = account.held.filter((one) => one !== flow);
      this.request(account, { type: 'flowClosed', flowId: flow.id, failure });
    }
  }

  #send(account: ManagedRegistration, effect: Extract<Effect, { type: 'send' }>): void {
    const flow = this.#flows.get(effect.flowId);
    if (flow === undefined) {
      const failure = failureOf('connect.closed', 'the connection closed before the request could be sent');
      this.request(account, { type: 'flowClosed', flowId: effect.flowId, failure });
      return;
    }
    if (!effect.repeated) {
      this.#forgetBranch(account);
      account.branch = effect.branch;
      this.#accountOfBranch.set(effect.branch, account);
    }
    this.#observer.message?.('sent', flow, redactMessageText(this.#decoder.decode(effect.bytes)));
    flow.send(effect.bytes, effect.repeated);
  }

  #forgetBranch(account: ManagedRegistration): void {
    if (account.branch !== null) this.#accountOfBranch.delete(account.branch);
    account.branch = null;
  }

  #finished(account: ManagedRegistration, outcome: Outcome): void {
    this.#forgetBranch(account);
    const current = account.lifecycle.registration.flow?.id;
    for (const flow of account.held) if (flow.id !== current) this.#letGo(account, flow);
    if (account.setup.keepsAlive) {
      recordFacts(account).catch((error: unknown) => this.#crashed(account, error));
    }
    this.#observer.finished(account, outcome);
  }

  #received(flow: Flow, message: SipMessage): void {
    if (this.#observer.message !== null) {
      const text = this.#decoder.decode(formatMessage(message));
      this.#observer.message('received', flow, redactMessageText(text));
    }
    const via = message.kind === 'response' ? topVia(message) : null;
    const branch = via === null ? null : branchOf(via);
    const account = branch === null ? undefined : this.#accountOfBranch.get(branch);
    // RFC 3261 §18.1.2: a response that belongs to no transaction is a stray, and dropped. Requests are not served.
    if (account === undefined || message.kind !== 'response') return;
    this.request(account, { type: 'responseReceived', response: message });
  }
}

// Keeps all open flows open (RFC 5626 §4.4): one machine for each flow however many accounts share it, and one alarm
// for all machines. It finds out that a flow is dead; what becomes of the accounts on it is not its business.

import type { Failure } from '../core/health/verdict.ts';
import {
  isTelling,
  type Keepalive,
  type KeepaliveEffect,
  type KeepaliveInput,
  keepaliveWakeAt,
  type OptionsRequest,
  startKeepalive,
  stepKeepalive,
} from '../core/keepalive/keepalive.ts';
import { type KeepalivePromise, type KeepaliveSettings, NO_PROMISE } from '../core/keepalive/terms.ts';
import type { Rng } from '../core/rng.ts';
import { sameSocketAddress } from '../core/sip/ip.ts';
import { isReliable, type SocketAddress } from '../core/sip/transport.ts';
import { bindingAnswer } from '../core/stun/binding.ts';
import { parseStun } from '../core/stun/message.ts';
import type { Millis } from '../core/time.ts';
import { type Alarm, createAlarm, type Sleeper } from '../runtime/alarm.ts';
import type { Flow, KeepAliveSign } from '../runtime/transport/flow.ts';
import { type KeepaliveNews, newsOfKeepalive, STUN_ON_STREAM } from './keepalive-news.ts';
import { type Holder, SharedTerms } from './shared-terms.ts';

export type FlowKeepingOptions = {
  readonly now: () => Millis;
  readonly rng: Rng;
  readonly send: (flow: Flow, bytes: Uint8Array, repeated: boolean) => void;
  readonly usersOf: (flow: Flow) => readonly Holder[];
  /** An OPTIONS that can be sent over the flow; null: there is none. */
  readonly options: (flow: Flow) => OptionsRequest | null;
  /** The flow is dead and no longer kept open: it has to be closed, and its accounts need another. */
  readonly lost: (flow: Flow, failure: Failure) => void;
  /** The first answer on this flow: it counts as successful now (RFC 5626 §4.5). */
  readonly proven: (flow: Flow) => void;
  /** Where the flow comes from, as its first STUN answer says. */
  readonly mapped: (flow: Flow, address: SocketAddress) => void;
  readonly told: (flow: Flow, news: KeepaliveNews) => void;
  readonly createAlarm?: typeof createAlarm;
};

/** A flow with its keep-alive. */
type Kept = Sleeper & {
  readonly flow: Flow;
  readonly terms: SharedTerms;
  machine: Keepalive;
  /** Of the OPTIONS that waits for its answer. */
  branch: string | null;
  /** Somebody was told that nothing answers. */
  hasWarned: boolean;
  /** Somebody was told that another method is used than was chosen. */
  hasToldMethod: boolean;
};

export class FlowKeeping {
  readonly #options: FlowKeepingOptions;
  readonly #alarm: Alarm<Kept>;
  readonly #kept = new Map<number, Kept>();
  readonly #keptOfBranch = new Map<string, Kept>();

  constructor(options: FlowKeepingOptions) {
    this.#options = options;
    const create = options.createAlarm ?? createAlarm;
    this.#alarm = create<Kept>(options.now, (kept) => this.#step(kept, { type: 'timePassed' }));
  }

  /** `holder` uses the flow under these settings; to be called again when they have changed. */
  hold(flow: Flow, holder: Holder, settings: KeepaliveSettings): void {
    const kept = this.#kept.get(flow.id) ?? this.#begin(flow, settings);
    if (settings.method === 'stun' && isReliable(flow.transport) && !kept.hasToldMethod) {
      kept.hasToldMethod = true;
      this.#options.told(flow, { severity: 'info', code: 'method', text: STUN_ON_STREAM });
    }
    kept.terms.set(holder, { settings, promise: kept.terms.of(holder)?.promise ?? NO_PROMISE });
    this.#followTerms(kept);
  }

  /** What the last 2xx to `holder` on this flow said. */
  promised(flow: Flow, holder: Holder, promise: KeepalivePromise): void {
    const kept = this.#kept.get(flow.id);
    const terms = kept?.terms.of(holder);
    if (kept === undefined || terms === undefined || terms.promise === promise) return;
    kept.terms.set(holder, { settings: terms.settings, promise });
    this.#followTerms(kept);
  }

  /** `holder` uses the flow no more; the last one ends its keep-alive. */
  release(flow: Flow, holder: Holder): void {
    const kept = this.#kept.get(flow.id);
    if (kept === undefined) return;
    kept.terms.remove(holder);
    if (kept.terms.isEmpty()) this.#drop(kept);
    else this.#followTerms(kept);
  }

  /** As FlowEvents.sign tells it. STUN requests of the peer are answered, whether or not the flow is held. */
  sign(flow: Flow, sign: KeepAliveSign, source: SocketAddress): void {
    const kept = this.#kept.get(flow.id);
    if (sign.type === 'pong') {
      if (kept !== undefined) this.#step(kept, sign);
      return;
    }
    // RFC 5389 §7.3.3: what anybody else sends says nothing of this flow, and is not answered either.
    const message = sameSocketAddress(source, flow.remote) ? parseStun(sign.bytes) : null;
    if (message?.type === 'request') flow.sendTo(bindingAnswer(message, source), source);
    else if (message !== null && kept !== undefined) this.#step(kept, { type: 'stunReceived', message });
  }

  /** A SIP message came over the flow. */
  heard(flow: Flow): void {
    const kept = this.#kept.get(flow.id);
    // Only one that waits for its answer has patience.
    if (kept !== undefined && kept.machine.outstanding !== null) this.#step(kept, MESSAGE_RECEIVED);
  }

  /** A request on the flow got no answer; true: its server answers keep-alives, so that the next, at once, will tell. */
  doubted(flow: Flow): boolean {
    const kept = this.#kept.get(flow.id);
    if (kept === undefined || !isTelling(kept.machine)) return false;
    this.#step(kept, DOUBTED);
    return true;
  }

  /** A response came; true: it answers a keep-alive, and is nobody else's. */
  response(branch: string, status: number): boolean {
    const kept = this.#keptOfBranch.get(branch);
    if (kept === undefined) return false;
    this.#step(kept, { type: 'responseReceived', branch, status });
    return true;
  }

  /** The flow is closed. */
  gone(flow: Flow): void {
    const kept = this.#kept.get(flow.id);
    if (kept !== undefined) this.#drop(kept);
  }

  /** The machine slept: every flow is tried at once. */
  clockJumped(): void {
    for (const kept of [...this.#kept.values()]) this.#step(kept, DOUBTED);
  }

  /** Ends all keep-alives in silence. */
  close(): void {
    this.#alarm.stop();
    this.#kept.clear();
    this.#keptOfBranch.clear();
  }

  #begin(flow: Flow, settings: KeepaliveSettings): Kept {
    const { now, rng } = this.#options;
    const machine = startKeepalive(flow, { settings, promise: NO_PROMISE }, { now: now(), rng });
    const kept: Kept = {
      flow,
      terms: new SharedTerms(),
      machine,
      branch: null,
      hasWarned: false,
      hasToldMethod: false,
      alarmAt: undefined,
    };
    this.#kept.set(flow.id, kept);
    return kept;
  }

  #step(kept: Kept, input: KeepaliveInput): void {
    const { now, rng } = this.#options;
    const { keepalive, effects } = stepKeepalive(kept.machine, input, { now: now(), rng });
    kept.machine = keepalive;
    this.#followBranch(kept);
    this.#alarm.set(kept, keepaliveWakeAt(keepalive));
    for (const effect of effects) this.#perform(kept, effect);
  }

  /** Thousands come and go on the same terms: those of the flow seldom change. */
  #followTerms(kept: Kept): void {
    const terms = kept.terms.strictest();
    if (terms !== kept.machine.terms) this.#step(kept, { type: 'termsChanged', terms });
  }

  #followBranch(kept: Kept): void {
    const { outstanding } = kept.machine;
    const branch = outstanding?.type === 'options' ? outstanding.branch : null;
    if (branch === kept.branch) return;
    if (kept.branch !== null) this.#keptOfBranch.delete(kept.branch);
    if (branch !== null) this.#keptOfBranch.set(branch, kept);
    kept.branch = branch;
  }

  #perform(kept: Kept, effect: KeepaliveEffect): void {
    const { flow } = kept;
    const { options, told, send, proven, mapped, lost } = this.#options;
    if (effect.type === 'makeOptions') {
      this.#step(kept, { type: 'optionsMade', request: options(flow) });
      return;
    }
    // Who chose the method by name should know that it does not work; of our own choice it says little.
    const isWarning = !kept.hasWarned && kept.machine.terms.settings.method !== 'auto';
    told(flow, newsOfKeepalive(effect, isWarning));
    if (effect.type === 'unanswered') kept.hasWarned = true;
    if (effect.type === 'send') send(flow, effect.bytes, effect.repeated);
    if (effect.type === 'answered' && effect.first) proven(flow);
    if (effect.type === 'mapped') mapped(flow, effect.address);
    if (effect.type === 'failed') {
      this.#drop(kept);
      lost(flow, effect.failure);
    }
  }

  #drop(kept: Kept): void {
    if (!kept.terms.isEmpty()) for (const user of this.#options.usersOf(kept.flow)) kept.terms.remove(user);
    this.#kept.delete(kept.flow.id);
    if (kept.branch !== null) this.#keptOfBranch.delete(kept.branch);
    this.#alarm.set(kept, undefined);
  }
}

const MESSAGE_RECEIVED: KeepaliveInput = { type: 'messageReceived' };
const DOUBTED: KeepaliveInput = { type: 'doubted' };

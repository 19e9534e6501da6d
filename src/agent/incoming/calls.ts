// INVITEs that came in, until their transactions are over: each gets one final answer, a 100 if it has to wait for
// that, and copies of the answer until the ACK (core/transaction/invite-server.ts). Calls are answered at a bounded
// rate, because each unacknowledged answer over UDP is sent eleven times. No more are taken than the limits say.

import { admit, type Bucket, type Pace } from '../../core/pacing/token-bucket.ts';
import { formatMessage } from '../../core/sip/format.ts';
import { headerValue } from '../../core/sip/headers.ts';
import type { SipRequest } from '../../core/sip/message.ts';
import { parseDeltaSeconds } from '../../core/sip/numbers.ts';
import { isReliable, type SocketAddress } from '../../core/sip/transport.ts';
import { earliest, type Millis } from '../../core/time.ts';
import {
  ackReceived,
  type InviteServer,
  inviteFinalGiven,
  inviteRepeated,
  inviteServerWakeAt,
  inviteTimePassed,
  startInviteServer,
} from '../../core/transaction/invite-server.ts';
import { TERMINATED } from '../../core/uas/answer.ts';
import { type Answer, responseOf, TRYING } from '../../core/uas/response.ts';
import type { Flow } from '../../runtime/transport/flow.ts';

export type IncomingCall = {
  /** Names its transaction. */
  readonly key: string;
  /** Names all requests that were made of one; null: it is in a dialog. */
  readonly mergeKey: string | null;
  readonly flow: Flow;
  readonly source: SocketAddress;
  /** Where its answers go. */
  readonly destination: SocketAddress;
  readonly request: SipRequest;
  readonly toTag: string;
  readonly answer: Answer;
  /** null: it is for nobody. */
  readonly account: string | null;
};

export type Call = {
  readonly kind: 'call';
  alarmAt: Millis | undefined;
  readonly incoming: IncomingCall;
  transaction: InviteServer;
  /** When its final answer is given. */
  readonly answerAt: Millis;
  /** From when on its caller does not want it any more (RFC 3261 §13.3.1, step 1). */
  readonly lapsesAt: Millis;
  /** The last one that was sent. */
  response: Uint8Array | null;
};

export type CallLimits = { readonly total: number; readonly perSource: number };

export const CALL_LIMITS: CallLimits = { total: 4_096, perSource: 2_048 };

export type CallsOptions = {
  readonly now: () => Millis;
  readonly setAlarm: (call: Call, at: Millis | undefined) => void;
  /** A final answer went out. */
  readonly answered: (call: Call, answer: Answer) => void;
  /** Timer H: the answer was never acknowledged. */
  readonly unacknowledged: (call: Call) => void;
  readonly limits?: CallLimits;
};

const PACE: Pace = { perSecond: 200, burst: 200 };

export class Calls {
  readonly #options: CallsOptions;
  readonly #limits: CallLimits;
  readonly #byKey = new Map<string, Call>();
  readonly #byMergeKey = new Map<string, Call>();
  readonly #perSource = new Map<string, number>();
  #bucket: Bucket | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#limits = options.limits ?? CALL_LIMITS;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Takes a new call and answers it, at once or in its turn; false: there is no room. */
  begin(incoming: IncomingCall): boolean {
    const { key, mergeKey, source, flow } = incoming;
    const { total, perSource } = this.#limits;
    if (this.#byKey.size >= total || (this.#perSource.get(source.address) ?? 0) >= perSource) return false;
    const now = this.#options.now();
    const { at: answerAt, bucket } = admit(this.#bucket, PACE, now);
    this.#bucket = bucket;
    const transaction = startInviteServer(isReliable(flow.transport), now);
    const call: Call = {
      kind: 'call',
      alarmAt: undefined,
      incoming,
      transaction,
      answerAt,
      lapsesAt: now + lifetimeOf(incoming.request),
      response: null,
    };
    this.#byKey.set(key, call);
    if (mergeKey !== null && !this.#byMergeKey.has(mergeKey)) this.#byMergeKey.set(mergeKey, call);
    this.#count(source.address, 1);
    if (now >= answerAt) this.#give(call, incoming.answer);
    this.#settle(call);
    return true;
  }

  find(key: string): Call | undefined {
    return this.#byKey.get(key);
  }

  /** A copy of its INVITE came. */
  repeated(call: Call): void {
    if (inviteRepeated(call.transaction) === 'repeat') repeatResponse(call);
  }

  /** An ACK came. */
  acknowledged(call: Call): void {
    call.transaction = ackReceived(call.transaction, this.#options.now()).transaction;
    this.#settle(call);
  }

  /** RFC 3261 §9.2: a CANCEL came; a call that has its final answer stays as it is. */
  cancelled(call: Call): void {
    this.#give(call, TERMINATED);
    this.#settle(call);
  }

  /** Whether the same request came another way and is not over yet. */
  isMerged(mergeKey: string, key: string): boolean {
    const first = this.#byMergeKey.get(mergeKey);
    return first !== undefined && first.incoming.key !== key;
  }

  /** Its alarm rang. */
  wake(call: Call): void {
    const now = this.#options.now();
    const isDue = call.transaction.name === 'proceeding' && now >= call.answerAt;
    if (isDue) this.#give(call, now < call.lapsesAt ? call.incoming.answer : TERMINATED);
    else this.#passTime(call);
    this.#settle(call);
  }

  #passTime(call: Call): void {
    const { transaction, event } = inviteTimePassed(call.transaction, this.#options.now());
    call.transaction = transaction;
    if (event === 'trying') send(call, TRYING);
    else if (event === 'repeat') repeatResponse(call);
    else if (event === 'unacknowledged') this.#options.unacknowledged(call);
  }

  #give(call: Call, answer: Answer): void {
    const { transaction, event } = inviteFinalGiven(call.transaction, answer.status, this.#options.now());
    call.transaction = transaction;
    if (event !== 'final') return;
    send(call, answer);
    this.#options.answered(call, answer);
  }

  #settle(call: Call): void {
    if (call.transaction.name === 'terminated') this.#forget(call);
    const answerAt = call.transaction.name === 'proceeding' ? call.answerAt : undefined;
    this.#options.setAlarm(call, earliest(inviteServerWakeAt(call.transaction), answerAt));
  }

  #forget(call: Call): void {
    const { key, mergeKey, source } = call.incoming;
    this.#byKey.delete(key);
    if (mergeKey !== null && this.#byMergeKey.get(mergeKey) === call) this.#byMergeKey.delete(mergeKey);
    this.#count(source.address, -1);
  }

  #count(address: string, change: number): void {
    const count = (this.#perSource.get(address) ?? 0) + change;
    if (count === 0) this.#perSource.delete(address);
    else this.#perSource.set(address, count);
  }
}

function lifetimeOf({ headers }: SipRequest): Millis {
  const seconds = parseDeltaSeconds(headerValue(headers, 'Expires') ?? '');
  return seconds === null ? Number.POSITIVE_INFINITY : seconds * 1000;
}

function send(call: Call, answer: Answer): void {
  const { request, source, toTag, flow, destination } = call.incoming;
  call.response = formatMessage(responseOf(request, source, answer, toTag));
  flow.sendTo(call.response, destination);
}

function repeatResponse({ response, incoming }: Call): void {
  if (response !== null) incoming.flow.sendTo(response, incoming.destination);
}

// Answers requests that come in over the flows of the accounts: finds the account that is meant, hears only whom it
// accepts, and gives what core/uas says, the same bytes to every copy. One alarm serves all transactions.

import { type Rng, randomHex } from '../../core/rng.ts';
import { formatMessage } from '../../core/sip/format.ts';
import type { MessageError } from '../../core/sip/head.ts';
import { checkRequest, type RequestFields } from '../../core/sip/mandatory.ts';
import type { SipRequest } from '../../core/sip/message.ts';
import { isReliable, type SocketAddress } from '../../core/sip/transport.ts';
import { paramValue } from '../../core/sip/uri.ts';
import { topVia } from '../../core/sip/via.ts';
import type { Millis } from '../../core/time.ts';
import { mergeKey, transactionKey } from '../../core/transaction/matching.ts';
import { type AddressBook, addressBook, addressee } from '../../core/uas/addressee.ts';
import { answerTo, answerToBroken, answerToCancel } from '../../core/uas/answer.ts';
import { replyAddress } from '../../core/uas/reply-path.ts';
import { type Answer, refusal, responseOf } from '../../core/uas/response.ts';
import { type Alarm, createAlarm, type Sleeper } from '../../runtime/alarm.ts';
import { nodeHash } from '../../runtime/hash.ts';
import type { Flow } from '../../runtime/transport/flow.ts';
import type { AgentEvent } from '../events.ts';
import { createSourceRates, standingOf } from './acceptance.ts';
import type { Answerable } from './answerable.ts';
import { type Call, Calls, type IncomingCall } from './calls.ts';
import { createRecentAnswers } from './recent-answers.ts';
import { createTelling, type DropReason, type Telling } from './telling.ts';

export type AnsweringOptions = {
  /** Monotonic. */
  readonly now: () => Millis;
  readonly rng: Rng;
  /** The accounts of a flow; the same array for as long as they are the same, for an index of it is kept. */
  readonly accountsOf: (flow: Flow) => readonly Answerable[];
  readonly emit: (event: AgentEvent) => void;
  readonly alarm?: typeof createAlarm;
};

export type AnsweringCounts = {
  /** Requests that were answered, copies not counted. */
  readonly answered: number;
  readonly dropped: number;
  /** Transactions that are remembered now. */
  readonly transactions: number;
};

/** A request with what was found out about it. */
type Received = {
  readonly flow: Flow;
  readonly request: SipRequest;
  readonly source: SocketAddress;
  readonly account: Answerable | null;
};

type Chore = Sleeper & { readonly kind: 'age' | 'report' };

const TAG_CHARACTERS = 16;

export class Answering {
  readonly #options: AnsweringOptions;
  readonly #secret: string;
  readonly #books = new WeakMap<readonly Answerable[], AddressBook<Answerable>>();
  readonly #rates = createSourceRates();
  readonly #answers = createRecentAnswers();
  readonly #telling: Telling;
  readonly #calls: Calls;
  readonly #alarm: Alarm<Call | Chore>;
  readonly #ageing: Chore = { kind: 'age', alarmAt: undefined };
  readonly #reporting: Chore = { kind: 'report', alarmAt: undefined };
  #answered = 0;
  #dropped = 0;

  constructor(options: AnsweringOptions) {
    const { now, rng, emit, alarm: makeAlarm = createAlarm } = options;
    this.#options = options;
    this.#secret = randomHex(rng, 16);
    this.#telling = createTelling(now, emit);
    this.#alarm = makeAlarm<Call | Chore>(now, (sleeper) => this.#wake(sleeper));
    this.#calls = new Calls({
      now,
      setAlarm: this.#alarm.set,
      answered: ({ incoming }, answer) => this.#tellAnswered(incoming, incoming.account, answer),
      unacknowledged: ({ incoming }) => emit(unacknowledgedEvent(incoming)),
    });
  }

  /** A request came in. */
  request(flow: Flow, request: SipRequest, source: SocketAddress): void {
    const book = this.#bookOf(flow);
    const fields = checkRequest(request);
    const account = fields.ok ? addressee(book, request.uri, fields.value.to) : null;
    if (!this.#isHeard(account === null ? book.all : [account], flow, source)) return;
    const received = { flow, request, source, account };
    if (!fields.ok) this.#refuse(received, answerToBroken(request, fields.error));
    else if (request.method === 'ACK') this.#acknowledge(received, fields.value);
    else this.#serve(received, fields.value);
  }

  /** Something that is not a whole message came in; a request of which the head is left gets a 400. */
  malformed(flow: Flow, { head }: MessageError, source: SocketAddress): void {
    if (head?.kind !== 'request' || !this.#isHeard(this.#bookOf(flow).all, flow, source)) return;
    const isAnswerable = head.method !== 'ACK' && topVia(head) !== null;
    const decided = isAnswerable ? refusal(400, 'Message Malformed') : null;
    this.#refuse({ flow, request: head, source, account: null }, decided);
  }

  counts(): AnsweringCounts {
    const transactions = this.#calls.size + this.#answers.size();
    return { answered: this.#answered, dropped: this.#dropped, transactions };
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#alarm.stop();
  }

  /** Answers a request that is well-formed and comes from somebody who is heard. */
  #serve(received: Received, fields: RequestFields): void {
    const { flow, request, source } = received;
    const key = keyOf(received, fields);
    const call = this.#calls.find(key);
    const response = this.#answers.find(key, this.#options.now());
    if (call !== undefined) this.#calls.repeated(call);
    else if (response !== null) flow.sendTo(response, replyAddress(fields.via, source));
    else if (request.method === 'CANCEL') this.#cancel(received, fields, key);
    else if (request.method === 'INVITE') this.#beginCall(received, fields, key);
    else this.#answer(received, fields, this.#decide(received, fields, key), key);
  }

  #decide({ request, account }: Received, fields: RequestFields, key: string): Answer {
    const merging = mergingKey(fields, account);
    const isMerged =
      merging !== null &&
      (this.#calls.isMerged(merging, key) || this.#answers.isMerged(merging, key, this.#options.now()));
    return answerTo(request, fields, { answers: account?.incoming.answers ?? null, isMerged });
  }

  /** Sends the answer and remembers it for copies of the request. */
  #answer(received: Received, fields: RequestFields, decided: Answer, key: string): void {
    const { flow, request, source, account } = received;
    const response = formatMessage(responseOf(request, source, decided, this.#toTag(fields, account)));
    flow.sendTo(response, replyAddress(fields.via, source));
    const answered = {
      key,
      mergeKey: mergingKey(fields, account),
      sourceAddress: source.address,
      reliable: isReliable(flow.transport),
      response,
    };
    this.#answers.keep(answered, this.#options.now());
    this.#setChores();
    this.#tellAnswered(received, account?.name ?? null, decided);
  }

  #beginCall(received: Received, fields: RequestFields, key: string): void {
    const { flow, request, source, account } = received;
    const isTaken = this.#calls.begin({
      key,
      mergeKey: mergingKey(fields, account),
      flow,
      source,
      destination: replyAddress(fields.via, source),
      request,
      toTag: this.#toTag(fields, account),
      answer: this.#decide(received, fields, key),
      account: account?.name ?? null,
    });
    if (!isTaken) this.#drop('room', source);
  }

  #cancel(received: Received, fields: RequestFields, key: string): void {
    const call = this.#calls.find(keyOf(received, fields, 'INVITE'));
    this.#answer(received, fields, answerToCancel(call !== undefined), key);
    if (call !== undefined) this.#calls.cancelled(call);
  }

  #acknowledge(received: Received, fields: RequestFields): void {
    const call = this.#calls.find(keyOf(received, fields, 'INVITE'));
    if (call !== undefined) this.#calls.acknowledged(call);
  }

  /** Answers what cannot be understood, without remembering it; null: nothing says where the answer belongs. */
  #refuse(received: Received, decided: Answer | null): void {
    const { flow, request, source } = received;
    if (decided === null) {
      this.#drop('broken', source);
      return;
    }
    const via = topVia(request);
    const response = formatMessage(responseOf(request, source, decided, this.#tag([request.headers])));
    flow.sendTo(response, via === null ? source : replyAddress(via, source));
    this.#tellAnswered(received, null, decided);
  }

  #toTag({ from, callId, cseq }: RequestFields, account: Answerable | null): string {
    return this.#tag([account?.name ?? null, callId, paramValue(from.params, 'tag'), cseq.number]);
  }

  /** RFC 3261 §19.3. Derived, so that also an answer that was forgotten meanwhile is given again as it was, and so
   * that a CANCEL is answered with the tag of its INVITE (§9.2). */
  #tag(parts: readonly unknown[]): string {
    return nodeHash('SHA-256', JSON.stringify([this.#secret, parts])).slice(0, TAG_CHARACTERS);
  }

  /** Whether requests of `source` are answered; when not, this one is counted. */
  #isHeard(acceptors: readonly Answerable[], flow: Flow, source: SocketAddress): boolean {
    const standing = standingOf(acceptors, flow, source);
    if (standing === 'refused') this.#drop('source', source);
    else if (this.#rates.allow(source.address, standing, this.#options.now())) return true;
    else this.#drop('rate', source);
    return false;
  }

  #drop(reason: DropReason, source: SocketAddress): void {
    this.#dropped += 1;
    this.#telling.dropped(reason, source);
    this.#setChores();
  }

  #tellAnswered(received: Omit<Received, 'account'>, account: string | null, answer: Answer): void {
    this.#answered += 1;
    const { flow, request, source } = received;
    this.#telling.answered({ account, flow, request, source, answer });
  }

  #bookOf(flow: Flow): AddressBook<Answerable> {
    const accounts = this.#options.accountsOf(flow);
    const known = this.#books.get(accounts);
    if (known !== undefined) return known;
    const book = addressBook(accounts);
    this.#books.set(accounts, book);
    return book;
  }

  #wake(sleeper: Call | Chore): void {
    if (sleeper.kind === 'call') this.#calls.wake(sleeper);
    else if (sleeper.kind === 'age') this.#answers.age(this.#options.now());
    else this.#telling.report();
    this.#setChores();
  }

  #setChores(): void {
    this.#alarm.set(this.#ageing, this.#answers.agesAt());
    this.#alarm.set(this.#reporting, this.#telling.reportAt());
  }
}

/** With the flow: two flows are two user agents, and what one was sent says nothing of the other. */
function keyOf({ flow, request }: Received, fields: RequestFields, method = request.method): string {
  return `${flow.id} ${transactionKey(request, fields, method)}`;
}

/** With the account: each is a user agent of its own, so that a call to two of them is not merged. */
function mergingKey(fields: RequestFields, account: Answerable | null): string | null {
  const key = mergeKey(fields);
  return key === null ? null : `${account?.name ?? ''} ${key}`;
}

function unacknowledgedEvent({ account, source }: IncomingCall): AgentEvent {
  return {
    time: new Date().toISOString(),
    severity: 'debug',
    type: 'agent',
    code: 'request.unacknowledged',
    text: `${account ?? 'sipreg'}: nobody at ${source.address} has acknowledged the answer to a call`,
  };
}

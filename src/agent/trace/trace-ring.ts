// The last SIP messages of the agent (`sipreg trace`), in memory and bounded: for each account its own share, so that a
// flood of one does not push out the others, and a limit over all, at which those who are well give way first. A message is
// kept as the bytes that went or came; what it says is made and redacted only when somebody reads it, and never leaves here
// unredacted. Every message of every account passes here, so noting one makes no object and looks nothing up: its bytes are in one
// buffer for all, and its facts in columns of numbers.

import { sameSocketAddress } from '../../core/sip/ip.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import type { SocketAddress, Transport } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import { redactedText } from '../redacted-text.ts';
import { blocksFor, createMessageBytes, type MessageBytes } from './message-bytes.ts';
import { emptyShare, NONE, type Share, ShareQueue, type Traced } from './share-queue.ts';

/** Where a message goes to and comes from. */
type Path = { readonly transport: Transport; readonly local: SocketAddress; readonly remote: SocketAddress };

/** A message as it may be shown. */
export type TraceMessage = {
  /** RFC 3339 UTC. */
  readonly time: string;
  readonly type: 'message';
  readonly account: string | null;
  readonly direction: 'sent' | 'received';
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly text: string;
};

export type TraceRing = {
  /**
   * Notes a message as it went or came: nothing is formatted or redacted for that. `time`: wall clock, milliseconds since 1970;
   * `account` null: it is no account's, or nobody knows whose.
   */
  readonly note: (
    time: Millis,
    direction: 'sent' | 'received',
    path: Path,
    account: Traced | null,
    bytes: Uint8Array,
  ) => void;
  /** The last `last` messages of the named accounts (none named: of all), oldest first; redacted one by one. */
  readonly read: (accounts: readonly string[], last: number) => Iterable<TraceMessage>;
  /** Calls `listener` for every message from now on, until the returned function is called. */
  readonly follow: (listener: (message: TraceMessage) => void) => () => void;
};

/** Over all accounts; and what one of many may have at least. One alone may have all. */
export type TraceLimits = {
  readonly messages: number;
  readonly bytes: number;
  readonly messagesEach: number;
  readonly bytesEach: number;
};

/** With what is known of each message about 3 MiB: the last exchange (1.2 KiB) of each of two thousand accounts. */
const MOST_BYTES = 2.5 * 2 ** 20;

/** For an agent of `accounts` accounts. */
export function traceLimits(accounts: number): TraceLimits {
  return {
    messages: Math.max(500, 8 * accounts),
    bytes: MOST_BYTES,
    messagesEach: 8,
    bytesEach: 8_192,
  };
}

/** A message as it was noted. */
type Note = {
  readonly time: Millis;
  readonly direction: 'sent' | 'received';
  readonly path: Path;
  readonly account: string | null;
  readonly bytes: Uint8Array;
};

/** A message that was noted, with its place among all. */
type Kept = { readonly order: number; readonly message: number; readonly account: string | null };

export function createTraceRing(limits: TraceLimits): TraceRing {
  return new Ring(limits);
}

class Ring implements TraceRing {
  readonly #limits: TraceLimits;
  readonly #contents: MessageBytes;
  readonly #nobody: Traced = { name: null, share: null };
  /** Those whose last request was answered with success; they give way first. */
  readonly #well = new ShareQueue();
  /** Those who wait for it: their messages may be asked for. */
  readonly #pending = new ShareQueue();
  /** Those who have messages. */
  #sharing = 0;
  /** Of those who have none any more, for the next who have one. */
  readonly #spare: Share[] = [];
  readonly #listeners = new Set<(message: TraceMessage) => void>();
  // What is known of a message stands under its number.
  readonly #order: Float64Array;
  readonly #time: Float64Array;
  readonly #isSent: Uint8Array;
  readonly #nextOfShare: Int32Array;
  readonly #path: (Path | null)[];
  #latestPath: Path | null = null;
  #noted = 0;
  #count = 0;

  constructor(limits: TraceLimits) {
    this.#limits = limits;
    this.#contents = createMessageBytes(limits.bytes);
    const { blocks } = this.#contents;
    this.#order = new Float64Array(blocks);
    this.#time = new Float64Array(blocks);
    this.#isSent = new Uint8Array(blocks);
    this.#nextOfShare = new Int32Array(blocks);
    this.#path = new Array<Path | null>(blocks).fill(null);
  }

  note(
    time: Millis,
    direction: 'sent' | 'received',
    path: Path,
    account: Traced | null,
    bytes: Uint8Array,
  ): void {
    const share = this.#shareOf(account ?? this.#nobody);
    const { queue } = share;
    this.#makeRoom(share, blocksFor(bytes.length));
    const message = this.#contents.keep(bytes);
    this.#path[message] = this.#sharedPath(share, path);
    this.#order[message] = this.#noted++;
    this.#time[message] = time;
    this.#isSent[message] = direction === 'sent' ? 1 : 0;
    this.#append(share, message);
    (this.#queueAfter(message, direction) ?? queue ?? this.#well).take(share);
    if (this.#listeners.size > 0) this.#tell({ time, direction, path, account: share.account.name, bytes });
  }

  #tell(note: Note): void {
    const message = messageOf(note);
    for (const listener of this.#listeners) listener(message);
  }

  #shareOf(account: Traced): Share {
    account.share ??= this.#freshShare(account);
    return account.share;
  }

  #freshShare(account: Traced): Share {
    const spare = this.#spare.pop();
    if (spare === undefined) return emptyShare(account);
    spare.account = account;
    return spare;
  }

  /** What came last stays, however long it is: SIP messages are at most 64 KiB. */
  #makeRoom(share: Share, needed: number): void {
    const { messages, messagesEach, bytesEach } = this.#limits;
    const { blocks } = this.#contents;
    const shares = this.#sharing + (share.count === 0 ? 1 : 0);
    const fairCount = Math.max(messagesEach, Math.floor(messages / shares));
    const fairBlocks = Math.max(blocksFor(bytesEach), Math.floor(blocks / shares));
    while (share.count > 0 && (share.count >= fairCount || share.blocks + needed > fairBlocks)) {
      this.#dropOldest(share);
    }
    while (this.#count >= messages || this.#contents.free() < needed) {
      const yielding = this.#yielding();
      if (yielding === null) return;
      this.#dropOldest(yielding);
      if (yielding.count === 0 && yielding !== share) this.#giveBack(yielding);
    }
  }

  /** Who was heard longest ago, of those who are well; an outage of many may take half of the room from them. */
  #yielding(): Share | null {
    const isMore = this.#pending.blocks * 2 > this.#contents.blocks;
    return (isMore ? null : this.#well.first) ?? this.#pending.first ?? this.#well.first;
  }

  /** Only our own requests tell how an account is: anybody may send it one, and its answers to them mean little. */
  #queueAfter(message: number, direction: 'sent' | 'received'): ShareQueue | null {
    const contents = this.#contents;
    if (direction === 'sent' && !contents.startsWith(message, RESPONSE)) return this.#pending;
    if (direction === 'received' && contents.startsWith(message, SUCCESS)) return this.#well;
    return null;
  }

  /** `path` as it is known already, when it is: the same for many. */
  #sharedPath({ newest }: Share, path: Path): Path {
    const before = (newest === NONE ? null : this.#path[newest]) ?? this.#latestPath;
    if (before === null || !isSamePath(before, path)) {
      const { transport, local, remote } = path;
      this.#latestPath = { transport, local, remote };
    } else this.#latestPath = before;
    return this.#latestPath;
  }

  #append(share: Share, message: number): void {
    this.#nextOfShare[message] = NONE;
    const blocks = this.#contents.blocksOf(message);
    if (share.newest === NONE) {
      share.oldest = message;
      this.#sharing += 1;
    } else this.#nextOfShare[share.newest] = message;
    share.newest = message;
    share.count += 1;
    share.blocks += blocks;
    if (share.queue !== null) share.queue.blocks += blocks;
    this.#count += 1;
  }

  #dropOldest(share: Share): void {
    const message = share.oldest;
    const blocks = this.#contents.blocksOf(message);
    if (share.queue !== null) share.queue.blocks -= blocks;
    share.blocks -= blocks;
    share.count -= 1;
    share.oldest = this.#nextOfShare[message] ?? NONE;
    if (share.oldest === NONE) {
      share.newest = NONE;
      share.queue?.leave(share);
      this.#sharing -= 1;
    }
    this.#count -= 1;
    this.#path[message] = null;
    this.#contents.drop(message);
  }

  #giveBack(share: Share): void {
    share.account.share = null;
    this.#spare.push(share);
  }

  *read(accounts: readonly string[], last: number): Generator<TraceMessage> {
    const wanted = new Set<string | null>(accounts);
    const found: Kept[] = [];
    for (const share of this.#shares()) {
      if (wanted.size === 0 || wanted.has(share.account.name)) found.push(...this.#messagesOf(share));
    }
    found.sort((one, other) => one.order - other.order);
    const notes = found.slice(Math.max(0, found.length - last)).map((kept) => this.#noteOf(kept));
    for (const note of notes) yield messageOf(note);
  }

  *#shares(): Iterable<Share> {
    yield* this.#well.shares();
    yield* this.#pending.shares();
  }

  *#messagesOf({ oldest, account: { name } }: Share): Generator<Kept> {
    for (let message = oldest; message !== NONE; message = this.#nextOfShare[message] ?? NONE) {
      yield { order: this.#order[message] ?? 0, message, account: name };
    }
  }

  #noteOf({ message, account }: Kept): Note {
    const path = this.#path[message];
    if (path === undefined || path === null) throw new Error('a message of the trace has its path');
    return {
      time: this.#time[message] ?? 0,
      direction: this.#isSent[message] === 1 ? 'sent' : 'received',
      path,
      account,
      bytes: this.#contents.read(message),
    };
  }

  follow(listener: (message: TraceMessage) => void): () => void {
    // The same function may be given twice: each has its own entry.
    const own = (message: TraceMessage): void => listener(message);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}

function isSamePath(one: Path, other: Path): boolean {
  return (
    one.transport === other.transport &&
    sameSocketAddress(one.local, other.local) &&
    sameSocketAddress(one.remote, other.remote)
  );
}

const RESPONSE = Buffer.from('SIP/2.0 ');
const SUCCESS = Buffer.from('SIP/2.0 2');

function messageOf({ time, account, direction, path, bytes }: Note): TraceMessage {
  const { transport, local, remote } = path;
  // What came is shown as it was understood: unfolded, and under the names that its fields have.
  const parsed = direction === 'received' ? parseMessage(bytes) : null;
  return {
    time: new Date(time).toISOString(),
    type: 'message',
    account,
    direction,
    transport,
    local,
    remote,
    text: redactedText(parsed?.ok ? parsed.value : bytes),
  };
}

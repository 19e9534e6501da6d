// The last SIP messages of the agent (`sipreg trace`), in memory and bounded: for each account its own share, so that a
// flood of one does not push out the others, and a limit over all. A message is kept as the bytes that went or came; what
// it says is made and redacted only when somebody reads it, and never leaves here unredacted. Every message of every account
// passes here, so noting one makes no object: its bytes are in one buffer for all, and its facts in columns of numbers.

import { sameSocketAddress } from '../../core/sip/ip.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import type { SocketAddress, Transport } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import { redactedText } from '../redacted-text.ts';
import { blocksFor, createMessageBytes, type MessageBytes } from './message-bytes.ts';

/** What the engine notes: nothing is formatted or redacted for it. */
export type TraceNote = {
  /** Wall clock, milliseconds since 1970. */
  readonly time: Millis;
  readonly direction: 'sent' | 'received';
  /** null: it is no account's, or nobody knows whose. */
  readonly account: string | null;
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
};

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
  readonly note: (note: TraceNote) => void;
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

const MIB = 2 ** 20;

/** For an agent of `accounts` accounts: 2 to 6 MiB, the last exchange (1.2 KiB) of each of five thousand, and several where there
 * is room. Of fifty thousand there is the last exchange of those who were heard last. */
export function traceLimits(accounts: number): TraceLimits {
  return {
    messages: Math.max(500, 8 * accounts),
    bytes: Math.min(6 * MIB, Math.max(2 * MIB, 4_096 * accounts)),
    messagesEach: 8,
    bytesEach: 8_192,
  };
}

/** Where messages go to and come from: the same for many. */
type Path = Pick<TraceNote, 'transport' | 'local' | 'remote'>;

/** The messages of one account, by their numbers; NONE without any. */
type Share = {
  readonly account: string | null;
  oldest: number;
  newest: number;
  count: number;
  blocks: number;
};

const NONE = -1;

export function createTraceRing(limits: TraceLimits): TraceRing {
  return new Ring(limits);
}

class Ring implements TraceRing {
  readonly #limits: TraceLimits;
  readonly #contents: MessageBytes;
  readonly #shares = new Map<string | null, Share>();
  readonly #listeners = new Set<(message: TraceMessage) => void>();
  // What is known of a message stands under its number. It has a place in two queues: of all messages, and of its account's.
  // The oldest of all is also the oldest of its account.
  readonly #time: Float64Array;
  readonly #isSent: Uint8Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  readonly #nextOfShare: Int32Array;
  readonly #share: Share[] = [];
  readonly #path: Path[] = [];
  #oldest = NONE;
  #newest = NONE;
  #count = 0;

  constructor(limits: TraceLimits) {
    this.#limits = limits;
    this.#contents = createMessageBytes(limits.bytes);
    const { blocks } = this.#contents;
    this.#time = new Float64Array(blocks);
    this.#isSent = new Uint8Array(blocks);
    this.#older = new Int32Array(blocks);
    this.#newer = new Int32Array(blocks);
    this.#nextOfShare = new Int32Array(blocks);
  }

  note(note: TraceNote): void {
    const { account, bytes } = note;
    const share = this.#shares.get(account) ?? { account, oldest: NONE, newest: NONE, count: 0, blocks: 0 };
    this.#makeRoom(share, blocksFor(bytes.length));
    this.#append(share, note);
    if (this.#listeners.size === 0) return;
    const message = messageOf(note);
    for (const listener of this.#listeners) listener(message);
  }

  /** What came last stays, however long it is: SIP messages are at most 64 KiB. */
  #makeRoom(share: Share, needed: number): void {
    const { messages, messagesEach, bytesEach } = this.#limits;
    const { blocks } = this.#contents;
    const shares = this.#shares.size + (share.count === 0 ? 1 : 0);
    const fairCount = Math.max(messagesEach, Math.floor(messages / shares));
    const fairBlocks = Math.max(blocksFor(bytesEach), Math.floor(blocks / shares));
    while (share.count > 0 && (share.count >= fairCount || share.blocks + needed > fairBlocks)) {
      this.#drop(share.oldest);
    }
    while (this.#count > 0 && (this.#count >= messages || this.#contents.free() < needed)) {
      this.#drop(this.#oldest);
    }
  }

  #append(share: Share, { time, direction, transport, local, remote, bytes }: TraceNote): void {
    const before = this.#path[share.newest] ?? this.#path[this.#newest];
    const message = this.#contents.keep(bytes);
    this.#time[message] = time;
    this.#isSent[message] = direction === 'sent' ? 1 : 0;
    this.#path[message] =
      before !== undefined && isAlong(before, transport, local, remote)
        ? before
        : { transport, local, remote };
    this.#share[message] = share;
    this.#older[message] = this.#newest;
    this.#newer[message] = NONE;
    this.#nextOfShare[message] = NONE;
    if (this.#newest === NONE) this.#oldest = message;
    else this.#newer[this.#newest] = message;
    this.#newest = message;
    if (share.newest === NONE) {
      share.oldest = message;
      this.#shares.set(share.account, share);
    } else this.#nextOfShare[share.newest] = message;
    share.newest = message;
    share.count += 1;
    share.blocks += this.#contents.blocksOf(message);
    this.#count += 1;
  }

  /** Only ever the oldest of its share. */
  #drop(message: number): void {
    const share = this.#share[message];
    const older = this.#older[message] ?? NONE;
    const newer = this.#newer[message] ?? NONE;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    this.#count -= 1;
    if (share !== undefined) {
      share.oldest = this.#nextOfShare[message] ?? NONE;
      share.count -= 1;
      share.blocks -= this.#contents.blocksOf(message);
      if (share.oldest === NONE) {
        share.newest = NONE;
        this.#shares.delete(share.account);
      }
    }
    this.#contents.drop(message);
  }

  *read(accounts: readonly string[], last: number): Generator<TraceMessage> {
    const wanted = new Set<string | null>(accounts);
    const found: TraceNote[] = [];
    for (let message = this.#newest; message !== NONE && found.length < last; ) {
      const account = this.#share[message]?.account ?? null;
      if (wanted.size === 0 || wanted.has(account)) found.push(this.#noteOf(message, account));
      message = this.#older[message] ?? NONE;
    }
    for (const note of found.reverse()) yield messageOf(note);
  }

  #noteOf(message: number, account: string | null): TraceNote {
    const path = this.#path[message];
    if (path === undefined) throw new Error('a message of the trace has its path');
    const { transport, local, remote } = path;
    return {
      time: this.#time[message] ?? 0,
      direction: this.#isSent[message] === 1 ? 'sent' : 'received',
      account,
      transport,
      local,
      remote,
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

function isAlong(path: Path, transport: Transport, local: SocketAddress, remote: SocketAddress): boolean {
  return (
    path.transport === transport &&
    sameSocketAddress(path.local, local) &&
    sameSocketAddress(path.remote, remote)
  );
}

function messageOf({ time, account, direction, transport, local, remote, bytes }: TraceNote): TraceMessage {
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

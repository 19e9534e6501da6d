// The last SIP messages of the agent (`sipreg trace`), in memory and bounded: for each account its own share, so that a
// flood of one does not push out the others, and a limit over all. A message is kept as the bytes that went or came; what
// it says is made and redacted only when somebody reads it, and never leaves here unredacted.

import { parseMessage } from '../../core/sip/parse.ts';
import type { SocketAddress, Transport } from '../../core/sip/transport.ts';
import type { Millis } from '../../core/time.ts';
import { redactedText } from '../redacted-text.ts';

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

/** For an agent of `accounts` accounts: the last exchange of each of five thousand, and more where there is room. 2 to
 * 10 MiB: of fifty thousand there is the last exchange of those who were heard last. */
export function traceLimits(accounts: number): TraceLimits {
  return {
    messages: Math.max(500, 8 * accounts),
    bytes: Math.min(10 * MIB, Math.max(2 * MIB, 4_096 * accounts)),
    messagesEach: 8,
    bytesEach: 8_192,
  };
}

/** A place in two queues: of all messages, and of its account's. The oldest of all is also the oldest of its account. */
type Entry = {
  readonly time: Millis;
  readonly direction: 'sent' | 'received';
  readonly transport: Transport;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** The bytes as Latin-1, each a character: one small object, where a buffer would be three. */
  readonly text: string;
  readonly share: Share;
  older: Entry | null;
  newer: Entry | null;
  nextOfShare: Entry | null;
};

type Share = {
  readonly account: string | null;
  oldest: Entry | null;
  newest: Entry | null;
  count: number;
  bytes: number;
};

/** What an entry costs besides its text. */
const ENTRY_BYTES = 120;

export function createTraceRing(limits: TraceLimits): TraceRing {
  const shares = new Map<string | null, Share>();
  const listeners = new Set<(message: TraceMessage) => void>();
  let oldest: Entry | null = null;
  let newest: Entry | null = null;
  let bytes = 0;
  let count = 0;

  const append = (note: TraceNote): Share => {
    const { account, time, direction, transport, local, remote, bytes: content } = note;
    const share = shares.get(account) ?? { account, oldest: null, newest: null, count: 0, bytes: 0 };
    shares.set(account, share);
    const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');
    const links = { share, older: newest, newer: null, nextOfShare: null };
    const entry: Entry = { time, direction, transport, local, remote, text, ...links };
    const size = sizeOf(entry);
    if (newest === null) oldest = entry;
    else newest.newer = entry;
    newest = entry;
    if (share.newest === null) share.oldest = entry;
    else share.newest.nextOfShare = entry;
    share.newest = entry;
    share.count += 1;
    share.bytes += size;
    bytes += size;
    count += 1;
    return share;
  };
  /** Only ever the oldest of its share. */
  const drop = (entry: Entry): void => {
    const { share, older, newer } = entry;
    if (older === null) oldest = newer;
    else older.newer = newer;
    if (newer === null) newest = older;
    else newer.older = older;
    share.oldest = entry.nextOfShare;
    if (share.oldest === null) shares.delete(share.account);
    share.count -= 1;
    share.bytes -= sizeOf(entry);
    bytes -= sizeOf(entry);
    count -= 1;
  };
  return {
    note(note) {
      const share = append(note);
      const fairCount = Math.max(limits.messagesEach, Math.floor(limits.messages / shares.size));
      const fairBytes = Math.max(limits.bytesEach, Math.floor(limits.bytes / shares.size));
      // What came last stays, however long it is.
      while (share.oldest !== null && share.oldest !== share.newest) {
        if (share.count <= fairCount && share.bytes <= fairBytes) break;
        drop(share.oldest);
      }
      while (oldest !== null && oldest !== newest) {
        if (count <= limits.messages && bytes <= limits.bytes) break;
        drop(oldest);
      }
      if (listeners.size === 0 || newest === null) return;
      const message = messageOf(newest);
      for (const listener of listeners) listener(message);
    },
    *read(accounts, last) {
      const wanted = new Set<string | null>(accounts);
      const found: Entry[] = [];
      for (let entry = newest; entry !== null && found.length < last; entry = entry.older) {
        if (wanted.size === 0 || wanted.has(entry.share.account)) found.push(entry);
      }
      for (const entry of found.reverse()) yield messageOf(entry);
    },
    follow(listener) {
      // The same function may be given twice: each has its own entry.
      const own = (message: TraceMessage): void => listener(message);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

function messageOf({ time, direction, share, transport, local, remote, text }: Entry): TraceMessage {
  const bytes = Buffer.from(text, 'latin1');
  // What came is shown as it was understood: unfolded, and under the names that its fields have.
  const parsed = direction === 'received' ? parseMessage(bytes) : null;
  return {
    time: new Date(time).toISOString(),
    type: 'message',
    account: share.account,
    direction,
    transport,
    local,
    remote,
    text: redactedText(parsed?.ok ? parsed.value : bytes),
  };
}

function sizeOf({ text }: Entry): number {
  return ENTRY_BYTES + text.length;
}

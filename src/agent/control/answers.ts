// From a request to the lines of its answer. They are made one by one, as fast as the client reads them, so that not even
// a slow reader of ten thousand accounts makes the agent hold its answer.

import { nearestKey } from '../../accounts/explain.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import type { AgentOperations, AgentSnapshot, OperationResult } from '../operations.ts';
import { createEventFeed, createEventQueue, type EventFeed } from './event-feed.ts';
import {
  type AccountsRequest,
  type AnswerBody,
  answerLine,
  type ControlError,
  type ControlRequest,
  rawAnswerLine,
  type TraceRequest,
} from './protocol.ts';

/** 200 clients that ask at once are told the same; after this time, or an event, it is looked at again. */
const FRESH_MS = 500;

export type Answerer = {
  /** The lines of the answer; a `follow` ends when `gone` is aborted, or with the agent. */
  readonly answer: (
    id: number,
    request: ControlRequest,
    may: Permission,
    gone: AbortSignal,
  ) => AsyncIterable<string>;
  readonly close: () => void;
};

/** Members of `agent.socketGroup` may read, not command. */
export type Permission = 'read' | 'command';

export function createAnswerer(operations: AgentOperations): Answerer {
  const view = createView(operations);
  const feed = createEventFeed(operations.follow, view.outdate);
  return {
    answer: (id, request, may, gone) => answerTo(id, request, may, gone, { operations, view, feed }),
    close: feed.close,
  };
}

type Sources = { readonly operations: AgentOperations; readonly view: View; readonly feed: EventFeed };

async function* answerTo(
  id: number,
  request: ControlRequest,
  may: Permission,
  gone: AbortSignal,
  { operations, view, feed }: Sources,
): AsyncGenerator<string> {
  const last = (body: AnswerBody): string => answerLine(id, body);
  const refusal = refusalOf(request, may, view);
  if (refusal !== null) {
    yield last({ type: 'error', error: refusal });
    return;
  }
  switch (request.command) {
    case 'status':
      yield* request.accounts.length === 0 ? view.lines(id) : detailLines(id, request.accounts, operations);
      yield last({ type: 'done', result: { agent: view.agent() } });
      return;
    case 'follow':
      yield* follow(id, request.accounts, gone, { view, feed });
      return;
    case 'trace':
      yield* trace(id, request, gone, { operations, view });
      return;
    case 'owner': {
      const owned = request.accounts.filter((name) => view.isOwn(name));
      yield last({ type: 'done', result: { agent: view.agent(), owned } });
      return;
    }
    case 'reload': {
      const result = await operations.reload({ tls: request.tls === true });
      view.outdate(null);
      yield last({ type: 'done', result });
      return;
    }
    case 'refresh':
    case 'pause':
    case 'resume': {
      const results: readonly OperationResult[] = await operations[request.command](request.accounts);
      view.outdate(null);
      for (const item of results) yield last({ type: 'item', item });
      yield last({ type: 'done', result: null });
    }
  }
}

async function* follow(
  id: number,
  names: readonly string[],
  gone: AbortSignal,
  { view, feed }: Omit<Sources, 'operations'>,
): AsyncGenerator<string> {
  const wanted = new Set(names);
  const wants = (account: string | null): boolean =>
    wanted.size === 0 || account === null || wanted.has(account);
  // Before the accounts are told: what happens meanwhile must not fall between the two.
  const events = feed.subscribe((event) => wants('account' in event ? event.account : null));
  gone.addEventListener('abort', events.end, { once: true });
  try {
    for (const line of view.lines(id, wants)) yield line;
    yield answerLine(id, { type: 'following', result: { agent: view.agent() } });
    for (let item = await events.next(); item !== null; item = await events.next()) {
      yield item.type === 'event' ? rawAnswerLine(id, 'event', item.json) : answerLine(id, item);
    }
  } finally {
    gone.removeEventListener('abort', events.end);
    events.end();
  }
}

async function* trace(
  id: number,
  { accounts, last, follow: goesOn }: TraceRequest,
  gone: AbortSignal,
  { operations, view }: Omit<Sources, 'feed'>,
): AsyncGenerator<string> {
  const result = { agent: view.agent() };
  if (!goesOn) {
    for (const item of operations.trace.read(accounts, last)) yield answerLine(id, { type: 'item', item });
    yield answerLine(id, { type: 'done', result });
    return;
  }
  const queue = createEventQueue();
  const wanted = new Set<string | null>(accounts);
  const unfollow = operations.trace.follow((message) => {
    if (wanted.size === 0 || wanted.has(message.account)) queue.push(JSON.stringify(message));
  });
  gone.addEventListener('abort', queue.end, { once: true });
  try {
    // What comes from here on is in the queue: it is not among the last ones too.
    for (const item of [...operations.trace.read(accounts, last)])
      yield answerLine(id, { type: 'item', item });
    yield answerLine(id, { type: 'following', result });
    for (let item = await queue.next(); item !== null; item = await queue.next()) {
      yield item.type === 'event' ? rawAnswerLine(id, 'event', item.json) : answerLine(id, item);
    }
  } finally {
    gone.removeEventListener('abort', queue.end);
    unfollow();
  }
}

/** One by one: an account with its history is made only when the one before has been read. */
function* detailLines(id: number, names: readonly string[], operations: AgentOperations): Generator<string> {
  for (const name of names) {
    const item = operations.detail(name);
    // A reload may have removed it since the request was accepted.
    if (item !== undefined) yield answerLine(id, { type: 'item', item });
  }
}

function refusalOf(request: ControlRequest, may: Permission, view: View): ControlError | null {
  if (may === 'read' && !READING.includes(request.command)) {
    return { code: 'forbidden', message: 'this socket is for reading: it takes no commands' };
  }
  if (request.command === 'reload' || request.command === 'owner') return null;
  return unknownAccount(request, view);
}

const READING: readonly string[] = ['status', 'follow', 'trace', 'owner'];

function unknownAccount({ accounts }: AccountsRequest, view: View): ControlError | null {
  const unknown = accounts.find((name) => !view.has(name));
  if (unknown === undefined) return null;
  const near = nearestKey(unknown, view.names());
  const shown = unknown.length > 64 ? `${unknown.slice(0, 64)}…` : unknown;
  const hint = near === null ? '' : `; did you mean ${JSON.stringify(near)}?`;
  return {
    code: 'unknown-account',
    message: `the running agent has no account ${JSON.stringify(shown)}${hint}`,
  };
}

type View = {
  readonly agent: () => AgentSnapshot;
  readonly has: (name: string) => boolean;
  /** Known and enabled. */
  readonly isOwn: (name: string) => boolean;
  readonly names: () => readonly string[];
  /** The accounts as they are when each is written. */
  readonly lines: (id: number, wants?: (name: string) => boolean) => Generator<string>;
  /** Something has changed: an account, or (null) anything. */
  readonly outdate: (account: string | null) => void;
};

/** The accounts, each looked at at most once for all who ask at the same time. */
function createView(operations: AgentOperations): View {
  const texts = new Map<string, string>();
  let agent: AgentSnapshot | null = null;
  let freshUntil = Number.NEGATIVE_INFINITY;
  const refresh = (): void => {
    const now = monotonicNow();
    if (now < freshUntil) return;
    texts.clear();
    agent = null;
    freshUntil = now + FRESH_MS;
  };
  const textOf = (name: string): string | undefined => {
    refresh();
    const known = texts.get(name);
    if (known !== undefined) return known;
    const snapshot = operations.snapshot(name);
    if (snapshot === undefined) return undefined;
    const text = JSON.stringify(snapshot);
    texts.set(name, text);
    return text;
  };
  return {
    agent: () => {
      refresh();
      agent ??= operations.agent();
      return agent;
    },
    has: (name) => operations.standpoint(name) !== undefined,
    isOwn: (name) => {
      const known = operations.standpoint(name);
      return known !== undefined && known.state !== 'disabled';
    },
    names: operations.names,
    *lines(id, wants = () => true) {
      for (const name of operations.names().filter(wants)) {
        const text = textOf(name);
        if (text !== undefined) yield rawAnswerLine(id, 'item', text);
      }
    },
    outdate: (account) => {
      agent = null;
      if (account === null) texts.clear();
      else texts.delete(account);
    },
  };
}

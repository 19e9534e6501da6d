// The other end of the control socket, for commands: one connection for one question. Light, because `status` is asked
// often: it needs nothing of the accounts, and loads nothing but node:net.

import { connect, type Socket } from 'node:net';
import { failure, type Result, success } from '../../core/result.ts';
import type { AgentEvent } from '../events.ts';
import type { TraceMessage } from '../trace/trace-ring.ts';
import { createLineReader } from './line-reader.ts';
import {
  type AnswerLine,
  type Answers,
  type CommandName,
  type ControlErrorCode,
  type ControlRequest,
  MAX_ANSWER_LENGTH,
  parseAnswer,
  type Requests,
  requestLine,
} from './protocol.ts';
import { operatorSocketPath } from './socket-path.ts';

/** Why there is no answer. `message` says what the socket or the agent did, without naming them. */
export type ControlFailure =
  /** No socket, or nobody behind it. */
  | { readonly type: 'not-running'; readonly message: string }
  /** The system does not let this user connect. */
  | { readonly type: 'no-permission'; readonly message: string }
  /** It took the connection and said nothing in time. */
  | { readonly type: 'no-answer'; readonly message: string }
  /** It ended in the middle, or is no agent. */
  | { readonly type: 'broken'; readonly message: string }
  /** The agent said no. */
  | { readonly type: 'refused'; readonly code: ControlErrorCode; readonly message: string };

export type Answer<C extends CommandName> = {
  readonly items: readonly Answers[C]['item'][];
  readonly result: Answers[C]['result'];
};

/**
 * Asks the agent at `path` and waits for the whole answer. A command that its socket does not take, because a group may
 * read there, goes to the operator's socket.
 */
export async function askAgent<C extends Exclude<CommandName, 'follow'>>(
  path: string,
  request: Requests[C] & { readonly command: C },
  options: { readonly timeoutMs: number },
): Promise<Result<Answer<C>, ControlFailure>> {
  const answer = await ask<C>(path, request, options.timeoutMs);
  if (answer.ok || answer.error.type !== 'refused') return answer;
  // `busy`: readers cannot keep the operator out.
  if (answer.error.code !== 'forbidden' && answer.error.code !== 'busy') return answer;
  const asOperator = await ask<C>(operatorSocketPath(path), request, options.timeoutMs);
  return asOperator.ok || asOperator.error.type !== 'not-running' ? asOperator : answer;
}

async function ask<C extends CommandName>(
  path: string,
  request: ControlRequest,
  timeoutMs: number,
): Promise<Result<Answer<C>, ControlFailure>> {
  const items: Answers[C]['item'][] = [];
  let answer: Result<Answer<C>, ControlFailure> | null = null;
  const ended = await converse(path, request, {
    timeoutMs,
    signal: undefined,
    heard: (line, hangUp) => {
      if (line.type === 'item') items.push(line.item as Answers[C]['item']);
      else if (line.type === 'done') answer = success({ items, result: line.result as Answers[C]['result'] });
      else if (line.type === 'error') answer = failure(refusal(line));
      if (answer !== null) hangUp();
    },
  });
  if (answer !== null) return answer;
  return failure(ended ?? { type: 'broken', message: 'it ended the connection before its answer was whole' });
}

type Following = 'follow' | 'trace';

export type Listener<C extends Following = 'follow'> = {
  /** What there is at the start, the accounts or the last messages; events follow. */
  readonly started: (answer: Answer<C>) => void;
  readonly event: (event: C extends 'follow' ? AgentEvent : TraceMessage) => void;
  /** So many events were left out, because they were not read in time. */
  readonly lost: (count: number) => void;
};

type ListeningOptions = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** Listens to the agent at `path` until it ends or `signal` is aborted: null then, else why it could not go on. */
export function followAgent(
  path: string,
  accounts: readonly string[],
  listener: Listener,
  options: ListeningOptions,
): Promise<ControlFailure | null> {
  return listen<'follow'>(path, { command: 'follow', accounts }, listener, options);
}

/** As followAgent, for SIP messages: the `last` ones and all that come. */
export function followTrace(
  path: string,
  { accounts, last }: Pick<Requests['trace'], 'accounts' | 'last'>,
  listener: Listener<'trace'>,
  options: ListeningOptions,
): Promise<ControlFailure | null> {
  return listen<'trace'>(path, { command: 'trace', accounts, last, follow: true }, listener, options);
}

async function listen<C extends Following>(
  path: string,
  request: Requests[C],
  listener: Listener<C>,
  { timeoutMs, signal }: ListeningOptions,
): Promise<ControlFailure | null> {
  const items: Answers[C]['item'][] = [];
  let refused: ControlFailure | null = null;
  const ended = await converse(path, request, {
    timeoutMs,
    signal,
    heard: (line, hangUp, settle) => {
      if (line.type === 'item') items.push(line.item as Answers[C]['item']);
      else if (line.type === 'following') {
        settle();
        listener.started({ items, result: line.result });
      } else if (line.type === 'event') listener.event(line.event as Parameters<Listener<C>['event']>[0]);
      else if (line.type === 'lost') listener.lost(line.count);
      else if (line.type === 'error') {
        refused = refusal(line);
        hangUp();
      }
    },
  });
  return refused ?? ended;
}

type Conversation = {
  /** Until `settle`, or the end, something has to come within this time, again and again. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly heard: (line: AnswerLine, hangUp: () => void, settle: () => void) => void;
};

/** Resolves when the connection has ended: null when either side ended it in order. */
function converse(
  path: string,
  request: ControlRequest,
  { timeoutMs, signal, heard }: Conversation,
): Promise<ControlFailure | null> {
  return new Promise((resolve) => {
    const answers = createLineReader(MAX_ANSWER_LENGTH);
    let problem: ControlFailure | null = null;
    const socket: Socket = connect(path);
    const hangUp = (): void => void socket.destroy();
    const fail = (failed: ControlFailure): void => {
      problem ??= failed;
      hangUp();
    };
    const patience = setTimeout(() => {
      fail({ type: 'no-answer', message: `it said nothing for ${timeoutMs / 1000} s` });
    }, timeoutMs);
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
      clearTimeout(patience);
    };
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(requestLine(REQUEST_ID, request)));
    socket.on('data', (text: string) => {
      // A long answer may take its time, as long as it goes on.
      if (!isSettled) patience.refresh();
      answers.push(text);
      for (let line = answers.next(); line !== null && !socket.destroyed; line = answers.next()) {
        const answer = parseAnswer(line);
        if (answer === null) return fail(NO_AGENT);
        heard(answer, hangUp, settle);
      }
      if (answers.isOver()) fail(NO_AGENT);
    });
    socket.on('error', (error) => fail(connectionFailure(error)));
    socket.on('close', () => {
      settle();
      signal?.removeEventListener('abort', hangUp);
      resolve(problem);
    });
    signal?.addEventListener('abort', hangUp);
    if (signal?.aborted) hangUp();
  });
}

function refusal({ error }: AnswerLine & { readonly type: 'error' }): ControlFailure {
  return { type: 'refused', code: error.code, message: error.message };
}

function connectionFailure({ code, message }: NodeJS.ErrnoException): ControlFailure {
  if (code === 'ENOENT' || code === 'ENOTDIR') return { type: 'not-running', message: 'there is no socket' };
  if (code === 'ECONNREFUSED') return { type: 'not-running', message: 'nobody listens there any more' };
  if (code === 'EACCES' || code === 'EPERM') {
    return { type: 'no-permission', message: 'this user may not connect' };
  }
  return { type: 'broken', message };
}

/** One question on each connection. */
const REQUEST_ID = 1;

const NO_AGENT: ControlFailure = {
  type: 'broken',
  message: 'what answers is no agent of this version of sipreg; restart the agent after an upgrade',
};

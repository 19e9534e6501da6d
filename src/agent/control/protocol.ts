// The control socket's protocol, "sipreg.control/1": one JSON object a line in both directions. A client sends a request
// with a number of its own; the answer is any count of items and then `done` or `error`, each with that number. After
// `follow` come events until the client goes. Whatever a client sends is hostile until `parseRequest` has passed it.

import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { AgentEvent } from '../events.ts';
import type { AccountDetail, AgentSnapshot, OperationResult, ReloadOutcome } from '../operations.ts';
import type { TraceMessage } from '../trace/trace-ring.ts';

export const PROTOCOL = 'sipreg.control/1';

/** A request is one line of at most this many characters: the names of a few thousand accounts. */
export const MAX_REQUEST_LENGTH = 65_536;

/** Longer than any line of an answer; more is no agent. */
export const MAX_ANSWER_LENGTH = 8 * 1024 * 1024;

export type CommandName = keyof Answers;

/**
 * `accounts`: for `status`, `follow` and `trace` empty for all; every other command names at least one. `tls`: connections move
 * over to renewed certificates at once; left out, as older clients do, they move at their next refresh.
 */
export type Requests = {
  readonly [C in CommandName]: C extends 'reload'
    ? { readonly command: C; readonly tls?: boolean }
    : C extends 'trace'
      ? TraceRequest
      : { readonly command: C; readonly accounts: readonly string[] };
};

export type TraceRequest = {
  readonly command: 'trace';
  readonly accounts: readonly string[];
  /** How many of the last messages; those that come go on for ever with `follow`. */
  readonly last: number;
  readonly follow: boolean;
};

export type ControlRequest = Requests[CommandName];
export type AccountsRequest = Requests[Exclude<CommandName, 'reload'>];

/** What a request is answered with: items, each in a line, and the result at the end. */
export type Answers = {
  /** All accounts in short, or the named ones in full. */
  readonly status: {
    readonly item: AccountSnapshot | AccountDetail;
    readonly result: { readonly agent: AgentSnapshot };
  };
  /** As `status`, in short; events follow. */
  readonly follow: { readonly item: AccountSnapshot; readonly result: { readonly agent: AgentSnapshot } };
  /** Which of the named accounts are the agent's: those that it knows and that are enabled. Unknown names are no error. */
  readonly owner: {
    readonly item: never;
    readonly result: { readonly agent: AgentSnapshot; readonly owned: readonly string[] };
  };
  /** SIP messages, redacted, oldest first; with `follow` each that comes is an event. */
  readonly trace: { readonly item: TraceMessage; readonly result: { readonly agent: AgentSnapshot } };
  readonly refresh: { readonly item: OperationResult; readonly result: null };
  readonly pause: { readonly item: OperationResult; readonly result: null };
  readonly resume: { readonly item: OperationResult; readonly result: null };
  readonly reload: { readonly item: never; readonly result: ReloadOutcome };
};

/** Stable codes of `error`. */
export type ControlErrorCode =
  /** No JSON object, or not the members that the command takes. */
  | 'malformed'
  | 'too-long'
  | 'unsupported-version'
  | 'unknown-command'
  | 'unknown-account'
  /** Commands are not for this socket: its clients may read. */
  | 'forbidden'
  /** Too many clients. */
  | 'busy'
  /** No whole request came in time. */
  | 'timeout'
  /** A bug in the agent. */
  | 'internal';

export type ControlError = { readonly code: ControlErrorCode; readonly message: string };

/** What one line of an answer says. */
export type AnswerBody =
  | { readonly type: 'item'; readonly item: unknown }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'error'; readonly error: ControlError }
  | { readonly type: 'following'; readonly result: Answers['follow']['result'] }
  | { readonly type: 'event'; readonly event: AgentEvent | TraceMessage }
  /** The client read too slowly: so many events were left out here. */
  | { readonly type: 'lost'; readonly count: number };

/** `id` is null when the request was too broken to have one. */
export type AnswerLine = AnswerBody & { readonly protocol: typeof PROTOCOL; readonly id: number | null };

/** One line, with its end. */
export function answerLine(id: number | null, body: AnswerBody): string {
  return `${JSON.stringify({ protocol: PROTOCOL, id, ...body })}\n`;
}

/** The line of a body whose one value is JSON already: it is made once for many clients. */
export function rawAnswerLine(id: number, type: 'item' | 'event', json: string): string {
  return `{"protocol":"${PROTOCOL}","id":${id},"type":"${type}","${type}":${json}}\n`;
}

/** One line, with its end. */
export function requestLine(id: number, request: ControlRequest): string {
  return `${JSON.stringify({ protocol: PROTOCOL, id, ...request })}\n`;
}

export type NumberedRequest = { readonly id: number; readonly request: ControlRequest };
export type RefusedRequest = { readonly id: number | null; readonly error: ControlError };

/** The request in a line that anybody may have sent. */
export function parseRequest(line: string): Result<NumberedRequest, RefusedRequest> {
  const message = parseObject(line);
  if (message === null) return refused(null, 'malformed', 'a request is one JSON object in a line');
  const { protocol, id, command, accounts, last, follow, tls } = message;
  if (protocol !== PROTOCOL) {
    const text = `this agent speaks ${PROTOCOL} and nothing else; a client of another version needs an agent of its version`;
    return refused(null, 'unsupported-version', text);
  }
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
    return refused(null, 'malformed', '"id" has to be a whole number');
  }
  if (command === 'reload') {
    if (tls === undefined || typeof tls === 'boolean')
      return success({ id, request: { command, tls: tls === true } });
    return refused(id, 'malformed', '"tls" has to be true or false');
  }
  if (!isAccountsCommand(command)) {
    return refused(id, 'unknown-command', `the commands are ${ACCOUNTS_COMMANDS.join(', ')} and reload`);
  }
  if (!isListOfNames(accounts)) return refused(id, 'malformed', '"accounts" has to be a list of names');
  const names = [...new Set(accounts)];
  if (command === 'trace') {
    if (typeof last === 'number' && Number.isSafeInteger(last) && last >= 0) {
      return success({ id, request: { command, accounts: names, last, follow: follow === true } });
    }
    return refused(id, 'malformed', '"last" has to be a whole number');
  }
  if (names.length === 0 && command !== 'status' && command !== 'follow') {
    return refused(id, 'malformed', `"accounts" names the accounts to ${command}: at least one`);
  }
  return success({ id, request: { command, accounts: names } });
}

const ACCOUNTS_COMMANDS = ['status', 'follow', 'trace', 'owner', 'refresh', 'pause', 'resume'] as const;

function isAccountsCommand(value: unknown): value is AccountsRequest['command'] {
  return (ACCOUNTS_COMMANDS as readonly unknown[]).includes(value);
}

function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function refused(id: number | null, code: ControlErrorCode, message: string): Result<never, RefusedRequest> {
  return failure({ id, error: { code, message } });
}

/** The line of an agent; null when no agent of this protocol wrote it. */
export function parseAnswer(line: string): AnswerLine | null {
  const message = parseObject(line);
  const isAnswer = message?.protocol === PROTOCOL && typeof message.type === 'string';
  // The agent runs as this user or as root: beyond its envelope a message is what it says.
  return isAnswer ? (message as AnswerLine) : null;
}

function parseObject(line: string): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

// One client of the control socket, until it goes. It may be anybody who can open the socket: its lines are bounded, so
// is the time for each, so is what it leaves unread, and it has one request under way at a time.

import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../core/thrown.ts';
import type { Answerer, Permission } from './answers.ts';
import { createLineReader } from './line-reader.ts';
import { answerLine, type ControlError, MAX_REQUEST_LENGTH, parseRequest } from './protocol.ts';

export type SessionLimits = {
  /** A whole request comes within this time, after the connection or the last answer. */
  readonly requestMs: number;
  /** A part of an answer is read within this time. */
  readonly readMs: number;
};

export const DEFAULT_LIMITS: SessionLimits = { requestMs: 10_000, readMs: 10_000 };

/** Small lines go out together. */
const BATCH_LENGTH = 32_768;
/** A client that is told to go has this long to read why. */
const FAREWELL_MS = 1_000;

export type Session = {
  /** Ends it, after what is written already. */
  readonly end: () => void;
};

/** Serves the client on `socket`, which allows half-open connections; a client may close its side and still read. */
export function serveClient(
  socket: Socket,
  answerer: Answerer,
  may: Permission,
  limits: SessionLimits = DEFAULT_LIMITS,
): Session {
  const requests = createLineReader(MAX_REQUEST_LENGTH);
  const gone = new AbortController();
  let isAnswering = false;
  let isFollowing = false;
  let hasEnded = false;
  let patience: NodeJS.Timeout | undefined;

  const farewell = (): void => {
    clearTimeout(patience);
    gone.abort();
    if (socket.destroyed) return;
    socket.off('data', read);
    socket.destroySoon();
    patience = setTimeout(() => socket.destroy(), FAREWELL_MS);
  };
  const refuse = (id: number | null, error: ControlError): void => {
    if (socket.writable) socket.write(answerLine(id, { type: 'error', error }));
    farewell();
  };
  const awaitRequest = (): void => {
    clearTimeout(patience);
    const message = `no whole request came within ${limits.requestMs / 1000} s`;
    patience = setTimeout(() => refuse(null, { code: 'timeout', message }), limits.requestMs);
  };
  const proceed = (): void => {
    if (isAnswering || gone.signal.aborted) return;
    const line = requests.next();
    if (line !== null) void answer(line);
    else if (hasEnded && requests.hasRest()) refuse(null, UNFINISHED);
    else if (hasEnded) farewell();
  };
  const answer = async (line: string): Promise<void> => {
    const parsed = parseRequest(line);
    if (!parsed.ok) {
      refuse(parsed.error.id, parsed.error.error);
      return;
    }
    const { id, request } = parsed.value;
    clearTimeout(patience);
    isAnswering = true;
    isFollowing = request.command === 'follow' || (request.command === 'trace' && request.follow);
    try {
      const lines = answerer.answer(id, request, may, gone.signal);
      await writeAll(socket, lines, isFollowing ? null : limits.readMs);
    } catch (error) {
      refuse(id, { code: 'internal', message: `a bug in the agent: ${messageOf(error)}` });
      return;
    }
    isAnswering = false;
    if (isFollowing) farewell();
    if (gone.signal.aborted) return;
    awaitRequest();
    proceed();
  };
  const read = (text: string): void => {
    // A follower has nothing more to say.
    if (isFollowing) {
      farewell();
      return;
    }
    requests.push(text);
    if (requests.isOver()) refuse(null, TOO_LONG);
    else proceed();
  };

  socket.setEncoding('utf8');
  socket.on('data', read);
  socket.on('end', () => {
    hasEnded = true;
    // It listens no more, as far as anybody can know.
    if (isFollowing) farewell();
    else proceed();
  });
  // A broken connection is a client that went away: `close` follows.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearTimeout(patience);
    gone.abort();
  });
  awaitRequest();
  return { end: farewell };
}

/** Writes as fast as the client reads; `readMs` without it reading on ends the connection, null: it may take its time. */
async function writeAll(socket: Socket, lines: AsyncIterable<string>, readMs: number | null): Promise<void> {
  let batch = '';
  const flush = async (): Promise<void> => {
    const text = batch;
    batch = '';
    if (text === '' || !socket.writable) return;
    if (!socket.write(text)) await drained(socket, readMs);
    // Two hundred who ask at once get their answers side by side, and registrations come in between.
    else await nextTurn();
  };
  for await (const line of lines) {
    if (!socket.writable) return;
    batch += line;
    if (readMs === null || batch.length >= BATCH_LENGTH) await flush();
  }
  await flush();
}

function drained(socket: Socket, readMs: number | null): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = readMs === null ? undefined : setTimeout(() => socket.destroy(), readMs);
    const settle = (): void => {
      clearTimeout(giveUp);
      socket.off('drain', settle);
      socket.off('close', settle);
      resolve();
    };
    socket.on('drain', settle);
    socket.on('close', settle);
  });
}

const UNFINISHED: ControlError = { code: 'malformed', message: 'a request ends with a line break' };
const TOO_LONG: ControlError = {
  code: 'too-long',
  message: `a request has at most ${MAX_REQUEST_LENGTH} characters`,
};

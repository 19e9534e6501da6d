// Answers of the HTTP server: the headers that every one has, short ones as a whole, long ones piece by piece, as fast as
// the client reads them and no slower than it may.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicNow } from '../../runtime/clock.ts';

export type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** A client reads a piece within this time, or is left. */
export const READ_MS = 20_000;

/** A whole answer in pieces is read within this time: who reads a byte now and then holds a place that others need. */
const ANSWER_MS = 120_000;

/** Nothing but our own files runs or is shown; no page may hold ours in a frame, read it, or keep it. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

export const JSON_TYPE = 'application/json; charset=utf-8';
export const PLAIN_TYPE = 'text/plain; charset=utf-8';

/** Begins an answer of any length. */
export function begin(
  { response }: Exchange,
  status: number,
  type: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...SECURITY_HEADERS, 'Content-Type': type, ...extra });
}

/** A whole answer; HEAD gets its headers only. */
export function reply(
  exchange: Exchange,
  status: number,
  type: string,
  body: string | Uint8Array,
  extra: Readonly<Record<string, string>> = {},
): void {
  begin(exchange, status, type, { ...extra, 'Content-Length': String(Buffer.byteLength(body)) });
  exchange.response.end(exchange.request.method === 'HEAD' ? undefined : body);
}

export function replyJson(exchange: Exchange, status: number, document: object): void {
  reply(exchange, status, JSON_TYPE, `${JSON.stringify(document)}\n`);
}

/** Why there is no answer: a stable code, and words. */
export function refuse(
  exchange: Exchange,
  status: number,
  code: string,
  message: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  reply(exchange, status, JSON_TYPE, `${JSON.stringify({ error: { code, message } })}\n`, extra);
}

/** An answer in pieces, each made when the one before has been taken. */
export async function replyInPieces(
  exchange: Exchange,
  type: string,
  pieces: AsyncIterable<string>,
): Promise<void> {
  const { request, response } = exchange;
  begin(exchange, 200, type);
  if (request.method !== 'HEAD') {
    const deadline = monotonicNow() + ANSWER_MS;
    for await (const piece of pieces) {
      const patience = Math.min(READ_MS, deadline - monotonicNow());
      if (!(await written(response, piece, Math.max(0, patience)))) return;
    }
  }
  response.end();
}

/** Writes `text`; false: the client is gone, or did not read on within `patienceMs` and was left. */
export async function written(response: ServerResponse, text: string, patienceMs: number): Promise<boolean> {
  if (response.destroyed || response.writableEnded) return false;
  if (response.write(text)) return true;
  return await new Promise((resolve) => {
    const giveUp = setTimeout(() => response.destroy(), patienceMs);
    const settle = (): void => {
      clearTimeout(giveUp);
      response.off('drain', settle);
      response.off('close', settle);
      resolve(!response.destroyed);
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

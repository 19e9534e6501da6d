// The messages of RFC 4475 and RFC 3665 as bytes, with what their manifests say about them, and short ways to make
// and parse messages in tests.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { HeaderField, SipMessage, SipRequest, SipResponse } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';

const VECTORS = new URL('../../vectors/', import.meta.url);

export type TortureCase = {
  readonly name: string;
  readonly file: string;
  readonly section: string | null;
  readonly title: string;
  readonly validity: 'valid' | 'valid-liberal' | 'valid-2543' | 'invalid';
  /** What a user agent may answer; "normal" is its ordinary answer, "drop" none, "n/a" a response. */
  readonly endpointResponse: readonly (number | string)[];
  readonly expect: Readonly<Record<string, unknown>>;
};

export function readVector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, VECTORS)));
}

export function readJsonVector<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, VECTORS), 'utf8')) as T;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Parses what must be a whole message. */
export function parsed(input: string | Uint8Array): SipMessage {
  const result = parseMessage(typeof input === 'string' ? bytesOf(input) : input);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

export function parsedRequest(input: string | Uint8Array): SipRequest {
  const message = parsed(input);
  if (message.kind !== 'request') throw new Error('this is a response');
  return message;
}

export function parsedResponse(input: string | Uint8Array): SipResponse {
  const message = parsed(input);
  if (message.kind !== 'response') throw new Error('this is a request');
  return message;
}

/** The error code of `result`; fails the test when there is none. */
export function codeOf(result: { readonly ok: boolean; readonly error?: { readonly code: string } }): string {
  expect(result.ok).toBe(false);
  return result.error?.code ?? '';
}

/** The value of `result`; fails the test with the error when there is none. */
export function unwrapped<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** Header rows from "Name: value" lines. */
export function rows(...lines: readonly string[]): readonly HeaderField[] {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() };
  });
}

/** A request that every check accepts, with `extra` rows after its own. */
export function requestText(extra: readonly string[] = [], body = ''): string {
  return [
    'OPTIONS sip:bob@example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK74bf9',
    'Max-Forwards: 70',
    'From: <sip:alice@example.com>;tag=9fxced76sl',
    'To: <sip:bob@example.com>',
    'Call-ID: 3848276298220188511@example.com',
    'CSeq: 2 OPTIONS',
    ...extra,
    '',
    body,
  ].join('\r\n');
}

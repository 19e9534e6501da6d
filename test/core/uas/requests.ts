// Requests as peers send them to a contact, for the tests of what we answer.

import { checkRequest, type RequestFields } from '../../../src/core/sip/mandatory.ts';
import type { SipRequest } from '../../../src/core/sip/message.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';

export type Wanted = {
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: string;
  readonly via?: string;
  /** Whole header lines. */
  readonly headers?: readonly string[];
  readonly body?: string;
};

const ENCODER = new TextEncoder();

export const SOURCE = { address: '192.0.2.7', port: 5060 };

/** The text of a request that a proxy at SOURCE sends. */
export function requestText(method: string, wanted: Wanted = {}): string {
  const { body = '' } = wanted;
  const lines = [
    `${method} ${wanted.uri ?? 'sip:alice@192.0.2.50:40112'} SIP/2.0`,
    `Via: ${wanted.via ?? 'SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa1;rport'}`,
    'Max-Forwards: 70',
    `From: ${wanted.from ?? '"Bob" <sip:bob@example.com>;tag=b1'}`,
    `To: ${wanted.to ?? '<sip:alice@example.com>'}`,
    `Call-ID: ${wanted.callId ?? 'c1@192.0.2.7'}`,
    `CSeq: ${wanted.cseq ?? `1 ${method}`}`,
    ...(wanted.headers ?? []),
    `Content-Length: ${ENCODER.encode(body).length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** That request, parsed. */
export function request(method: string, wanted: Wanted = {}): SipRequest {
  const parsed = parseMessage(ENCODER.encode(requestText(method, wanted)));
  if (!parsed.ok || parsed.value.kind !== 'request') throw new Error('the test has written no request');
  return parsed.value;
}

/** The fields of a request that is well-formed. */
export function fieldsOf(message: SipRequest): RequestFields {
  const fields = checkRequest(message);
  if (!fields.ok) throw new Error(fields.error.reason);
  return fields.value;
}

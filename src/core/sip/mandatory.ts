// What every request must have before anything is done with it (RFC 3261 §8.1.1, §8.2, §20.1; RFC 4475 says what is
// wrong enough). Max-Forwards and the From tag are not asked for: RFC 2543 clients have neither (RFC 4475 §3.4.1).

import { failure, type Result, success } from '../result.ts';
import { headerRows, headerValue } from './headers.ts';
import type { SipRequest } from './message.ts';
import { type NameAddr, parseNameAddr } from './name-addr.ts';
import { type CSeq, parseCSeq } from './numbers.ts';
import { parseUri } from './uri.ts';
import { branchOf, topVia, type Via } from './via.ts';

/** The fields that every request has, parsed. */
export type RequestFields = {
  readonly via: Via;
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly callId: string;
  readonly cseq: CSeq;
};

/** How a broken request is refused: `reason` goes into the status line. Not `answerable`: it is dropped, because
 * it is an ACK, or because it has no Via that an answer could copy. */
export type Refusal = {
  readonly status: 400 | 416 | 505;
  readonly reason: string;
  readonly answerable: boolean;
};

/** How branches that name one transaction begin (RFC 3261 §8.1.1.7); one must say more than that (RFC 4475 §3.2.1). */
export const MAGIC_COOKIE = 'z9hG4bK';

/** Checks version, Request-URI, Via, From, To, Call-ID and CSeq. */
export function checkRequest(request: SipRequest): Result<RequestFields, Refusal> {
  const via = topVia(request);
  const answerable = request.method !== 'ACK' && headerValue(request.headers, 'Via') !== null;
  const refuse = (status: Refusal['status'], reason: string): Result<never, Refusal> =>
    failure({ status, reason, answerable });
  if (!/^SIP[ \t]*\/[ \t]*2\.0$/i.test(request.version)) return refuse(505, 'Version Not Supported');
  if (via === null) return refuse(400, 'Via Missing or Malformed');
  if (branchOf(via) === MAGIC_COOKIE) return refuse(400, 'Branch Malformed');
  const repeated = SINGLE_FIELDS.find((name) => headerRows(request.headers, name).length !== 1);
  if (repeated !== undefined) return refuse(400, `${repeated} Missing or Repeated`);
  const from = parseNameAddr(headerValue(request.headers, 'From') ?? '');
  const to = parseNameAddr(headerValue(request.headers, 'To') ?? '');
  const callId = headerValue(request.headers, 'Call-ID') ?? '';
  const cseq = parseCSeq(headerValue(request.headers, 'CSeq') ?? '');
  if (!from.ok) return refuse(400, 'From Malformed');
  if (!to.ok) return refuse(400, 'To Malformed');
  if (callId === '' || /\s/.test(callId)) return refuse(400, 'Call-ID Malformed');
  if (!cseq.ok) return refuse(400, 'CSeq Malformed');
  if (cseq.value.method !== request.method) return refuse(400, 'CSeq Method Differs');
  const uri = parseUri(request.uri);
  if (!uri.ok && uri.error.code === 'SIP_PARSE_URI') return refuse(400, 'Request-URI Malformed');
  if (!uri.ok) {
    const known = /^[A-Za-z][A-Za-z0-9+.-]*:/.test(request.uri);
    return known ? refuse(416, 'Unsupported URI Scheme') : refuse(400, 'Request-URI Malformed');
  }
  return success({ via, from: from.value, to: to.value, callId, cseq: cseq.value });
}

const SINGLE_FIELDS = ['From', 'To', 'Call-ID', 'CSeq'] as const;

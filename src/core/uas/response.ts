// What was decided about a request, and how that becomes a response (RFC 3261 §8.2.6): all but the decision is copied
// from the request. No Record-Route is copied (§12.1.1), because no answer of ours begins a dialog.

import { endOfListValue, headerRows, headerValue } from '../sip/headers.ts';
import type { HeaderField, SipRequest, SipResponse } from '../sip/message.ts';
import { NO_BODY } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import type { SocketAddress } from '../sip/transport.ts';
import { param } from '../sip/uri.ts';
import { formatVia, topVia } from '../sip/via.ts';
import { stampVia } from './reply-path.ts';

export type Answer = {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly HeaderField[];
};

/** RFC 3261 §8.2.6.1: what tells a client to stop repeating its request. */
export const TRYING: Answer = { status: 100, reason: 'Trying', headers: [] };

/** An answer that refuses. */
export function refusal(status: number, reason: string, headers: readonly HeaderField[] = []): Answer {
  return { status, reason, headers };
}

/** The response to `request` that came from `source`; `toTag` is used unless the request has one, and not in a 100. */
export function responseOf(
  request: SipRequest,
  source: SocketAddress,
  answer: Answer,
  toTag: string,
): SipResponse {
  const copied = (name: string): HeaderField[] => {
    const value = headerValue(request.headers, name);
    return value === null ? [] : [{ name, value }];
  };
  const isTrying = answer.status === TRYING.status;
  return {
    kind: 'response',
    version: 'SIP/2.0',
    status: answer.status,
    reason: answer.reason,
    headers: [
      ...stampedVias(request, source).map((value) => ({ name: 'Via', value })),
      ...copied('From'),
      ...copied('To').map(({ name, value }) => ({ name, value: isTrying ? value : withTag(value, toTag) })),
      ...copied('Call-ID'),
      ...copied('CSeq'),
      // RFC 3261 §8.2.6.1: so that the client can measure the round trip.
      ...(isTrying ? copied('Timestamp') : []),
      ...answer.headers,
    ],
    body: NO_BODY,
  };
}

/** All Via rows, the first value of the first one stamped; rows that cannot be read go back as they came. */
function stampedVias(request: SipRequest, source: SocketAddress): readonly string[] {
  const rows = headerRows(request.headers, 'Via').filter((row) => row !== '');
  const [first = '', ...others] = rows;
  const via = topVia(request);
  if (via === null) return rows;
  return [`${formatVia(stampVia(via, source))}${first.slice(endOfListValue(first, 0))}`, ...others];
}

/** RFC 3261 §8.2.6.2: the answer's To has a tag. A To that cannot be read is left alone. */
function withTag(to: string, toTag: string): string {
  const parsed = parseNameAddr(to);
  if (!parsed.ok || param(parsed.value.params, 'tag') !== undefined) return to;
  return `${to};tag=${toTag}`;
}

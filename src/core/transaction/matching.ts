// Which server transaction a request belongs to (RFC 3261 §17.2.3), as text that is equal for the copies of one
// request, for an INVITE and its ACK, and for an INVITE and the CANCEL that means it.

import { MAGIC_COOKIE, type RequestFields } from '../sip/mandatory.ts';
import type { SipRequest } from '../sip/message.ts';
import { paramValue } from '../sip/uri.ts';
import { branchOf, formatVia, type Via } from '../sip/via.ts';

/** Names the transaction. With `method` the one that an ACK or a CANCEL is about: theirs is INVITE. */
export function transactionKey(request: SipRequest, fields: RequestFields, method = request.method): string {
  const { via, from, callId, cseq } = fields;
  const branch = branchOf(via);
  if (branch?.startsWith(MAGIC_COOKIE)) return `${branch} ${sentBy(via)} ${method}`;
  // RFC 2543 clients, and pings of servers whose branch is "0": RFC 3261 §17.2.3 compares these instead. The To tag is
  // left out, because only the ACK has one; whoever repeats all of the others repeats the request.
  const fromTag = paramValue(from.params, 'tag') ?? '';
  return JSON.stringify([method, request.uri, fromTag, callId, cseq.number, formatVia(via)]);
}

/** RFC 3261 §8.2.2.2: equal for requests that a proxy has made of one and sent by several ways. Null for requests
 * within a dialog, which are never merged. */
export function mergeKey({ from, to, callId, cseq }: RequestFields): string | null {
  if (paramValue(to.params, 'tag') !== null) return null;
  return JSON.stringify([paramValue(from.params, 'tag'), callId, cseq.number, cseq.method]);
}

function sentBy({ host, port }: Via): string {
  return `${host.toLowerCase()}:${port ?? ''}`;
}

// Signs that something between us and the registrar changes SIP messages: a SIP ALG in a router, mostly. It shows in a
// Via that comes back other than we sent it (RFC 3261 §18.1.2), and in a Contact that is registered other than we asked.

import { printable } from '../health/evidence.ts';
import type { MatchedBy } from '../health/snapshot.ts';
import { addressText, bracketed, sameHost } from '../sip/ip.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseUri } from '../sip/uri.ts';
import { answeredVia } from '../sip/via.ts';
import type { FlowRef, PublicAddress, ReportedBinding } from './registration.ts';
import type { SentRequest } from './round-state.ts';

/** RFC 3261 §18.1.1: the port of a sent-by that has none. */
const DEFAULT_SENT_BY_PORT = 5060;

const ADVICE = 'switch the SIP ALG of the router off, or use TLS, which it cannot change';

/** The answer to `sent` names another sender in its Via: what that means, in words. null: it is as we sent it. */
export function foreignVia(
  response: SipResponse,
  { branch, flow: { local } }: Pick<SentRequest, 'branch' | 'flow'>,
): string | null {
  const via = answeredVia(response);
  if (via === null || via.branch !== branch) return null;
  const port = via.port ?? DEFAULT_SENT_BY_PORT;
  if (sameHost(via.host, bracketed(local.address)) && port === local.port) return null;
  return `an answer came with the Via of ${printable(via.host)}:${port}, where we sent ${addressText(local)}: something on the way changes SIP messages, and the answer is dropped; ${ADVICE}`;
}

/** Our binding stands in the 2xx under another address than we asked for: what that means, in words; null: it does not. */
export function foreignContact(
  own: ReportedBinding | undefined,
  matchedBy: MatchedBy,
  flow: Pick<FlowRef, 'local'>,
  publicAddress: Pick<PublicAddress, 'seen'> | null,
): string | null {
  if (own === undefined || (matchedBy !== 'instance' && matchedBy !== 'count')) return null;
  const uri = parseUri(own.uri);
  if (!uri.ok) return null;
  const ours = publicAddress === null ? [flow.local] : [flow.local, publicAddress.seen];
  if (ours.some(({ address }) => sameHost(uri.value.host, bracketed(address)))) return null;
  return `the registrar has our contact as ${own.uri}, which is not what we sent: a session border controller, or a SIP ALG on the way, has changed it; if calls do not arrive, ${ADVICE}`;
}

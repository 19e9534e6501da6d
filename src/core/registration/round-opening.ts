// Opening the flow for the next REGISTER of a round: towards one target, or, for the size of the request, as a stream
// instead of the datagrams that it was meant for (RFC 3261 §18.1.1).

import { type Hop, nextHop } from '../resolve/hop.ts';
import type { Target } from '../sip/transport.ts';
import type { SipUri } from '../sip/uri.ts';
import type { Millis } from '../time.ts';
import type { FlowRef, Registration } from './registration.ts';
import { type Round, type RoundStep, roundDraft } from './round-state.ts';

/** How long a connection may take to come about; 4 s when it is only for the size of the request. */
const CONNECT_TIMEOUT_MS: Millis = 10_000;
const SIZE_FORCED_CONNECT_TIMEOUT_MS: Millis = 4_000;

/** Opens a flow to `target`. */
export function openTarget(registration: Registration, round: Round, target: Target): RoundStep {
  return open(registration, round, null, target, CONNECT_TIMEOUT_MS);
}

/** RFC 3261 §18.1.1: opens a stream to `target`, because the request is too large for the datagrams of `flow`. */
export function openStreamForSize(
  registration: Registration,
  round: Round,
  target: Target,
  flow: FlowRef,
): RoundStep {
  return open(registration, round, flow, { ...target, transport: 'tcp' }, SIZE_FORCED_CONNECT_TIMEOUT_MS);
}

function open(
  registration: Registration,
  round: Round,
  datagramFlow: FlowRef | null,
  target: Target,
  connectTimeoutMs: Millis,
): RoundStep {
  const next = roundDraft(round);
  next.datagramFlow = datagramFlow;
  next.phase = { name: 'opening', target };
  return {
    registration,
    round: next,
    effects: [{ type: 'openFlow', target, domain: hopOf(registration, round).domain, connectTimeoutMs }],
  };
}

/** The next hop of the round's request, before DNS. */
export function hopOf(registration: Registration, round: Round): Hop {
  const { profile } = registration.plan;
  // RFC 3261 §8.1.2: the top Route decides, but a sips Request-URI makes it TLS.
  const [proxy] = profile.proxies;
  const secure = round.requestUri.scheme === 'sips';
  if (proxy?.webSocket === undefined) {
    return nextHop(proxy ?? hopUri(registration, round), profile.transport, secure);
  }
  const { webSocket } = proxy;
  return { ...nextHop(proxy, webSocket.secure ? 'wss' : 'ws', secure), resource: webSocket.resource };
}

/** The registrar's own parameters (transport, maddr) choose the target, though the Request-URI leaves them out. */
function hopUri(registration: Registration, round: Round): SipUri {
  return round.visited.length === 1 ? registration.plan.profile.registrar : round.requestUri;
}

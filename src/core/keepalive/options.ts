// The OPTIONS that keeps a flow open (RFC 3261 §11): asked of the registrar in the name of one account. Its answer only
// has to come; what it says does not matter.

import { fromUri, type Plan } from '../registration/plan.ts';
import type { FlowRef } from '../registration/registration.ts';
import { type Rng, randomHex } from '../rng.ts';
import { formatMessage } from '../sip/format.ts';
import { addressText } from '../sip/ip.ts';
import { type HeaderField, NO_BODY } from '../sip/message.ts';
import { formatUri } from '../sip/uri.ts';
import type { OptionsRequest } from './keepalive.ts';

/** An OPTIONS to the registrar of `plan` over `flow`; each is a request of its own. */
export function optionsRequest(
  plan: Plan,
  flow: Pick<FlowRef, 'transport' | 'local'>,
  rng: Rng,
): OptionsRequest {
  const { profile } = plan;
  const branch = `z9hG4bK${randomHex(rng, 12)}`;
  const sentBy = addressText(flow.local);
  const registrar = formatUri({ ...profile.registrar, user: null, password: null, params: [], headers: [] });
  const headers: HeaderField[] = [
    { name: 'Via', value: `SIP/2.0/${flow.transport.toUpperCase()} ${sentBy};rport;branch=${branch}` },
    ...profile.proxies.map((proxy) => ({ name: 'Route', value: `<${formatUri(proxy)}>` })),
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: `<${fromUri(plan)}>;tag=${randomHex(rng, 8)}` },
    { name: 'To', value: `<${registrar}>` },
    { name: 'Call-ID', value: randomHex(rng, 16) },
    { name: 'CSeq', value: '1 OPTIONS' },
    { name: 'Accept', value: 'application/sdp' },
    // RFC 5626 §4.3: also in requests that register nothing.
    { name: 'Supported', value: 'path, outbound' },
    ...(profile.userAgent === null ? [] : [{ name: 'User-Agent', value: profile.userAgent }]),
    { name: 'Content-Length', value: '0' },
  ];
  const bytes = formatMessage({
    kind: 'request',
    method: 'OPTIONS',
    uri: registrar,
    version: 'SIP/2.0',
    headers,
    body: NO_BODY,
  });
  return { branch, bytes };
}

// The REGISTER (RFC 3261 §10.2): its header fields in the order in which proxies want them (§7.3.1).

import { formatMessage } from '../sip/format.ts';
import { optionTags, sameName } from '../sip/headers.ts';
import { bracketed } from '../sip/ip.ts';
import { type HeaderField, NO_BODY } from '../sip/message.ts';
import { formatUri, type SipUri } from '../sip/uri.ts';
import { type FlowRef, hasRegId, type Registration } from './registration.ts';

export type RegisterParts = {
  readonly requestUri: string;
  readonly routes: readonly SipUri[];
  readonly flow: FlowRef;
  readonly branch: string;
  readonly cseq: number;
  /** Contact values in order; our own first, because some registrars count only the first. */
  readonly contacts: readonly string[];
  /** Equal to our Contact's expires; null with no Contact at all. */
  readonly expires: number | null;
  readonly authorizations: readonly HeaderField[];
};

/** RFC 3261 §8.1.1.6. */
const MAX_FORWARDS = '70';
/** RFC 3327 §5.1: the registrar may then store a Path. */
const OPTIONS_BY_DEFAULT: readonly string[] = ['path'];
/** RFC 5626 §4.2.1; RFC 5627 §4.2: with an instance in the Contact the registrar may give it a GRUU. */
const OPTIONS_WITH_REG_ID: readonly string[] = ['outbound', 'gruu'];

/** The bytes of the REGISTER. */
export function registerRequest(registration: Registration, parts: RegisterParts): Uint8Array {
  return formatMessage({
    kind: 'request',
    method: 'REGISTER',
    uri: parts.requestUri,
    version: 'SIP/2.0',
    headers: registerHeaders(registration, parts),
    body: NO_BODY,
  });
}

function registerHeaders(registration: Registration, parts: RegisterParts): readonly HeaderField[] {
  const { plan, identity } = registration;
  const supported = supportedOptions(registration);
  const proxyFirst = parts.authorizations.filter((field) => field.name === 'Proxy-Authorization');
  const forRegistrar = parts.authorizations.filter((field) => field.name !== 'Proxy-Authorization');
  const headers: HeaderField[] = [
    { name: 'Via', value: viaValue(parts.flow, parts.branch, plan.offersKeep) },
    ...parts.routes.map((route) => ({ name: 'Route', value: `<${formatUri(route)}>` })),
    { name: 'Max-Forwards', value: MAX_FORWARDS },
    ...proxyFirst,
    { name: 'From', value: `<${formatUri(plan.from)}>;tag=${identity.fromTag}` },
    { name: 'To', value: `<${formatUri(plan.aor)}>` },
    { name: 'Call-ID', value: identity.callId },
    { name: 'CSeq', value: `${parts.cseq} REGISTER` },
    ...parts.contacts.map((value) => ({ name: 'Contact', value })),
  ];
  if (parts.expires !== null) headers.push({ name: 'Expires', value: String(parts.expires) });
  headers.push(...forRegistrar);
  if (supported.length > 0) headers.push({ name: 'Supported', value: supported.join(', ') });
  if (plan.userAgent !== null) headers.push({ name: 'User-Agent', value: plan.userAgent });
  headers.push(...plan.headers.filter((field) => !sameName(field.name, 'Supported')));
  headers.push({ name: 'Content-Length', value: '0' });
  return headers;
}

/** Option tags of Supported: ours and the account's, without those that a 420 has refused. */
export function supportedOptions(registration: Registration): readonly string[] {
  const own = optionTags(registration.plan.headers, 'Supported');
  const all = new Set([
    ...OPTIONS_BY_DEFAULT,
    ...(hasRegId(registration) ? OPTIONS_WITH_REG_ID : []),
    ...own,
  ]);
  return [...all].filter((tag) => !registration.refusedOptions.includes(tag));
}

function viaValue(flow: FlowRef, branch: string, offersKeep: boolean): string {
  const sentBy = `${bracketed(flow.local.address)}:${flow.local.port}`;
  // RFC 3581 §3: an empty rport asks for the source port that the server saw; RFC 6223 §4: so does keep for an interval.
  const keep = offersKeep ? ';keep' : '';
  return `SIP/2.0/${flow.transport.toUpperCase()} ${sentBy};rport${keep};branch=${branch}`;
}

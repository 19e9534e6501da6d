// The REGISTER (RFC 3261 §10.2): its header fields in the order in which proxies want them (§7.3.1).

import { oncePerObject } from '../made-once.ts';
import { ownText } from '../own-text.ts';
import { formatMessage } from '../sip/format.ts';
import { optionTags, sameName } from '../sip/headers.ts';
import { bracketed } from '../sip/ip.ts';
import { type HeaderField, NO_BODY } from '../sip/message.ts';
import { formatUri, type SipUri } from '../sip/uri.ts';
import { fromUri } from './plan.ts';
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
const MAX_FORWARDS: HeaderField = { name: 'Max-Forwards', value: '70' };
const NO_CONTENT: HeaderField = { name: 'Content-Length', value: '0' };
/** RFC 3327 §5.1: the registrar may then store a Path. */
const OPTIONS_BY_DEFAULT: readonly string[] = ['path'];
/** RFC 5626 §4.2.1; RFC 5627 §4.2: with an instance in the Contact the registrar may give it a GRUU. */
const OPTIONS_WITH_REG_ID: readonly string[] = [...OPTIONS_BY_DEFAULT, 'outbound', 'gruu'];

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
  const { profile } = plan;
  const headers: HeaderField[] = [];
  const add = (name: string, value: string): void => void headers.push({ name, value });
  add('Via', viaValue(parts.flow, parts.branch, profile.offersKeep));
  for (const route of parts.routes) add('Route', `<${formatUri(route)}>`);
  headers.push(MAX_FORWARDS);
  for (const field of parts.authorizations) if (isForProxy(field)) headers.push(field);
  add('From', `<${fromUri(plan)}>;tag=${identity.fromTag}`);
  add('To', `<${plan.aor}>`);
  add('Call-ID', identity.callId);
  add('CSeq', `${parts.cseq} REGISTER`);
  for (const contact of parts.contacts) add('Contact', contact);
  if (parts.expires !== null) add('Expires', String(parts.expires));
  for (const field of parts.authorizations) if (!isForProxy(field)) headers.push(field);
  const supported = supportedOptions(registration);
  if (supported.length > 0) headers.push(supportedField(supported));
  if (profile.userAgent !== null) add('User-Agent', profile.userAgent);
  for (const field of profile.headers) if (!sameName(field.name, 'Supported')) headers.push(field);
  headers.push(NO_CONTENT);
  return headers;
}

const supportedField = oncePerObject((tags: readonly string[]): HeaderField => {
  return { name: 'Supported', value: tags.join(', ') };
});

function isForProxy({ name }: HeaderField): boolean {
  return name === 'Proxy-Authorization';
}

/** Whether Supported names the extension unless the account or the registrar wants it left out. */
export function isOfferedByDefault(tag: string): boolean {
  return OPTIONS_WITH_REG_ID.includes(tag);
}

/** Option tags of Supported: ours and the account's, without those that a 420 has refused. */
export function supportedOptions(registration: Registration): readonly string[] {
  const ours = hasRegId(registration) ? OPTIONS_WITH_REG_ID : OPTIONS_BY_DEFAULT;
  const { plan, refusedOptions } = registration;
  const own = optionTags(plan.profile.headers, 'Supported');
  if (own.length === 0 && refusedOptions.length === 0) return ours;
  return [...new Set([...ours, ...own])].filter((tag) => !refusedOptions.includes(tag));
}

function viaValue(flow: FlowRef, branch: string, offersKeep: boolean): string {
  const { branchOnly, keepAndBranch } = viaBeginnings(flow);
  return (offersKeep ? keepAndBranch : branchOnly) + branch;
}

/** What a Via is before its branch, for all requests of a flow. */
const viaBeginnings = oncePerObject(({ transport, local }: FlowRef) => {
  // RFC 3581 §3: an empty rport asks for the source port that the server saw; RFC 6223 §4: so does keep for an interval.
  const sender = `SIP/2.0/${transport.toUpperCase()} ${bracketed(local.address)}:${local.port};rport`;
  return { branchOnly: ownText(`${sender};branch=`), keepAndBranch: ownText(`${sender};keep;branch=`) };
});

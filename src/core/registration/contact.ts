// Our own Contact (RFC 3261 §8.1.1.8, §10.2.1): the one of the account when it registers for another host, else one
// made from the flow, with the public address that the registrar sees (behaviour.md §15).

import { bracketed } from '../sip/ip.ts';
import { formatParams } from '../sip/params.ts';
import type { SocketAddress } from '../sip/transport.ts';
import { formatUri, type Param, parseUri, type SipUri, userOf } from '../sip/uri.ts';
import { sameUri } from '../sip/uri-compare.ts';
import type { Plan } from './plan.ts';
import { type FlowRef, hasRegId, type PublicAddress, type Registration } from './registration.ts';

/** A Contact URI of ours, and how it is written. */
export type OwnUri = { readonly uri: SipUri; readonly text: string };

export function ownUri(uri: SipUri): OwnUri {
  return { uri, text: formatUri(uri) };
}

/** The URI under which requests reach us over `flow`. */
export function contactUri(plan: Plan, flow: FlowRef, publicAddress: PublicAddress | null): SipUri {
  if (plan.contact.uri !== null) return plan.contact.uri;
  const { address, port } = addressSeen(publicAddress, flow.local);
  return {
    scheme: contactScheme(plan),
    user: contactUser(plan),
    password: null,
    host: bracketed(address),
    port,
    params: uriParams(plan, flow),
    headers: [],
  };
}

/** The user part (escaped) of the account's Contact; null: it has none. */
export function contactUser({ aor, contact: { uri, user } }: Plan): string | null {
  if (uri !== null) return uri.user;
  return user === '' ? null : (user ?? userOf(aor));
}

/** The address under which `local` is seen from outside: the public one when it was learned for just this address. */
export function addressSeen(publicAddress: PublicAddress | null, local: SocketAddress): SocketAddress {
  if (publicAddress === null) return local;
  const { from, seen } = publicAddress;
  const isSameAddress = from.address === null || from.address === local.address;
  return isSameAddress && from.port === local.port ? seen : local;
}

/** `uri` as the Contact value of this registration that asks for `expires` seconds (0 removes it). */
export function contactValue(registration: Registration, uri: string, expires: number): string {
  const params = expires === 0 ? '' : formatParams(registration.plan.contact.params);
  return `<${uri}>${params}${instanceParams(registration)};expires=${expires}`;
}

/** The Contact value that removes `uri`, a binding of another flow or of an earlier run. */
export function removalValue(uri: string): string {
  return `<${uri}>;expires=0`;
}

/** RFC 5626 §4.2.1, §4.2.2: instance and reg-id are the same in each refresh and in the removal. */
function instanceParams(registration: Registration): string {
  const { instanceId, regId } = registration;
  return hasRegId(registration) ? `;+sip.instance="<${instanceId}>";reg-id=${regId}` : '';
}

/**
 * The Contact of an earlier run that must go because `contact` takes its place, or null. An equal URI is the same
 * binding (RFC 3261 §10.3 step 7), so removing it would remove the new one.
 */
export function replacedContact(boundContact: string | null, contact: OwnUri): string | null {
  if (boundContact === contact.text) return null;
  const bound = boundUri(boundContact);
  return bound !== null && !sameUri(bound.uri, contact.uri) ? bound.text : null;
}

/** The Contact of an earlier run, as it was noted; null when there is none that can be read. */
export function boundUri(boundContact: string | null): OwnUri | null {
  if (boundContact === null) return null;
  const bound = parseUri(boundContact);
  return bound.ok ? ownUri(bound.value) : null;
}

/** RFC 3261 §8.1.1.8, §10.2.1: a sips Request-URI, top Route or AOR wants a sips Contact. */
export function contactScheme({ aor, contact, profile: { registrar, proxies } }: Plan): SipUri['scheme'] {
  if (contact.uri !== null) return contact.uri.scheme;
  const isSips = registrar.scheme === 'sips' || proxies[0]?.scheme === 'sips' || aor.startsWith('sips:');
  return isSips ? 'sips' : 'sip';
}

function uriParams(plan: Plan, flow: FlowRef): readonly Param[] {
  const { uriParams: own } = plan.contact;
  // A sips URI says TLS already; on UDP the parameter is the default and only costs interoperability.
  if (flow.transport === 'udp' || contactScheme(plan) === 'sips') return own;
  // behaviour.md §15: transport=tls knowingly deviates from RFC 5630, because registrars know TLS by nothing else.
  return [{ name: 'transport', value: flow.transport === 'wss' ? 'ws' : flow.transport }, ...own];
}

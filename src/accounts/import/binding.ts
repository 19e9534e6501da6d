// What a program was told to register. Where its whole Contact is written out, as OpenSIPS and reSIProcate have it, and an
// outbound instance beside it (RFC 5626), calls come back on the flow, and our own address takes the place of the written one.

import { unquote } from '../../core/sip/scan.ts';
import { formatUri, type Param, type SipUri, unescape as unescapeUser } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { paramsEntry, withoutTransport } from './server-address.ts';

/** `+sip.instance`, with or without its brackets; `+sip.instance` without reg-id is no outbound. */
export type OutboundIdentity = { readonly instance: string; readonly regId: string };

type BindingKeys = Pick<
  Partial<AccountEntry>,
  'contact' | 'contactUser' | 'contactUriParams' | 'outbound' | 'instanceId'
>;

export function bindingKeys(contact: SipUri, { instance, regId }: OutboundIdentity): BindingKeys {
  const urn = instance.replace(/^"?<|>"?$/g, '');
  const instanceId = urn === '' ? {} : { instanceId: urn };
  if (regId === '') return { contact: formatUri(contact), ...instanceId };
  const uriParams = paramsEntry(withoutTransport(contact).params);
  return {
    ...(contact.user !== null && { contactUser: unescapeUser(contact.user) }),
    ...(uriParams && { contactUriParams: uriParams }),
    outbound: 'on',
    ...instanceId,
  };
}

/** Header parameters of a Contact as `contactParams` has them. */
export function contactParamsEntry(params: readonly Param[]): AccountEntry['contactParams'] | undefined {
  if (params.length === 0) return undefined;
  return Object.fromEntries(
    params.map(({ name, value }): [string, string | number | true] => {
      const text = value === null ? true : unquote(value);
      const isNumber = name.toLowerCase() === 'q' && text !== true && /^[\d.]+$/.test(text);
      return [name, isNumber ? Number(text) : text];
    }),
  );
}

/** What the keys change in how the account is reached. */
export function bindingNotes(contact: SipUri, { regId }: OutboundIdentity): readonly string[] {
  return [
    ...(regId === '' ? [] : [`its Contact has the address of this host in place of ${contact.host}`]),
    ...(regId === '' || regId === '1'
      ? []
      : [`reg-id = ${regId} is left behind: sipreg numbers its flows itself`]),
  ];
}

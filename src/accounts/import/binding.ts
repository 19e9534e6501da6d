// What a program was told to register. Where its whole Contact is written out, as OpenSIPS and reSIProcate have it, and an
// outbound instance beside it (RFC 5626), calls come back on the flow, and our own address takes the place of the written one.

import { formatUri, type SipUri, unescape as unescapeUser } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { uriParamsEntry } from './param-lists.ts';
import { withoutTransport } from './server-address.ts';

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
  const uriParams = uriParamsEntry(withoutTransport(contact).params);
  return {
    ...(contact.user !== null && { contactUser: unescapeUser(contact.user) }),
    ...(uriParams && { contactUriParams: uriParams }),
    outbound: 'on',
    ...instanceId,
  };
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

// What this user agent can do, as its answers tell it (RFC 3261 §11.2, RFC 6665 §8.2.2), and the methods that it only
// knows by name.

import type { HeaderField } from '../sip/message.ts';

/** Methods that get an answer of their own. */
const SERVED: readonly string[] = ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'NOTIFY'];

/** Methods of RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086 and 6665 that are refused with 405; any other gets 501. */
const KNOWN: ReadonlySet<string> = new Set([
  'REGISTER',
  'SUBSCRIBE',
  'PUBLISH',
  'MESSAGE',
  'REFER',
  'INFO',
  'UPDATE',
  'PRACK',
]);

/** Extensions that a request may require. Both concern the registration, so that nothing follows for an answer. */
const OPTION_TAGS: readonly string[] = ['outbound', 'path'];

/** Events whose NOTIFY is taken without a subscription, as servers send them to every registered phone. */
const EVENTS: readonly string[] = ['keep-alive', 'message-summary'];

export const ACCEPT: HeaderField = { name: 'Accept', value: 'application/sdp' };
export const ACCEPT_ENCODING: HeaderField = { name: 'Accept-Encoding', value: 'identity' };
export const ACCEPT_LANGUAGE: HeaderField = { name: 'Accept-Language', value: 'en' };
export const ALLOW_EVENTS: HeaderField = { name: 'Allow-Events', value: EVENTS.join(', ') };
export const SUPPORTED: HeaderField = { name: 'Supported', value: OPTION_TAGS.join(', ') };

/** `configured`: methods that the account gives an answer to. */
export function allow(configured: Iterable<string>): HeaderField {
  return { name: 'Allow', value: [...new Set([...SERVED, ...configured])].join(', ') };
}

export function isServed(method: string): boolean {
  return SERVED.includes(method);
}

export function isKnown(method: string): boolean {
  return KNOWN.has(method);
}

/** Whether we know the option tag of a Require field. */
export function isSupported(tag: string): boolean {
  return OPTION_TAGS.includes(tag.toLowerCase());
}

/** Whether a NOTIFY may bring this event package. */
export function isEventTaken(eventPackage: string): boolean {
  return EVENTS.includes(eventPackage.toLowerCase());
}

/** Media types that may stand in a request; what they describe is never looked at, for no call is taken. */
export function isContentTaken(mediaType: string): boolean {
  const type = mediaType.toLowerCase();
  return type === 'application/sdp' || type.startsWith('multipart/');
}

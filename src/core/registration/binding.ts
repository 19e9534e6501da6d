// Which of the Contacts in a 2xx is ours, and how long it lasts (behaviour.md §4): by instance and reg-id, by URI, by
// count; and what holds when none of them is ours. Granted, not requested, is the truth.

import { printableUpTo } from '../health/evidence.ts';
import type { GrantSource, MatchedBy } from '../health/snapshot.ts';
import { ownText } from '../own-text.ts';
import { headerValue } from '../sip/headers.ts';
import type { HeaderField } from '../sip/message.ts';
import { type ContactExtract, extractContacts } from '../sip/name-addr.ts';
import { parseDeltaSeconds } from '../sip/numbers.ts';
import { parseUri } from '../sip/uri.ts';
import { sameUri } from '../sip/uri-compare.ts';
import type { OwnUri } from './contact.ts';
import { type Learned, NO_GRUU, type ReportedBinding } from './registration.ts';

/** What a 2xx says about our binding; `grantedSeconds` 0 means that it does not exist. */
export type Grant = {
  readonly grantedSeconds: number;
  readonly source: GrantSource;
  readonly matchedBy: MatchedBy;
  readonly bindings: readonly ReportedBinding[];
  readonly gruu: Learned['gruu'];
};

export type OwnContact = OwnUri & {
  /** `+sip.instance` as sent, without angle brackets; null when none was sent. */
  readonly instanceId: string | null;
  /** The reg-id, where RFC 5626 is applied. Without it several bindings may have our instance. */
  readonly regId: number | null;
};

/** What is of interest in a Contact of a 2xx. */
const PARAMS = ['expires', '+sip.instance', 'reg-id', 'pub-gruu', 'temp-gruu'] as const;

/** Longer than any Contact that somebody reads. */
const MAX_URI = 1_000;
/** RFC 3261 §10.2.1.1: a malformed expires counts as 3600. */
const MALFORMED_EXPIRES = 3600;

/** Reads the grant for `own` from the headers of a 2xx; `sentCount` is how many Contacts the request had, `known` the
 * GRUUs that it has. */
export function grantOf(
  headers: readonly HeaderField[],
  own: OwnContact,
  requestedSeconds: number,
  sentCount: number,
  known: Learned['gruu'] = NO_GRUU,
): Grant {
  const contacts = extractContacts(headers, PARAMS);
  const { matched, matchedBy } = findOwn(contacts, own, sentCount);
  const bindings = contacts.map((contact) => reported(contact, contact === matched, own.text));
  const { grantedSeconds, source } = grantedTime(contacts, matched, headers, requestedSeconds);
  return { grantedSeconds, source, matchedBy, bindings, gruu: gruuOf(matched, known) };
}

/** What the parameter says; null when it says nothing, or is not there. */
function said(contact: ContactExtract, param: (typeof PARAMS)[number]): string | null {
  return contact.values[PARAMS.indexOf(param)] ?? null;
}

type GrantedTime = Pick<Grant, 'grantedSeconds' | 'source'>;

function grantedTime(
  contacts: readonly ContactExtract[],
  matched: ContactExtract | null,
  headers: readonly HeaderField[],
  requestedSeconds: number,
): GrantedTime {
  const contactSeconds = matched === null ? null : contactExpires(matched);
  if (contactSeconds !== null) return { grantedSeconds: contactSeconds, source: 'contact' };
  const headerSeconds = expiresHeader(headers);
  if (matched === null && contacts.length > 0)
    return smallestGrant(contacts, headerSeconds, requestedSeconds);
  if (headerSeconds !== null) return { grantedSeconds: headerSeconds, source: 'expires-header' };
  return { grantedSeconds: requestedSeconds, source: 'requested' };
}

/** RFC 5627 §4.2: the GRUUs that the registrar has given our Contact; what is no URI is none. */
function gruuOf(matched: ContactExtract | null, known: Learned['gruu']): Learned['gruu'] {
  if (matched === null) return NO_GRUU;
  const pub = uriIn(said(matched, 'pub-gruu'), known.public);
  const temporary = uriIn(said(matched, 'temp-gruu'), known.temporary);
  if (pub === known.public && temporary === known.temporary) return known;
  return pub === null && temporary === null ? NO_GRUU : { public: pub, temporary };
}

/** `known`: what it was before; each refresh says the same. */
function uriIn(text: string | null, known: string | null): string | null {
  if (text === known) return known;
  return text !== null && parseUri(text).ok ? ownText(printableUpTo(MAX_URI, text)) : null;
}

/** All Contacts of a 2xx, the one that equals `own` marked. */
export function reportedBindings(
  headers: readonly HeaderField[],
  own: OwnUri | null,
): readonly ReportedBinding[] {
  return extractContacts(headers, PARAMS).map((contact) =>
    reported(contact, own !== null && isSameContact(contact, own), own?.text ?? null),
  );
}

function findOwn(
  contacts: readonly ContactExtract[],
  own: OwnContact,
  sentCount: number,
): { readonly matched: ContactExtract | null; readonly matchedBy: MatchedBy } {
  const byInstance = withOurInstance(contacts, own);
  if (byInstance !== undefined) return { matched: byInstance, matchedBy: 'instance' };
  const byUri = contacts.find((contact) => isSameContact(contact, own));
  if (byUri !== undefined) return { matched: byUri, matchedBy: 'uri' };
  // Registrars that rewrite the Contact (session border controllers) still return one for one.
  const only = contacts[0];
  if (sentCount === 1 && contacts.length === 1 && only !== undefined) {
    return { matched: only, matchedBy: 'count' };
  }
  return { matched: null, matchedBy: 'none' };
}

function withOurInstance(contacts: readonly ContactExtract[], own: OwnContact): ContactExtract | undefined {
  if (own.instanceId === null) return undefined;
  let first: ContactExtract | undefined;
  for (const contact of contacts) {
    if (!isSameInstance(contact, own)) continue;
    // Registrars that do not apply outbound keep the bindings of our earlier addresses under the same instance.
    if (own.regId === null && first !== undefined) return undefined;
    first ??= contact;
  }
  return first;
}

function isSameInstance(contact: ContactExtract, { instanceId, regId }: OwnContact): boolean {
  if (instanceId === null || !isInBrackets(instanceId, said(contact, '+sip.instance'))) return false;
  return regId === null || said(contact, 'reg-id') === String(regId);
}

function isInBrackets(urn: string, text: string | null): boolean {
  if (text?.length !== urn.length + 2 || !text.startsWith(urn, 1)) return false;
  return text.charAt(0) === '<' && text.charAt(text.length - 1) === '>';
}

function isSameContact(contact: ContactExtract, own: OwnUri): boolean {
  if (contact.uri === own.text) return true;
  const uri = parseUri(contact.uri);
  return uri.ok && sameUri(uri.value, own.uri);
}

/** `known`: a text that stays anyway; where the registrar says the same it is not kept twice. */
function reported(contact: ContactExtract, own: boolean, known: string | null): ReportedBinding {
  const uri = contact.uri === known ? known : ownText(printableUpTo(MAX_URI, contact.uri));
  return { uri, expires: contactExpires(contact), own };
}

function contactExpires(contact: ContactExtract): number | null {
  const text = said(contact, 'expires');
  return text === null ? null : (parseDeltaSeconds(text) ?? MALFORMED_EXPIRES);
}

/** The seconds of the Expires header; null without one that can be read. */
export function expiresHeader(headers: readonly HeaderField[]): number | null {
  const text = headerValue(headers, 'Expires');
  return text === null ? null : parseDeltaSeconds(text);
}

/**
 * Contacts, but none of them ours: the most careful reading (behaviour.md §4). Taking what was asked for left users of
 * other programs without their line for days; a short interval only costs a few REGISTERs.
 */
function smallestGrant(
  contacts: readonly ContactExtract[],
  headerSeconds: number | null,
  requestedSeconds: number,
): GrantedTime {
  const ofContacts = contacts
    .flatMap((contact) => contactExpires(contact) ?? [])
    .filter((seconds) => seconds > 0);
  const candidates: readonly GrantedTime[] = [
    ...ofContacts.map((grantedSeconds) => ({ grantedSeconds, source: 'contact' as const })),
    ...(headerSeconds !== null && headerSeconds > 0
      ? [{ grantedSeconds: headerSeconds, source: 'expires-header' as const }]
      : []),
    { grantedSeconds: requestedSeconds, source: 'requested' },
  ];
  return candidates.reduce((least, next) => (next.grantedSeconds < least.grantedSeconds ? next : least));
}

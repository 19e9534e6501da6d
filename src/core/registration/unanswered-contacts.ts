// Contacts of REGISTERs that nobody answered. The registrar may have bound them all the same, if only its answer was lost or
// late, and by then we may be reached at another: that of the next target's flow, say. The next 2xx lists what is bound
// (RFC 3261 §10.3 step 8), and a UA knows there what it has created (§10.2.4): such a Contact is removed. They are not
// durable: what a process leaves behind that is killed meanwhile ends with its time.

import { sameUriText } from '../sip/uri-compare.ts';

/** A Contact of a 2xx; `expires` is null when the registrar gave none. */
type Listed = { readonly uri: string; readonly expires: number | null };

/** Nearly every registration has these. */
export const NONE_UNANSWERED: readonly string[] = [];

/** More are not remembered: each costs a REGISTER when it is listed. */
const MAX_REMEMBERED = 4;

/** `unanswered` after a REGISTER with `contact` got no answer. */
export function withUnanswered(unanswered: readonly string[], contact: string): readonly string[] {
  const others = unanswered.filter((one) => one !== contact);
  return [...others.slice(1 - MAX_REMEMBERED), contact];
}

/** Those that the registrar has bound beside `own`. */
export function leftBehind(
  unanswered: readonly string[],
  bindings: readonly Listed[],
  own: string,
): readonly string[] {
  return unanswered.filter(
    (contact) =>
      !isSameContact(contact, own) &&
      bindings.some(({ uri, expires }) => expires !== 0 && isSameContact(uri, contact)),
  );
}

function isSameContact(one: string, other: string): boolean {
  return one === other || sameUriText(one, other);
}

// The bindings of one address-of-record (RFC 3261 §10.3, steps 6 to 8). An update is decided as a whole: it gives
// the new list or a refusal, never half of it. Leaves out RFC 5626 outbound, GRUU and push.

import { failure, type Result, success } from '../core/result.ts';
import { headerValue, listValues } from '../core/sip/headers.ts';
import type { HeaderField, SipRequest } from '../core/sip/message.ts';
import { formatNameAddr, type NameAddr, parseNameAddr } from '../core/sip/name-addr.ts';
import { parseDeltaSeconds } from '../core/sip/numbers.ts';
import { type Param, param, paramValue } from '../core/sip/uri.ts';
import { sameUriText } from '../core/sip/uri-compare.ts';
import type { Millis } from '../core/time.ts';
import { type Answer, refusal } from '../core/uas/response.ts';
import type { RegistrarSettings } from './settings.ts';

export type Binding = {
  readonly uri: string;
  /** Of the Contact, without `expires`: `q`, `+sip.instance` and their like. */
  readonly params: readonly Param[];
  readonly expiresAt: Millis;
  readonly callId: string;
  readonly cseq: number;
  /** The Path values that came with it (RFC 3327), in order. */
  readonly path: readonly string[];
};

/** The REGISTER that changes bindings: what of it is written down with them. */
export type Registration = {
  readonly request: SipRequest;
  readonly callId: string;
  readonly cseq: number;
  readonly path: readonly string[];
};

/** The bindings after `registration`; those of an earlier time that have expired are gone. */
export function updateBindings(
  bindings: readonly Binding[],
  registration: Registration,
  settings: Pick<RegistrarSettings, 'expires' | 'maxContacts'>,
  now: Millis,
): Result<readonly Binding[], Answer> {
  const current = currentBindings(bindings, now);
  const values = listValues(registration.request.headers, 'Contact');
  if (values.includes('*')) return removeAll(current, registration, values.length);
  const wishes = readWishes(registration.request.headers, values, settings);
  if (!wishes.ok) return wishes;
  const { callId, cseq } = registration;
  const isOld = wishes.value.some(({ contact }) =>
    current.some(
      (binding) => binding.callId === callId && binding.cseq >= cseq && sameContact(binding.uri, contact.uri),
    ),
  );
  if (isOld) return refuseOrder();
  const updated = wishes.value.reduce<readonly Binding[]>(
    (list, wish) => grant(list, wish, registration, now),
    current,
  );
  if (updated.length > settings.maxContacts) return failure(refusal(403, 'Too Many Contacts'));
  return success(updated);
}

/** Those that have not expired at `now`. */
export function currentBindings(bindings: readonly Binding[], now: Millis): readonly Binding[] {
  return bindings.filter(({ expiresAt }) => expiresAt > now);
}

/** The Contact values of a 2xx, each with the seconds it has left. */
export function contactHeaders(bindings: readonly Binding[], now: Millis): readonly HeaderField[] {
  return bindings.map((binding) => {
    const expires = { name: 'expires', value: String(secondsLeft(binding, now)) };
    const contact = { displayName: null, uri: binding.uri, params: [...binding.params, expires] };
    return { name: 'Contact', value: formatNameAddr(contact) };
  });
}

/** Rounded up: a binding that is there has at least one second. */
export function secondsLeft(binding: Binding, now: Millis): number {
  return Math.ceil((binding.expiresAt - now) / 1000);
}

/** A Contact and the seconds granted to it; 0 removes. */
type Wish = { readonly contact: NameAddr; readonly seconds: number };

/** RFC 3261 §10.3 step 6: `*` stands alone, with `Expires: 0`, and obeys the order of CSeq. */
function removeAll(
  current: readonly Binding[],
  { request, callId, cseq }: Registration,
  contactCount: number,
): Result<readonly Binding[], Answer> {
  const expires = parseDeltaSeconds(headerValue(request.headers, 'Expires') ?? '');
  if (contactCount !== 1 || expires !== 0)
    return failure(refusal(400, 'Contact * Needs Expires 0 and No Other Contact'));
  const isOld = current.some((binding) => binding.callId === callId && binding.cseq >= cseq);
  return isOld ? refuseOrder() : success([]);
}

function readWishes(
  headers: readonly HeaderField[],
  values: readonly string[],
  { expires }: Pick<RegistrarSettings, 'expires'>,
): Result<readonly Wish[], Answer> {
  const wishes: Wish[] = [];
  for (const value of values) {
    const contact = value.length > MAX_CONTACT_CHARACTERS ? null : parseNameAddr(value);
    if (!contact?.ok) return failure(refusal(400, 'Contact Malformed or Too Long'));
    const asked = askedSeconds(contact.value, headers, expires.defaultSeconds);
    // RFC 3261 §10.3 step 7: an hour is never too brief.
    if (asked > 0 && asked < expires.minSeconds && asked < 3600) {
      const header = { name: 'Min-Expires', value: String(expires.minSeconds) };
      return failure(refusal(423, 'Interval Too Brief', [header]));
    }
    wishes.push({ contact: contact.value, seconds: Math.min(asked, expires.maxSeconds) });
  }
  return success(wishes);
}

/** RFC 3261 §20.10, §20.19: what is malformed counts as an hour. */
function askedSeconds(contact: NameAddr, headers: readonly HeaderField[], defaultSeconds: number): number {
  const own = param(contact.params, 'expires');
  if (own !== undefined) return parseDeltaSeconds(paramValue(contact.params, 'expires') ?? '') ?? 3600;
  const common = headerValue(headers, 'Expires');
  return common === null ? defaultSeconds : (parseDeltaSeconds(common) ?? 3600);
}

/** A Contact takes the place of what it is equal to; one that stands twice in a request counts the last time. */
function grant(
  bindings: readonly Binding[],
  { contact, seconds }: Wish,
  { callId, cseq, path }: Registration,
  now: Millis,
): readonly Binding[] {
  const others = bindings.filter(({ uri }) => !sameContact(uri, contact.uri));
  if (seconds === 0) return others;
  const params = contact.params.filter(({ name }) => name.toLowerCase() !== 'expires');
  const expiresAt = now + seconds * 1000;
  return [...others, { uri: contact.uri, params, expiresAt, callId, cseq, path }];
}

/** Contacts may have any scheme; only SIP URIs have rules of their own. */
function sameContact(a: string, b: string): boolean {
  return a === b || sameUriText(a, b);
}

function refuseOrder(): Result<never, Answer> {
  return failure(refusal(500, 'CSeq Out of Order'));
}

/** Of one Contact value: with the bound on contacts it keeps every 2xx within a datagram. */
const MAX_CONTACT_CHARACTERS = 1024;

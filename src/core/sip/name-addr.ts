// `"Display" <uri>;params` and `uri;params`: the values of To, From, Contact, Route, Path and their like (RFC 3261
// §20.10, §25.1, RFC 8217). The URI stays text, because it may have any scheme.

import { failure, type Result, success } from '../result.ts';
import { listValues } from './headers.ts';
import type { HeaderField, ParseError } from './message.ts';
import { type ChosenValues, chosenValues, formatParams, parseParams } from './params.ts';
import { endOfQuoted, endOfToken, quote, skipSpace, unquote } from './scan.ts';
import type { Param } from './uri.ts';

const LESS = 0x3c;
const QUOTE = 0x22;

export type NameAddr = {
  /** Decoded; null when there is none. */
  readonly displayName: string | null;
  /** As written, without angle brackets. */
  readonly uri: string;
  /** Header parameters, as on the wire. */
  readonly params: readonly Param[];
};

/** Parses one value. Errors: SIP_PARSE_NAME_ADDR, SIP_PARSE_PARAM. */
export function parseNameAddr(value: string): Result<NameAddr, ParseError> {
  const text = value.trim();
  const address = addressIn(text);
  if (!address.ok) return address;
  const { uri, start, end } = address.value;
  const params = parseParams(text, end);
  if (!params.ok) return params;
  return success({ displayName: displayNameOf(text.slice(0, start)), uri, params: params.value });
}

/** Always with angle brackets: without them a comma, semicolon or question mark of the URI would be read as
 * something else (RFC 3261 §20, RFC 8217 §3). */
export function formatNameAddr({ displayName, uri, params }: NameAddr): string {
  const display = displayName === null ? '' : `${quote(displayName)} `;
  return `${display}<${uri}>${formatParams(params)}`;
}

/** All Contacts of a message. `star`: one of them is "*". Malformed ones are left out: they are somebody else's. */
export function parseContacts(headers: readonly HeaderField[]): {
  readonly star: boolean;
  readonly contacts: readonly NameAddr[];
} {
  const contacts: NameAddr[] = [];
  let star = false;
  for (const value of listValues(headers, 'Contact')) {
    if (value === '*') star = true;
    else {
      const contact = parseNameAddr(value);
      if (contact.ok) contacts.push(contact.value);
    }
  }
  return { star, contacts };
}

/** A Contact of which only some parameters are of interest. */
export type ContactExtract = {
  readonly uri: string;
  /** As chosenValues has them. */
  readonly values: ChosenValues;
};

/** Like parseContacts, without "*", and with what the parameters called `names` say. */
export function extractContacts(
  headers: readonly HeaderField[],
  names: readonly string[],
): readonly ContactExtract[] {
  let contacts: ContactExtract[] | null = null;
  for (const text of listValues(headers, 'Contact')) {
    const address = addressIn(text);
    const values = address.ok ? chosenValues(text, address.value.end, names) : null;
    if (!address.ok || values === null) continue;
    const contact = { uri: address.value.uri, values };
    // Most answers have one: a list that begins empty makes room for many.
    if (contacts === null) contacts = [contact];
    else contacts.push(contact);
  }
  return contacts ?? NO_CONTACTS;
}

const NO_CONTACTS: readonly ContactExtract[] = [];

/** The URI, and where it begins and its parameters do; what stands before it is the display name. */
type Address = { readonly uri: string; readonly start: number; readonly end: number };

function addressIn(text: string): Result<Address, ParseError> {
  const open = endOfDisplayName(text);
  if (text.charCodeAt(open) !== LESS) return addrSpecIn(text);
  const close = text.indexOf('>', open);
  if (close === -1) return nameAddrError('"<" is never closed', open);
  const uri = text.slice(open + 1, close).trim();
  if (!isUriText(uri)) return nameAddrError('there is no URI between "<" and ">"', open);
  return success({ uri, start: open, end: close + 1 });
}

/** RFC 3261 §20.10: without brackets every ";param" belongs to the header, and the URI has no "?" and no ",". */
function addrSpecIn(text: string): Result<Address, ParseError> {
  const semicolon = text.indexOf(';');
  const end = semicolon === -1 ? text.length : semicolon;
  const uri = text.slice(0, end).trimEnd();
  if (!isUriText(uri) || /[?,]/.test(uri)) return nameAddrError('neither a URI nor <URI>', 0);
  return success({ uri, start: 0, end });
}

/** The offset of "<" if a display name, or nothing, stands before it. RFC 4475 §3.1.1.6: no space is needed. */
function endOfDisplayName(text: string): number {
  if (text.charCodeAt(0) === QUOTE) {
    const end = endOfQuoted(text, 0);
    return end === -1 ? text.length : skipSpace(text, end);
  }
  let at = 0;
  for (let end = endOfToken(text, at); end > at; end = endOfToken(text, at)) at = skipSpace(text, end);
  return at;
}

function displayNameOf(text: string): string | null {
  const trimmed = text.trim();
  return trimmed === '' ? null : unquote(trimmed);
}

/** `scheme:something` of any scheme, without white space, quotes and brackets. */
function isUriText(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20"<>\x7f]+$/.test(text);
}

function nameAddrError(message: string, offset: number): Result<never, ParseError> {
  return failure({ code: 'SIP_PARSE_NAME_ADDR', message, offset });
}

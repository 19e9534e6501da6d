// What is read out of an X.509 certificate: its names (RFC 5280 §4.2.1.6), its dates and its fingerprints. The form
// of Node's `subjectAltName` text is handled here and nowhere else.

import { createHash, type X509Certificate } from 'node:crypto';
import { type Expiry, expiryOf } from '../../core/health/certificate-expiry.ts';

/** One entry of subjectAltName: `type` as OpenSSL names it ("DNS", "URI", "IP Address", "email" …). */
export type AlternativeName = { readonly type: string; readonly value: string };

export type CertificateFacts = {
  /** Newer certificates have an empty one (RFC 5280 §4.1.2.6): their first alternative name then. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal, in upper case as OpenSSL prints it. */
  readonly serial: string;
  /** RFC 3339, UTC. */
  readonly validFrom: string;
  readonly validTo: string;
  /** SHA-256 of the certificate, hexadecimal in lower case. */
  readonly sha256: string;
  /** Whether there is a subjectAltName at all, even one in which nothing can be read. */
  readonly hasAlternativeNames: boolean;
  readonly names: readonly AlternativeName[];
  readonly commonNames: readonly string[];
};

export function factsOf(certificate: X509Certificate): CertificateFacts {
  const names = parseAlternativeNames(certificate.subjectAltName ?? '');
  return {
    subject: subjectText(certificate.subject, names),
    issuer: onOneLine(certificate.issuer),
    serial: printable(certificate.serialNumber),
    validFrom: isoTime(certificate.validFrom),
    validTo: isoTime(certificate.validTo),
    sha256: sha256Of(certificate.raw),
    hasAlternativeNames: certificate.subjectAltName !== undefined,
    names,
    commonNames: commonNamesOf(certificate),
  };
}

/** How near its end a certificate with these dates (RFC 3339) is at the wall-clock time `now`. */
export function certificateExpiry(
  { validFrom, validTo }: Pick<CertificateFacts, 'validFrom' | 'validTo'>,
  now: Date,
): Expiry {
  return expiryOf({ beganAt: Date.parse(validFrom), endsAt: Date.parse(validTo) }, now.getTime());
}

/** The SHA-256 of the public key (SPKI), hexadecimal in lower case; it outlives a renewal with the same key. */
export function publicKeySha256(certificate: X509Certificate): string {
  return sha256Of(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

/** Splits `DNS:a, URI:sip:b`. A value with special characters comes as a JSON string, commas and all. */
export function parseAlternativeNames(text: string): readonly AlternativeName[] {
  const names: AlternativeName[] = [];
  for (const [, type = '', quoted, plain = ''] of text.matchAll(ALTERNATIVE_NAME)) {
    names.push({ type, value: quoted === undefined ? plain : unquote(quoted) });
  }
  return names;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    // No name that is compared with anything looks like this, so the entry stays visible and matches nothing.
    return text;
  }
}

function commonNamesOf(certificate: X509Certificate): readonly string[] {
  const subject: { readonly CN?: string | readonly string[] } = certificate.toLegacyObject().subject ?? {};
  if (subject.CN === undefined) return [];
  return typeof subject.CN === 'string' ? [subject.CN] : subject.CN;
}

function subjectText(subject: string, [first]: readonly AlternativeName[]): string {
  const text = onOneLine(subject);
  return text === EMPTY_NAME && first !== undefined ? printable(`${first.type}:${first.value}`) : text;
}

/** Node writes one attribute a line; the most specific one comes last. */
function onOneLine(name: string): string {
  const attributes = (name ?? '').split('\n').filter((line) => line !== '');
  return attributes.length === 0 ? EMPTY_NAME : printable(attributes.reverse().join(', '));
}

const EMPTY_NAME = '(empty)';

/** A stranger wrote the names of a certificate: no control character of theirs reaches a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?').slice(0, MAX_SHOWN_CHARACTERS);
}

/** OpenSSL's "Nov  5 12:00:00 2026 GMT" as RFC 3339; what is no date stays as it is. */
function isoTime(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : new Date(time).toISOString().replace('.000Z', 'Z');
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const ALTERNATIVE_NAME = /([A-Za-z][A-Za-z ]*):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g;
const MAX_SHOWN_CHARACTERS = 256;

// Is this certificate the server's that we meant? RFC 5922 §7 for SIP, plus the looser ways that an account may
// choose by name. The chain of trust is OpenSSL's work; here only names and fingerprints are compared.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { withoutBrackets } from '../../core/sip/ip.ts';
import { type CertificateFacts, factsOf, printable, publicKeySha256 } from './certificate-facts.ts';
import type { TlsSettings } from './settings.ts';

/** The names to compare with: the SIP domain before any DNS (RFC 5922 §7.3), and the host that DNS led to. */
export type WantedNames = { readonly domain: string; readonly host: string };

export type IdentityMismatch = {
  readonly code: 'tls.name-mismatch' | 'tls.pin-mismatch';
  readonly cause: string;
};

/** Why the certificate does not identify the server, or null when it does. */
export function checkIdentity(
  certificate: X509Certificate,
  wanted: WantedNames,
  settings: TlsSettings,
): IdentityMismatch | null {
  switch (settings.verify) {
    case 'none':
      return null;
    case 'pin':
      return checkPins(certificate, settings.pins);
    case 'host':
      return checkAsWebHost(certificate, wanted, settings);
    case 'rfc5922':
      return checkSipDomain(certificate, settings.serverName ?? wanted.domain, settings.allowWildcard);
  }
}

/** The SIP domain identities of a certificate (RFC 5922 §7.1), in the order of the certificate. */
export function sipIdentitiesOf(facts: CertificateFacts): readonly string[] {
  if (!facts.hasAlternativeNames) {
    // Only without any subjectAltName may the CN be looked at; which of several is meant nobody says.
    return facts.commonNames.length === 1 ? facts.commonNames : [];
  }
  const uriIdentities = facts.names.flatMap(({ type, value }) =>
    type === 'URI' ? (domainOfSipUri(value) ?? []) : [],
  );
  if (uriIdentities.length > 0) return uriIdentities;
  return facts.names.filter(({ type }) => type === 'DNS').map(({ value }) => value);
}

function checkSipDomain(
  certificate: X509Certificate,
  domain: string,
  allowWildcard: boolean,
): IdentityMismatch | null {
  const facts = factsOf(certificate);
  const name = withoutBrackets(domain);
  const matches =
    isIP(name) === 0
      ? sipIdentitiesOf(facts).some((identity) => isSameDomain(identity, name, allowWildcard))
      : certificate.checkIP(name) !== undefined;
  return matches ? null : nameMismatch(facts, [name], allowWildcard ? '' : wildcardHint(facts, name));
}

/** As HTTPS does it (RFC 9525): wildcards count, and so does the host that SRV led to. */
function checkAsWebHost(
  certificate: X509Certificate,
  wanted: WantedNames,
  settings: TlsSettings,
): IdentityMismatch | null {
  const names = settings.serverName === null ? [wanted.domain, wanted.host] : [settings.serverName];
  const hosts = [...new Set(names.map(withoutBrackets))];
  const matches = hosts.some((host) =>
    isIP(host) === 0
      ? certificate.checkHost(host, { partialWildcards: false }) !== undefined
      : certificate.checkIP(host) !== undefined,
  );
  return matches ? null : nameMismatch(factsOf(certificate), hosts, '');
}

function checkPins(certificate: X509Certificate, pins: readonly string[]): IdentityMismatch | null {
  const sha256 = factsOf(certificate).sha256;
  const publicKey = publicKeySha256(certificate);
  const accepted = new Set(pins.map(hexOfPin));
  if (accepted.has(sha256) || accepted.has(publicKey)) return null;
  return {
    code: 'tls.pin-mismatch',
    cause: `the server's certificate has SHA-256 ${sha256} (its public key ${publicKey}), which is not pinned`,
  };
}

/** A pin in hexadecimal, from hexadecimal (with or without colons) or base64; null when it is neither. */
export function hexOfPin(pin: string): string | null {
  const hex = pin.replaceAll(/[:\s]/g, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  // curl writes two slashes; base64 may itself begin with one.
  const base64 = /^(?:sha256\/{1,2})?([A-Za-z0-9+/]{43}=?)$/i.exec(pin.trim())?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}

/** The host of a `sip:` URI without userpart; null for every other URI (RFC 5922 §7.1). */
function domainOfSipUri(uri: string): string | null {
  const match = /^sip:([^@;?/:[\]]+)(?::\d+)?(?:[;?].*)?$/i.exec(uri);
  return uri.includes('@') ? null : (match?.[1] ?? null);
}

/** RFC 5922 §7.2: whole names, without case; a wildcard stands for one leftmost label, and only where allowed. */
function isSameDomain(identity: string, domain: string, allowWildcard: boolean): boolean {
  const offered = withoutFinalDot(identity.toLowerCase());
  const wanted = withoutFinalDot(domain.toLowerCase());
  if (offered === wanted) return !offered.includes('*');
  if (!allowWildcard || !offered.startsWith('*.')) return false;
  const parent = wanted.slice(wanted.indexOf('.') + 1);
  return wanted.includes('.') && parent.includes('.') && offered.slice(2) === parent;
}

function nameMismatch(facts: CertificateFacts, wanted: readonly string[], hint: string): IdentityMismatch {
  const offered = describeNames(facts);
  return {
    code: 'tls.name-mismatch',
    cause: `the certificate is not for ${wanted.join(' or ')}, but for ${offered}${hint}`,
  };
}

function wildcardHint(facts: CertificateFacts, domain: string): string {
  const wouldMatch = sipIdentitiesOf(facts).some((identity) => isSameDomain(identity, domain, true));
  return wouldMatch ? '; RFC 5922 forbids wildcards, tls.allowWildcard permits them' : '';
}

/** The names a certificate offers, for people; a hostile one may hold thousands. */
function describeNames(facts: CertificateFacts): string {
  const names = facts.hasAlternativeNames
    ? facts.names.map(({ type, value }) => printable(`${type}:${value}`))
    : facts.commonNames.map((name) => printable(`CN=${name}`));
  if (names.length === 0) return 'no name at all';
  const shown = names.slice(0, MAX_SHOWN_NAMES).join(', ');
  return names.length > MAX_SHOWN_NAMES ? `${shown} and ${names.length - MAX_SHOWN_NAMES} more` : shown;
}

function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

const MAX_SHOWN_NAMES = 8;

// A TLS handshake as facts of `sipreg doctor`: what was agreed, what the server showed, and which of the checks of RFC 5922
// it passed. When it failed, its verdict says which check that was, and the certificate is shown as evidence.

import type { Failure, VerdictCode } from '../../core/health/verdict.ts';
import { durationText } from '../../core/health/words.ts';
import { type CertificateFacts, certificateExpiry } from '../../runtime/tls/certificate-facts.ts';
import type { HandshakeFacts } from '../../runtime/tls/diagnosis.ts';
import type { TlsSettings } from '../../runtime/tls/settings.ts';
import { type Fact, type FactCode, fail, ok, warn } from './fact.ts';

/** Which check a verdict is about; every other one is the handshake's. */
const CHECKS: Partial<Readonly<Record<VerdictCode, FactCode>>> = {
  'tls.expired': 'tls.dates',
  'tls.not-yet-valid': 'tls.dates',
  'tls.name-mismatch': 'tls.name',
  'tls.untrusted': 'tls.chain',
  'tls.pin-mismatch': 'tls.chain',
  'tls.purpose': 'tls.chain',
  'tls.weak': 'tls.chain',
  'tls.client-certificate': 'tls.client-certificate',
  'tls.own-material': 'tls.files',
};

/** A handshake that did not come to a good end; `facts` is null when it did not come as far as a certificate. */
export function failedHandshakeFacts(failure: Failure, facts: HandshakeFacts | null): readonly Fact[] {
  const shown = facts === null ? [] : certificateFacts(facts);
  return [...shown, fail(CHECKS[failure.code] ?? 'tls.handshake', failure)];
}

/** A handshake that is complete, `seconds` after the connection was asked for. */
export function handshakeFacts(
  facts: HandshakeFacts,
  domain: string,
  settings: TlsSettings,
  seconds: number,
): readonly Fact[] {
  const { session, serverName } = facts;
  const asked = serverName === null ? 'no server name sent' : `server name ${serverName}`;
  const agreed = `${session?.protocol ?? 'TLS'} ${session?.cipher ?? ''}`.trim();
  return [
    ok('tls.handshake', `${agreed}, ${asked}`, { seconds }),
    ...certificateFacts(facts),
    chainFact(facts, settings),
    nameFact(facts, domain, settings),
    dateFact(facts),
    clientCertificateFact(facts),
  ];
}

function certificateFacts({ chain }: HandshakeFacts): readonly Fact[] {
  const [leaf] = chain;
  if (leaf === undefined) return [];
  return [ok('tls.certificate', `${leaf.subject}, issued by ${leaf.issuer}, SHA-256 ${leaf.sha256}`)];
}

function chainFact({ chain }: HandshakeFacts, { verify, ca }: TlsSettings): Fact {
  const subjects = chain.map(({ subject }) => subject).join(' ← ');
  const last = chain.at(-1);
  const issuer = last === undefined || last.subject === last.issuer ? '' : ` ← ${last.issuer}`;
  const path = `${subjects}${issuer}`;
  if (verify === 'none') {
    return warn(
      'tls.chain',
      `${path}: not checked`,
      'tls.verify is "none": anybody could answer; set it to "rfc5922"',
    );
  }
  if (verify === 'pin') return ok('tls.chain', `${path}: one of tls.pins`);
  const anchor = ca === null ? 'the CAs of Node.js' : ca === 'system' ? "the system's CAs" : ca;
  return ok('tls.chain', `${path}: trusted by ${anchor}`);
}

function nameFact({ chain }: HandshakeFacts, domain: string, { verify, serverName }: TlsSettings): Fact {
  const names = namesText(chain[0]);
  if (verify === 'none' || verify === 'pin')
    return ok('tls.name', `${names}: not compared (tls.verify is "${verify}")`);
  const rule = verify === 'rfc5922' ? 'RFC 5922' : 'as HTTPS does';
  return ok('tls.name', `${names}: is for ${serverName ?? domain} (${rule})`);
}

function namesText(leaf: CertificateFacts | undefined): string {
  if (leaf === undefined) return 'no certificate';
  if (leaf.hasAlternativeNames) return leaf.names.map(({ type, value }) => `${type}:${value}`).join(', ');
  return leaf.commonNames.map((name) => `CN=${name}`).join(', ');
}

/** The certificate of the chain that ends first decides. */
function dateFact({ chain, clock }: HandshakeFacts): Fact {
  const now = new Date(clock);
  const [first] = chain.toSorted((a, b) => Date.parse(a.validTo) - Date.parse(b.validTo));
  if (first === undefined) return ok('tls.dates', 'no certificate');
  const { level, daysLeft } = certificateExpiry(first, now);
  const left = durationText((Date.parse(first.validTo) - now.getTime()) / 1000);
  const whose = first === chain[0] ? '' : `${first.subject}: `;
  const text = `${whose}valid from ${first.validFrom} to ${first.validTo}, ${left} left`;
  if (level === 'ok' || daysLeft === null) return ok('tls.dates', text);
  return warn('tls.dates', text, 'the certificate of the server has to be renewed soon: tell the provider');
}

function clientCertificateFact({ session, ownCertificate: own }: HandshakeFacts): Fact {
  const ours = own === null ? 'we have none' : `ours is ${own.file}, valid to ${own.validTo}`;
  if (session?.clientCertificateRequested !== true) {
    return ok('tls.client-certificate', `the server did not ask for one; ${ours}`);
  }
  if (own !== null) return ok('tls.client-certificate', `the server asked for one, ${ours}`);
  // RFC 8446 §4.4.2.4: in TLS 1.3 it refuses that only now.
  return ok('tls.client-certificate', `the server asked for one; ${ours}`);
}

// Why a TLS handshake failed, in a verdict with both sides' facts. Node's messages are not shown: they differ
// between versions, carry thread ids and advice that does not fit. OpenSSL 3.0 and 3.5 spell alerts differently
// (ERR_SSL_SSLV3_ALERT_…, ERR_SSL_SSL/TLS_ALERT_…), so only what follows the prefix counts. Pure, but for its types.

import { type Failure, failureOf } from '../../core/health/verdict.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import { formatAddress, type SystemError } from '../transport/system-error.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import type { OwnCertificate } from './material.ts';
import type { TlsVersion } from './settings.ts';

/** What was known when the handshake failed. */
export type HandshakeFacts = {
  readonly remote: SocketAddress;
  /** The name sent as SNI; null: none, because the server is meant by its IP address. */
  readonly serverName: string | null;
  /** The server's chain, leaf first, as far as it came. */
  readonly chain: readonly CertificateFacts[];
  readonly ownCertificate: OwnCertificate | null;
  /** null: the handshake did not come as far as the server's choice. */
  readonly session: {
    readonly protocol: string;
    readonly cipher: string;
    readonly clientCertificateRequested: boolean;
  } | null;
  readonly minVersion: TlsVersion;
  /** RFC 3339: our wall clock, by which dates were judged. */
  readonly clock: string;
};

/** The verdict for an error before the handshake was complete. */
export function diagnoseHandshake(error: SystemError, facts: HandshakeFacts): Failure {
  const code = error.code ?? '';
  return (
    diagnoseVerification(code, error.message, facts) ??
    diagnoseAlert(code, facts) ??
    diagnoseProtocol(code, facts) ??
    diagnoseSocket(error, facts)
  );
}

/** The verdict for an error after the handshake: in TLS 1.3 the server judges our certificate only then. Null when
 * it is no matter of TLS. */
export function diagnoseAfterHandshake(error: SystemError, facts: HandshakeFacts): Failure | null {
  const code = error.code ?? '';
  if (!code.startsWith('ERR_SSL')) return null;
  return diagnoseAlert(code, facts) ?? diagnoseProtocol(code, facts) ?? unknownCause(code, facts);
}

/** A close without an alert right after the handshake is how many servers refuse a client's certificate. */
export function diagnoseSilentClose(facts: HandshakeFacts): Failure {
  const cause = `${place(facts)} completed the handshake and closed the connection before it sent anything; ${ownSide(facts)}`;
  const advice =
    'it most likely wants a client certificate that it trusts (tls.cert, tls.key); its log tells';
  return failureOf('tls.client-certificate', cause, { advice });
}

/** Our own timer ended a handshake. */
export function diagnoseTimeout(facts: HandshakeFacts, seconds: number): Failure {
  return failureOf('tls.timeout', `${place(facts)} did not complete the handshake within ${seconds} s`);
}

/** Errors of the verification of the server's chain (X509_V_ERR_…). */
function diagnoseVerification(code: string, message: string, facts: HandshakeFacts): Failure | null {
  const leaf = facts.chain[0];
  const shown = leaf === undefined ? 'the certificate' : `the certificate of "${leaf.subject}"`;
  const issuer = leaf === undefined ? 'its issuer' : `its issuer "${leaf.issuer}"`;
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return failureOf('tls.expired', `${expiredOne(facts)}; this host's clock says ${facts.clock}`);
    case 'CERT_NOT_YET_VALID':
      return failureOf('tls.not-yet-valid', `${futureOne(facts)}; this host's clock says ${facts.clock}`);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return untrusted(
        facts,
        `${shown} is signed by itself`,
        'pin it (tls.verify, tls.pins) or put it into tls.ca',
      );
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return untrusted(
        facts,
        `the server sent its own root "${rootOf(facts)?.subject ?? 'unknown'}", which this host does not trust`,
        'put that root into tls.ca if the fingerprint is the right one, or pin the certificate',
        rootOf(facts),
      );
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return untrusted(
        facts,
        `${shown} cannot be traced to a CA of this host: ${issuer} is not known here; ${sentText(facts)}`,
        'put your CA into tls.ca; if the issuer is a public intermediate, the provider forgot to send it: put it there too',
      );
    case 'INVALID_PURPOSE':
      return failureOf('tls.purpose', `${shown} does not allow the use as a server (extended key usage)`);
    case 'CERT_REVOKED':
      return untrusted(facts, `${shown} has been revoked`, 'the provider has to install a new certificate');
    default:
      if (TOO_WEAK.test(message) || TOO_WEAK_CODE.test(code)) {
        return failureOf('tls.weak', `${shown} is too weak for OpenSSL: ${weakness(message, code)}`);
      }
      return VERIFICATION_CODES.test(code) ? untrusted(facts, `${shown} was refused (${code})`, null) : null;
  }
}

/** Alerts: what the server says of us (RFC 8446 §6.2). */
function diagnoseAlert(code: string, facts: HandshakeFacts): Failure | null {
  const alert = ALERT.exec(code)?.[1] ?? '';
  if (alert === 'PROTOCOL_VERSION') return noCommonVersion(facts);
  if (alert === 'HANDSHAKE_FAILURE' || alert === 'INSUFFICIENT_SECURITY') {
    const cause = `${place(facts)} refused the handshake (${alertName(alert)}); ${ownSide(facts)}`;
    // Version and cipher were agreed on before it asked for our certificate: nothing else is left to refuse.
    const isOurs = facts.session?.clientCertificateRequested === true;
    if (isOurs) return failureOf('tls.client-certificate', cause);
    return failureOf('tls.handshake', `${cause}; we offer ${offer(facts)} with the ciphers of OpenSSL`);
  }
  if (alert === 'UNRECOGNIZED_NAME') {
    const asked = facts.serverName === null ? 'without a name' : `for "${facts.serverName}"`;
    const cause = `${place(facts)} has no certificate ${asked} (unrecognized name)`;
    return failureOf('tls.handshake', cause, {
      advice: 'set tls.serverName to a name that the server serves',
    });
  }
  const refusal = CERTIFICATE_ALERTS[alert];
  if (refusal === undefined) return null;
  return failureOf('tls.client-certificate', `${place(facts)} ${refusal}; ${ownSide(facts)}`);
}

/** Errors that our own OpenSSL finds in what the server sends. */
function diagnoseProtocol(code: string, facts: HandshakeFacts): Failure | null {
  const reason = code.replace(/^ERR_SSL_/, '');
  if (reason === code) return null;
  if (NOT_TLS.has(reason)) {
    return failureOf('tls.not-tls', `what ${place(facts)} answers is not TLS (${code})`);
  }
  if (WRONG_VERSION.has(reason)) return noCommonVersion(facts);
  if (TOO_WEAK_CODE.test(code)) {
    return failureOf('tls.weak', `${place(facts)} offers what is too weak for OpenSSL (${code})`);
  }
  return unknownCause(code, facts);
}

function diagnoseSocket(error: SystemError, facts: HandshakeFacts): Failure {
  switch (error.code) {
    case 'ECONNRESET': {
      // Node says this of a FIN too, but then no system call was made.
      const how = error.syscall === 'read' ? 'reset the connection' : 'closed the connection';
      return failureOf('tls.closed', `${place(facts)} ${how} during the handshake`);
    }
    case 'EPIPE':
    case 'ECONNABORTED':
      return failureOf('tls.closed', `${place(facts)} closed the connection during the handshake`);
    case 'EPROTO':
      return failureOf('tls.not-tls', `what ${place(facts)} answers is not TLS (EPROTO)`);
    default:
      return unknownCause(error.code ?? error.message, facts);
  }
}

function noCommonVersion(facts: HandshakeFacts): Failure {
  const cause = `${place(facts)} speaks no TLS version that we do: we offer ${offer(facts)}`;
  return failureOf('tls.version', cause);
}

/** Our range of versions. */
function offer({ minVersion }: HandshakeFacts): string {
  return minVersion === 'TLSv1.3' ? 'TLSv1.3 only' : `${minVersion} to TLSv1.3`;
}

function unknownCause(code: string, facts: HandshakeFacts): Failure {
  return failureOf('tls.failed', `the handshake with ${place(facts)} failed: ${code}`);
}

/** `shown`: the certificate whose fingerprint is to be compared. */
function untrusted(
  facts: HandshakeFacts,
  cause: string,
  advice: string | null,
  shown = facts.chain[0],
): Failure {
  const sha256 = shown?.sha256;
  const evidence = sha256 === undefined ? '' : ` (its SHA-256 is ${sha256})`;
  return failureOf('tls.untrusted', `${cause}${evidence}`, advice === null ? {} : { advice });
}

function expiredOne(facts: HandshakeFacts): string {
  const one = facts.chain.find(({ validTo }) => validTo < facts.clock);
  return one === undefined ? 'a certificate has expired' : `"${one.subject}" expired on ${one.validTo}`;
}

function futureOne(facts: HandshakeFacts): string {
  const one = facts.chain.find(({ validFrom }) => validFrom > facts.clock);
  return one === undefined
    ? 'a certificate is not valid yet'
    : `"${one.subject}" is not valid before ${one.validFrom}`;
}

function rootOf(facts: HandshakeFacts): CertificateFacts | undefined {
  return facts.chain.at(-1);
}

/** A server that forgot its intermediates sends one certificate. */
function sentText({ chain }: HandshakeFacts): string {
  return chain.length === 1
    ? 'the server sent this certificate alone'
    : `the server sent ${chain.length} certificates`;
}

/** Our certificate, whether it was asked for, and what had been agreed on. */
function ownSide({ ownCertificate, session }: HandshakeFacts): string {
  const own =
    ownCertificate === null
      ? 'we have no client certificate'
      : `our client certificate is ${ownCertificate.file} ("${ownCertificate.subject}", serial ${ownCertificate.serial}, valid to ${ownCertificate.validTo})`;
  if (session === null) return own;
  const asked = session.clientCertificateRequested ? 'it asked for one' : 'it did not ask for one';
  return `${own}, and ${asked}; ${session.protocol} ${session.cipher}`;
}

function place(facts: HandshakeFacts): string {
  const address = formatAddress(facts.remote);
  return facts.serverName === null ? address : `${facts.serverName} (${address})`;
}

function alertName(alert: string): string {
  return alert.toLowerCase().replaceAll('_', ' ');
}

function weakness(message: string, code: string): string {
  return TOO_WEAK.exec(message)?.[0] ?? code;
}

const ALERT = /^ERR_SSL_(?:SSLV3|TLSV13|TLSV1|SSL\/TLS)_(?:ALERT_)?(.+)$/;

const CERTIFICATE_ALERTS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'wants a client certificate',
  NO_CERTIFICATE: 'wants a client certificate',
  UNKNOWN_CA: 'does not trust the CA of our client certificate',
  BAD_CERTIFICATE: 'does not accept our client certificate',
  UNSUPPORTED_CERTIFICATE: 'does not accept this kind of client certificate',
  CERTIFICATE_REVOKED: 'says that our client certificate is revoked',
  CERTIFICATE_EXPIRED: 'says that our client certificate has expired',
  CERTIFICATE_UNKNOWN: 'does not accept our client certificate',
  ACCESS_DENIED: 'knows our client certificate and denies it access',
};

const NOT_TLS = new Set([
  'WRONG_VERSION_NUMBER',
  'HTTP_REQUEST',
  'HTTPS_PROXY_REQUEST',
  'PACKET_LENGTH_TOO_LONG',
  'BAD_RECORD_TYPE',
  'UNEXPECTED_MESSAGE',
  'RECORD_TOO_SMALL',
  'RECORD_LAYER_FAILURE',
]);

const WRONG_VERSION = new Set([
  'UNSUPPORTED_PROTOCOL',
  'VERSION_TOO_LOW',
  'VERSION_TOO_HIGH',
  'NO_PROTOCOLS_AVAILABLE',
  'WRONG_SSL_VERSION',
]);

const TOO_WEAK =
  /(?:CA signature digest algorithm|EE certificate key|CA certificate key|CA md|EE key) too (?:weak|small)/i;
const TOO_WEAK_CODE = /(?:KEY_TOO_SMALL|MD_TOO_WEAK|LEGACY_SIGALG|WRONG_SIGNATURE_TYPE|DH_KEY_TOO)/;

/** Node's other names of verification errors; any of them means that the certificate does not count. */
const VERIFICATION_CODES =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH|UNSPECIFIED|OUT_OF_MEM)/;

import { describe, expect, it } from 'vitest';
import type { VerdictCode } from '../../../src/core/health/verdict.ts';
import {
  diagnoseAfterHandshake,
  diagnoseHandshake,
  type HandshakeFacts,
} from '../../../src/runtime/tls/diagnosis.ts';

const facts: HandshakeFacts = {
  remote: { address: '192.0.2.7', port: 5061 },
  serverName: 'example.com',
  chain: [],
  ownCertificate: null,
  session: null,
  minVersion: 'TLSv1.2',
  clock: '2026-11-21T12:00:00.000Z',
};

function errorOf(
  code: string,
  message = 'words of Node, try running Node.js with --use-system-ca',
): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

// The errors that test/runtime/transport/tls.test.ts cannot bring about with the OpenSSL of this Node: the other
// spelling of alerts, and verification errors that need what we never hand in.
const ROWS: readonly (readonly [string, VerdictCode])[] = [
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'tls.handshake'],
  ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'tls.handshake'],
  ['ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY', 'tls.handshake'],
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'tls.handshake'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls.version'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls.version'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tls.client-certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'tls.client-certificate'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'tls.client-certificate'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'tls.client-certificate'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tls.client-certificate'],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'tls.client-certificate'],
  ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'tls.failed'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls.not-tls'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'tls.not-tls'],
  ['EPROTO', 'tls.not-tls'],
  ['ERR_SSL_DH_KEY_TOO_SMALL', 'tls.weak'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'tls.untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls.untrusted'],
  ['CERT_REVOKED', 'tls.untrusted'],
  ['CRL_HAS_EXPIRED', 'tls.untrusted'],
  ['CERT_HAS_EXPIRED', 'tls.expired'],
  ['CERT_NOT_YET_VALID', 'tls.not-yet-valid'],
  ['UNSPECIFIED', 'tls.untrusted'],
  ['ECONNRESET', 'tls.closed'],
  ['EPIPE', 'tls.closed'],
  ['ERR_NEVER_HEARD_OF', 'tls.failed'],
];

describe('diagnosis of a handshake', () => {
  it.each(ROWS)('%s is %s', (code, verdict) => {
    const failure = diagnoseHandshake(errorOf(code), facts);
    expect(failure.code).toBe(verdict);
    expect(failure.cause).not.toContain('Node.js');
  });

  it.each([
    'EE certificate key too weak',
    'CA certificate key too weak',
    'CA signature digest algorithm too weak',
  ])('%s is known by its words only', (words) => {
    const failure = diagnoseHandshake(errorOf('UNSPECIFIED', words), facts);
    expect(failure.code).toBe('tls.weak');
    expect(failure.cause).toContain(words);
  });

  it('names the certificate of the chain that has expired', () => {
    const dates = {
      issuer: 'CN=Root',
      serial: '01',
      sha256: '00',
      hasAlternativeNames: false,
      names: [],
      commonNames: [],
    };
    const valid = {
      ...dates,
      subject: 'CN=leaf',
      validFrom: '2026-01-01T00:00:00Z',
      validTo: '2027-01-01T00:00:00Z',
    };
    const old = {
      ...dates,
      subject: 'CN=Middle',
      validFrom: '2020-01-01T00:00:00Z',
      validTo: '2026-11-20T00:00:00Z',
    };
    const failure = diagnoseHandshake(errorOf('CERT_HAS_EXPIRED'), { ...facts, chain: [valid, old] });
    expect(failure.cause).toContain('"CN=Middle" expired on 2026-11-20T00:00:00Z');
  });

  it('leaves errors of the connection to others once the handshake is over', () => {
    expect(diagnoseAfterHandshake(errorOf('ECONNRESET'), facts)).toBeNull();
    expect(diagnoseAfterHandshake(errorOf('ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR'), facts)?.stage).toBe('tls');
  });
});

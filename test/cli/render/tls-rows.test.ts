import { describe, expect, it } from 'vitest';
import { tlsRows } from '../../../src/cli/render/tls-rows.ts';
import type { TlsSnapshot } from '../../../src/core/health/snapshot.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const DATES = { validFrom: '2026-01-01T00:00:00Z', validTo: '2026-12-01T00:00:00Z', sha256: 'ab'.repeat(32) };
const TLS: TlsSnapshot = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  peer: { ...DATES, subject: 'CN=pbx', issuer: 'CN=CA', daysLeft: 9.5 },
  own: { ...DATES, subject: 'CN=us', serial: '0A', file: '/etc/tls.crt', daysLeft: -1 },
  clientCertificateRequested: true,
  expiry: 'critical',
  material: { state: 'current', since: '2026-11-21T11:00:00.000Z', cause: null },
};

function textOf(tls: TlsSnapshot): string {
  return tlsRows(tls, NOW)
    .map(([, text]) => text)
    .join('\n');
}

describe('TLS in the status of one account', () => {
  it("has both sides' certificates, and whether ours was asked for", () => {
    const text = textOf(TLS);
    expect(text).toContain('valid to 2026-12-01T00:00:00Z (9.5 days left)');
    expect(text).toContain('ours CN=us, serial 0A, the server asked for it');
    expect(text).toContain('/etc/tls.crt, valid to 2026-12-01T00:00:00Z (expired)');
    expect(text).toContain('critical:');
    expect(text).toContain(`SHA-256 ${DATES.sha256}`);
    expect(textOf({ ...TLS, clientCertificateRequested: false })).toContain('did not ask for it');
    expect(textOf({ ...TLS, own: null, expiry: 'ok' })).not.toMatch(/ours|critical/);
  });

  it('says how the files on disk stand', () => {
    const since = '2026-11-21T11:00:00.000Z';
    const cause = 'certificate and key do not\u001b[2J belong together';
    const invalid = textOf({ ...TLS, material: { state: 'invalid', since, cause } });
    expect(invalid).toMatch(/cannot be used since .*: certificate and key do not/);
    expect(invalid).toContain('the former ones stay in use');
    expect(invalid).not.toContain('\u001b');
    const renewed = textOf({ ...TLS, material: { state: 'renewed', since, cause: null } });
    expect(renewed).toContain('this connection moves over at its next refresh');
    expect(textOf(TLS)).toContain('in use as it lies on disk since');
  });
});

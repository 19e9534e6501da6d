import { describe, expect, it } from 'vitest';
import { failedHandshakeFacts, handshakeFacts } from '../../../src/cli/doctor/tls-facts.ts';
import { failureOf, VERDICTS, type VerdictCode } from '../../../src/core/health/verdict.ts';
import type { CertificateFacts } from '../../../src/runtime/tls/certificate-facts.ts';
import type { HandshakeFacts } from '../../../src/runtime/tls/diagnosis.ts';
import { DEFAULT_TLS_SETTINGS } from '../../../src/runtime/tls/settings.ts';

const LEAF: CertificateFacts = {
  subject: 'CN=pbx',
  issuer: 'CN=Middle',
  serial: '01',
  validFrom: '2026-01-01T00:00:00Z',
  validTo: '2027-01-01T00:00:00Z',
  sha256: 'ab'.repeat(32),
  hasAlternativeNames: true,
  names: [{ type: 'DNS', value: 'pbx.test' }],
  commonNames: ['pbx'],
};
const MIDDLE: CertificateFacts = { ...LEAF, subject: 'CN=Middle', issuer: 'CN=Root', names: [] };
const OWN = {
  file: '/etc/own.pem',
  subject: 'CN=us',
  serial: '02',
  sha256: 'cd',
  validFrom: '',
  validTo: '2027-02-01T00:00:00Z',
};

const shown: HandshakeFacts = {
  remote: { address: '192.0.2.7', port: 5061 },
  serverName: 'pbx.test',
  chain: [LEAF, MIDDLE],
  ownCertificate: null,
  session: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', clientCertificateRequested: false },
  minVersion: 'TLSv1.2',
  clock: '2026-06-01T00:00:00Z',
};

const factsOf = (more: Partial<HandshakeFacts> = {}, settings: Partial<typeof DEFAULT_TLS_SETTINGS> = {}) => {
  const facts = handshakeFacts(
    { ...shown, ...more },
    'pbx.test',
    { ...DEFAULT_TLS_SETTINGS, ...settings },
    0.035,
  );
  return new Map(facts.map((fact) => [fact.code, fact]));
};

describe('a handshake that is complete', () => {
  it('shows version, certificate, chain, name, dates and the wish for ours', () => {
    const facts = factsOf();
    expect([...facts.values()].map(({ mark }) => mark)).toEqual(Array(6).fill('ok'));
    expect(facts.get('tls.handshake')).toMatchObject({
      text: 'TLSv1.3 TLS_AES_256_GCM_SHA384, server name pbx.test',
      seconds: 0.035,
    });
    expect(facts.get('tls.certificate')?.text).toContain(`SHA-256 ${LEAF.sha256}`);
    expect(facts.get('tls.chain')?.text).toBe('CN=pbx ← CN=Middle ← CN=Root: trusted by the CAs of Node.js');
    expect(facts.get('tls.name')?.text).toBe('DNS:pbx.test: is for pbx.test (RFC 5922)');
    expect(facts.get('tls.dates')?.text).toContain('to 2027-01-01T00:00:00Z, 214 d left');
    expect(facts.get('tls.client-certificate')?.text).toBe('the server did not ask for one; we have none');
  });

  it('warns before the end, also of an intermediate, and of what is not checked', () => {
    const near = { ...MIDDLE, validTo: '2026-06-10T00:00:00Z' };
    expect(factsOf({ chain: [LEAF, near] }).get('tls.dates')).toMatchObject({
      mark: 'warn',
      text: expect.stringMatching(/^CN=Middle: .* 9 d left$/),
    });
    expect(factsOf({}, { verify: 'none' }).get('tls.chain')).toMatchObject({ mark: 'warn' });
    expect(factsOf({}, { verify: 'pin' }).get('tls.name')?.text).toContain('not compared');
  });

  it('says whether our certificate was asked for', () => {
    const session = { protocol: 'TLSv1.3', cipher: 'x', clientCertificateRequested: true };
    const asked = (ownCertificate: HandshakeFacts['ownCertificate']) =>
      factsOf({ session, ownCertificate }).get('tls.client-certificate')?.text;
    expect(asked(OWN)).toBe('the server asked for one, ours is /etc/own.pem, valid to 2027-02-01T00:00:00Z');
    expect(asked(null)).toBe('the server asked for one; we have none');
  });
});

describe('a handshake that failed', () => {
  it('fails in the step that its verdict is about, with the certificate as evidence', () => {
    const steps: Partial<Record<VerdictCode, string>> = {
      'tls.expired': 'tls.dates',
      'tls.name-mismatch': 'tls.name',
      'tls.untrusted': 'tls.chain',
      'tls.client-certificate': 'tls.client-certificate',
      'tls.version': 'tls.handshake',
      'tls.timeout': 'tls.handshake',
    };
    for (const [code, step] of Object.entries(steps)) {
      const facts = failedHandshakeFacts(failureOf(code as VerdictCode, 'so it is'), shown);
      expect(facts).toMatchObject([
        { code: 'tls.certificate', mark: 'ok' },
        { code: step, mark: 'fail', failure: { code, cause: 'so it is' } },
      ]);
    }
  });

  it('has exactly one failing fact for every verdict of TLS', () => {
    const codes = Object.keys(VERDICTS).filter((code) => code.startsWith('tls.')) as VerdictCode[];
    for (const code of codes) {
      expect(failedHandshakeFacts(failureOf(code, ''), null)).toMatchObject([
        { mark: 'fail', failure: { code } },
      ]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { parseAlternativeNames } from '../../../src/runtime/tls/certificate-facts.ts';
import { checkIdentity, hexOfPin } from '../../../src/runtime/tls/server-identity.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import { type CertificateOptions, makeCertificateAuthority } from '../../support/certificates.ts';

const authority = makeCertificateAuthority();
const wanted = { domain: 'example.com', host: 'sip1.provider.net' };

function verdict(options: CertificateOptions, settings: Partial<TlsSettings> = {}, names = wanted): string {
  const { x509 } = authority.issue(options);
  return checkIdentity(x509, names, { ...DEFAULT_TLS_SETTINGS, ...settings })?.code ?? 'same';
}

describe('identity of a SIP server (RFC 5922)', () => {
  it('R381 takes the host of a sip URI, and DNS names only when there is none', () => {
    expect(verdict({ uris: ['sip:example.com'] })).toBe('same');
    expect(verdict({ names: ['example.com'] })).toBe('same');
    expect(verdict({ uris: ['sip:other.org'], names: ['example.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ uris: ['https://example.net/'], names: ['example.com'] })).toBe('same');
    expect(verdict({ uris: ['SIP:Example.COM;transport=tls'] })).toBe('same');
  });

  it('R381 looks at the CN only without any subjectAltName', () => {
    expect(verdict({ commonName: 'example.com' })).toBe('same');
    expect(verdict({ commonName: 'example.com', names: ['other.org'] })).toBe('tls.name-mismatch');
    expect(verdict({ commonName: 'example.com', uris: ['sip:other.org'] })).toBe('tls.name-mismatch');
    expect(verdict({ commonName: 'example.com', addresses: ['192.0.2.1'] })).toBe('tls.name-mismatch');
  });

  it('R382 accepts no other scheme and no userpart', () => {
    expect(verdict({ uris: ['sips:example.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ uris: ['sip:alice@example.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ uris: ['https://example.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ uris: ['sip:other.org;x=@example.com'] })).toBe('tls.name-mismatch');
  });

  it('R238 R383 compares with the SIP domain, not with the host that DNS led to', () => {
    expect(verdict({ names: ['sip1.provider.net'] })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['sip1.provider.net'] }, { serverName: 'sip1.provider.net' })).toBe('same');
    expect(verdict({ names: ['example.com'] }, { serverName: 'sip1.provider.net' })).toBe(
      'tls.name-mismatch',
    );
  });

  it('R384 compares whole names without case', () => {
    expect(verdict({ names: ['EXAMPLE.com'] })).toBe('same');
    expect(verdict({ names: ['www.example.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['com'] })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['badexample.com'] })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['example.com\0.evil.org'] })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['evil.org, DNS:example.com'] })).toBe('tls.name-mismatch');
  });

  it('R385 lets a wildcard match only where it is allowed, and then one label', () => {
    const names = { domain: 'sip.example.com', host: 'x' };
    const wildcard = { names: ['*.example.com'] };
    expect(verdict(wildcard, {}, names)).toBe('tls.name-mismatch');
    expect(verdict(wildcard, { allowWildcard: true }, names)).toBe('same');
    expect(verdict(wildcard, { allowWildcard: true }, { domain: 'a.b.example.com', host: 'x' })).toBe(
      'tls.name-mismatch',
    );
    expect(verdict(wildcard, { allowWildcard: true })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['*.com'] }, { allowWildcard: true })).toBe('tls.name-mismatch');
    expect(verdict({ names: ['*'] }, { allowWildcard: true })).toBe('tls.name-mismatch');
  });

  it('R389 wants an IP address in the certificate of a registrar that is an IP address', () => {
    const names = { domain: '192.0.2.1', host: '192.0.2.1' };
    expect(verdict({ addresses: ['192.0.2.1'] }, {}, names)).toBe('same');
    expect(verdict({ commonName: '192.0.2.1' }, {}, names)).toBe('tls.name-mismatch');
    expect(verdict({ names: ['192.0.2.1'] }, {}, names)).toBe('tls.name-mismatch');
    expect(verdict({ names: ['example.com'] }, { serverName: 'example.com' }, names)).toBe('same');
    const version6 = { domain: '[2001:db8::1]', host: 'x' };
    expect(verdict({ addresses: ['2001:db8::1'] }, {}, version6)).toBe('same');
  });

  it('says which names were wanted and offered, and what would help', () => {
    const { x509 } = authority.issue({ names: ['*.example.com', 'a\x1b[31m.org'] });
    const names = { domain: 'sip.example.com', host: 'x' };
    const cause = checkIdentity(x509, names, DEFAULT_TLS_SETTINGS)?.cause ?? '';
    expect(cause).toContain('sip.example.com');
    expect(cause).toContain('DNS:*.example.com');
    expect(cause).toContain('tls.allowWildcard');
    expect(cause).not.toContain('\x1b');
  });
});

describe('looser checks', () => {
  it('host: the rules of HTTPS, for the domain or the host of SRV', () => {
    expect(verdict({ names: ['*.provider.net'] }, { verify: 'host' })).toBe('same');
    expect(verdict({ names: ['example.com'] }, { verify: 'host' })).toBe('same');
    expect(verdict({ names: ['example.org'] }, { verify: 'host' })).toBe('tls.name-mismatch');
    const only = { verify: 'host', serverName: 'example.org' } as const;
    expect(verdict({ names: ['example.com'] }, only)).toBe('tls.name-mismatch');
  });

  it('pin: the certificate or its public key, in hexadecimal or base64', () => {
    const issued = authority.issue({ names: ['whatever.org'] });
    const check = (...pins: string[]): string =>
      checkIdentity(issued.x509, wanted, { ...DEFAULT_TLS_SETTINGS, verify: 'pin', pins })?.code ?? 'same';
    expect(check(issued.sha256)).toBe('same');
    expect(check(issued.x509.fingerprint256)).toBe('same');
    expect(check('00'.repeat(32), issued.publicKeySha256)).toBe('same');
    const base64 = Buffer.from(issued.publicKeySha256, 'hex').toString('base64');
    expect(check(base64)).toBe('same');
    expect(check(`sha256/${base64}`)).toBe('same');
    expect(check('00'.repeat(32))).toBe('tls.pin-mismatch');
    expect(check('garbage')).toBe('tls.pin-mismatch');
    expect(check()).toBe('tls.pin-mismatch');
    expect(hexOfPin('garbage')).toBeNull();
    const slashes = Buffer.alloc(32, 0xff);
    for (const prefix of ['', 'sha256/', 'sha256//']) {
      expect(hexOfPin(prefix + slashes.toString('base64'))).toBe('ff'.repeat(32));
    }
  });

  it('none: anything', () => {
    expect(verdict({ names: ['other.org'] }, { verify: 'none' })).toBe('same');
  });
});

describe('subjectAltName as Node writes it', () => {
  it('is split at commas outside quotes only', () => {
    expect(parseAlternativeNames('DNS:a, URI:sip:b;x=1, IP Address:192.0.2.1')).toEqual([
      { type: 'DNS', value: 'a' },
      { type: 'URI', value: 'sip:b;x=1' },
      { type: 'IP Address', value: '192.0.2.1' },
    ]);
    expect(parseAlternativeNames('DNS:"a, DNS:b", DNS:c')).toEqual([
      { type: 'DNS', value: 'a, DNS:b' },
      { type: 'DNS', value: 'c' },
    ]);
    expect(parseAlternativeNames('')).toEqual([]);
  });
});

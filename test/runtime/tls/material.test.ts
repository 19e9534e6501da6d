import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/health/verdict.ts';
import type { TlsMaterial } from '../../../src/runtime/tls/material.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../../support/certificates.ts';
import { makeMaterialStore } from '../../support/material-store.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const own = authority.issue({ commonName: 'us' });
const other = authority.issue({ commonName: 'others' });
const caFile = directory.write('ca.pem', authority.certificate);
const certFile = directory.write('own.pem', own.certificate + authority.certificate);
const keyFile = directory.write('own.key', own.key);

async function load(settings: Partial<TlsSettings>): Promise<TlsMaterial> {
  const material = await makeMaterialStore().materialFor({ ...DEFAULT_TLS_SETTINGS, ...settings });
  if (!material.ok) throw new Error(material.error.cause);
  return material.value;
}

async function refusal(settings: Partial<TlsSettings>): Promise<Failure> {
  const material = await makeMaterialStore().materialFor({ ...DEFAULT_TLS_SETTINGS, ...settings });
  if (material.ok) throw new Error('it was accepted');
  return material.error;
}

function encrypted(passphrase: string): string {
  return own.keys.privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    .toString();
}

describe('what is accepted', () => {
  it('nothing at all: the CAs of Node, no certificate of our own', async () => {
    expect(await load({})).toMatchObject({ ownCertificate: null, warnings: [] });
  });

  it("the system's CAs", async () => {
    expect((await load({ ca: 'system' })).warnings).toEqual([]);
    // By its path it is no more ours to mend.
    expect((await load({ ca: '/etc/ssl/certs/ca-certificates.crt' })).warnings).toEqual([]);
  });

  it('a CA file, a chain and its key', async () => {
    const material = await load({ ca: caFile, cert: certFile, key: keyFile });
    expect(material.ownCertificate).toMatchObject({ file: certFile, subject: 'CN=us' });
    expect(material.warnings).toEqual([]);
  });

  it('a directory of CAs, of which other files are no part', async () => {
    const folder = path.join(directory.path, 'cas');
    mkdirSync(folder);
    directory.write('cas/a.pem', authority.certificate);
    directory.write('cas/b.crt', makeCertificateAuthority({ commonName: 'B' }).certificate);
    directory.write('cas/README', 'not a certificate');
    await load({ ca: folder });
    directory.write('cas/c.pem', 'garbage');
    expect((await refusal({ ca: folder })).cause).toContain('c.pem');
  });

  it('an encrypted key with its passphrase', async () => {
    const key = directory.write('encrypted.key', encrypted('open sesame'));
    await load({ cert: certFile, key, keyPassphrase: { type: 'literal', text: 'open sesame' } });
  });
});

describe('what is refused, with the name of the file', () => {
  it.each(['', 'garbage\n', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'a CA file of %j, which Node would take',
    async (content) => {
      const ca = directory.write('broken-ca.pem', content);
      expect(await refusal({ ca })).toMatchObject({
        code: 'tls.own-material',
        cause: expect.stringContaining(ca),
      });
    },
  );

  it('a file that does not exist, and an empty directory', async () => {
    const missing = path.join(directory.path, 'missing.pem');
    for (const settings of [
      { ca: missing },
      { cert: missing, key: keyFile },
      { cert: certFile, key: missing },
    ]) {
      expect(await refusal(settings)).toMatchObject({
        cause: expect.stringContaining(`${missing} does not exist`),
      });
    }
    const empty = path.join(directory.path, 'empty');
    mkdirSync(empty);
    expect((await refusal({ ca: empty })).cause).toContain(empty);
  });

  it('a certificate without key, and a key without certificate', async () => {
    expect((await refusal({ cert: certFile })).cause).toContain('tls.key is not');
    expect((await refusal({ key: keyFile })).cause).toContain('tls.cert is not');
  });

  it('a chain that ends within a boundary, of which the certificate itself is whole', async () => {
    const torn = own.certificate + authority.certificate.slice(0, 20);
    const cert = directory.write('torn.pem', torn);
    expect((await refusal({ cert, key: keyFile })).cause).toContain(cert);
    const noise = directory.write('noise.pem', `${own.certificate}# end of the file\n`);
    await load({ cert: noise, key: keyFile });
  });

  it('what is no file, without reading it', async () => {
    expect((await refusal({ ca: '/dev/zero' })).cause).toBe('tls.ca: /dev/zero is no file');
  });

  it('a truncated certificate, and garbage in place of the key', async () => {
    const cert = directory.write('truncated.pem', own.certificate.slice(0, 200));
    expect((await refusal({ cert, key: keyFile })).cause).toContain(cert);
    for (const content of ['garbage', own.key.slice(0, 80)]) {
      const key = directory.write('garbage.key', content);
      expect(await refusal({ cert: certFile, key })).toMatchObject({
        code: 'tls.own-material',
        cause: expect.stringContaining(key),
      });
    }
  });

  it('a pair that does not belong together', async () => {
    const key = directory.write('other.key', other.key);
    const failure = await refusal({ cert: certFile, key });
    expect(failure.cause).toContain(certFile);
    expect(failure.cause).toContain(key);
    expect(failure.cause).toContain('do not belong together');
  });

  it('an encrypted key without or with the wrong passphrase, which is not shown', async () => {
    const key = directory.write('locked.key', encrypted('right'));
    expect((await refusal({ cert: certFile, key })).cause).toContain('tls.keyPassphrase is not set');
    const failure = await refusal({
      cert: certFile,
      key,
      keyPassphrase: { type: 'literal', text: 'wr0ng-secret' },
    });
    expect(failure.cause).toContain('passphrase does not open');
    expect(JSON.stringify(failure)).not.toContain('wr0ng-secret');
  });

  it('our certificate when it has expired or is not valid yet', async () => {
    const key = directory.write('dated.key', own.key);
    const dated = (notBefore: Date): string =>
      directory.write('dated.pem', authority.issue({ keys: own.keys, notBefore, days: 10 }).certificate);
    const expired = await refusal({ cert: dated(new Date('2024-01-01T00:00:00Z')), key });
    expect(expired).toMatchObject({ code: 'tls.expired', cause: expect.stringContaining('2024-01-11') });
    const future = await refusal({ cert: dated(new Date('2048-01-01T00:00:00Z')), key });
    expect(future).toMatchObject({ code: 'tls.not-yet-valid', cause: expect.stringContaining('2048-01-01') });
  });

  it('a CA file of which every certificate has expired; some are a warning', async () => {
    const old = makeCertificateAuthority({ commonName: 'Old', notBefore: new Date('2020-01-01'), days: 1 });
    const ca = directory.write('old-ca.pem', old.certificate);
    expect((await refusal({ ca })).code).toBe('tls.expired');
    const mixed = directory.write('mixed-ca.pem', old.certificate + authority.certificate);
    expect((await load({ ca: mixed })).warnings).toEqual([expect.stringContaining('CN=Old')]);
  });

  it('a key that everybody can read, unless that is allowed; a key for its group is a warning', async () => {
    const key = directory.write('open.key', own.key);
    chmodSync(key, 0o644);
    expect(await refusal({ cert: certFile, key })).toMatchObject({
      code: 'tls.own-material',
      cause: expect.stringContaining(`${key} (mode 0644)`),
      advice: expect.stringContaining(`chmod 600 ${key}`),
    });
    const allowed = await load({ cert: certFile, key, allowInsecureKey: true });
    expect(allowed.warnings).toEqual([expect.stringContaining('tls.allowInsecureKey')]);
    chmodSync(key, 0o640);
    expect((await load({ cert: certFile, key })).warnings).toEqual([expect.stringContaining(key)]);
  });
});

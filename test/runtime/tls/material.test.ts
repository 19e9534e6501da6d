import { chmodSync, mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/health/verdict.ts';
import type { TlsMaterial } from '../../../src/runtime/tls/material.ts';
import { createMaterialStore } from '../../../src/runtime/tls/material-store.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../../support/certificates.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const own = authority.issue({ commonName: 'us' });
const other = authority.issue({ commonName: 'others' });
const caFile = directory.write('ca.pem', authority.certificate);
const certFile = directory.write('own.pem', own.certificate + authority.certificate);
const keyFile = directory.write('own.key', own.key);

async function load(settings: Partial<TlsSettings>): Promise<TlsMaterial> {
  const material = await createMaterialStore().materialFor({ ...DEFAULT_TLS_SETTINGS, ...settings });
  if (!material.ok) throw new Error(material.error.cause);
  return material.value;
}

async function refusal(settings: Partial<TlsSettings>): Promise<Failure> {
  const material = await createMaterialStore().materialFor({ ...DEFAULT_TLS_SETTINGS, ...settings });
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
    await load({ cert: certFile, key, keyPassphrase: 'open sesame' });
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
      expect(await refusal(settings)).toMatchObject({ cause: `${missing} does not exist` });
    }
    const empty = path.join(directory.path, 'empty');
    mkdirSync(empty);
    expect((await refusal({ ca: empty })).cause).toContain(empty);
  });

  it('a certificate without key, and a key without certificate', async () => {
    expect((await refusal({ cert: certFile })).cause).toContain('tls.key is not');
    expect((await refusal({ key: keyFile })).cause).toContain('tls.cert is not');
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
    const failure = await refusal({ cert: certFile, key, keyPassphrase: 'wr0ng-secret' });
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

  it('a key that everybody can read; a key for its group is a warning', async () => {
    const key = directory.write('open.key', own.key);
    chmodSync(key, 0o644);
    expect(await refusal({ cert: certFile, key })).toMatchObject({
      code: 'tls.own-material',
      advice: `chmod 600 ${key}`,
    });
    chmodSync(key, 0o640);
    expect((await load({ cert: certFile, key })).warnings).toEqual([expect.stringContaining(key)]);
  });
});

describe('sharing and reading afresh', () => {
  const settingsFor = (folder: string): TlsSettings => ({
    ...DEFAULT_TLS_SETTINGS,
    cert: path.join(folder, 'tls.crt'),
    key: path.join(folder, 'tls.key'),
  });
  const install = (folder: string, issued: typeof own): void => {
    mkdirSync(path.join(directory.path, folder), { recursive: true });
    directory.write(`${folder}/tls.crt`, issued.certificate);
    directory.write(`${folder}/tls.key`, issued.key);
  };
  /** The store trusts what it read for a second. */
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_050));
  const digestIn = async (store: ReturnType<typeof createMaterialStore>, settings: TlsSettings) => {
    const material = await store.materialFor(settings);
    return material.ok ? material.value.digest : material.error.code;
  };

  it('gives one context to all who name the same, also by other files of the same content', async () => {
    const store = createMaterialStore();
    const settings = { ...DEFAULT_TLS_SETTINGS, ca: caFile };
    const copy = { ...settings, ca: directory.write('copy.pem', authority.certificate) };
    const many = await Promise.all(
      [settings, settings, { ...settings, serverName: 'x' }].map(store.materialFor),
    );
    const contexts = [...many, await store.materialFor(copy)].map((result) =>
      result.ok ? result.value.context : null,
    );
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]).not.toBeNull();
    const stricter = await store.materialFor({ ...settings, minVersion: 'TLSv1.3' });
    expect(stricter.ok && stricter.value.context).not.toBe(contexts[0]);
  });

  it('sees a renewal: in place, by symbolic link, and with the old date and size', async () => {
    const store = createMaterialStore();
    install('archive/1', own);
    const linked = path.join(directory.path, 'live');
    symlinkSync(path.join(directory.path, 'archive/1'), linked);
    const settings = settingsFor(linked);
    const digests = [await digestIn(store, settings)];
    await later();
    expect(await digestIn(store, settings)).toBe(digests[0]);

    install('archive/2', other);
    symlinkSync(path.join(directory.path, 'archive/2'), `${linked}.new`);
    renameSync(`${linked}.new`, linked);
    await later();
    digests.push(await digestIn(store, settings));

    const before = statSync(path.join(directory.path, 'archive/2/tls.crt'));
    install('archive/2', authority.issue({ commonName: 'others' }));
    utimesSync(path.join(directory.path, 'archive/2/tls.crt'), before.atime, before.mtime);
    await later();
    digests.push(await digestIn(store, settings));
    expect(new Set(digests).size).toBe(3);

    unlinkSync(linked);
    await later();
    expect(await digestIn(store, settings)).toBe('tls.own-material');
  });
});

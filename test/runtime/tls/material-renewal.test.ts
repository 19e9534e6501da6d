import { mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import { type IssuedCertificate, makeCertificateAuthority } from '../../support/certificates.ts';
import { makeInstallations, materialOf, overwrite, subjectOf } from '../../support/installed-material.ts';
import { makeMaterialStore, recordMaterialStore } from '../../support/material-store.ts';

const directory = makeInstallations();
const { installed, inFolder } = directory;
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const first = authority.issue({ commonName: 'first' });
const second = authority.issue({ commonName: 'second' });

describe('a renewal is in use from the next handshake on', () => {
  const renewals: readonly (readonly [string, (settings: TlsSettings) => void])[] = [
    [
      'overwritten in place',
      ({ cert, key }) => {
        overwrite(cert, second.certificate);
        overwrite(key, second.key);
      },
    ],
    [
      'renamed over the old files',
      ({ cert, key }) => {
        for (const [file, content] of [
          [cert, second.certificate],
          [key, second.key],
        ] as const) {
          overwrite(`${file}.new`, content);
          renameSync(`${file}.new`, String(file));
        }
      },
    ],
    [
      'copied with old dates and of the same size (cp -p, rsync -t)',
      ({ cert, key }) => {
        for (const [file, content] of [
          [cert, second.certificate],
          [key, second.key],
        ] as const) {
          const { atime, mtime } = statSync(String(file));
          overwrite(file, content);
          utimesSync(String(file), atime, mtime);
        }
      },
    ],
  ];

  it.each(renewals)('%s', async (_how, renew) => {
    const store = recordMaterialStore();
    const settings = installed(first);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    const digest = store.currentDigest(settings);
    renew(settings);
    expect(await subjectOf(store, settings)).toBe('CN=second');
    expect(store.currentDigest(settings)).not.toBe(digest);
  });

  it('by symbolic links that are flipped one by one, as certbot does it', async () => {
    const store = recordMaterialStore();
    installed(first, 'archive1');
    installed(second, 'archive2');
    mkdirSync(path.join(directory.path, 'live'));
    const point = (name: string, to: string): void => {
      const link = path.join(directory.path, 'live', name);
      symlinkSync(path.join(directory.path, to, name), `${link}.new`);
      renameSync(`${link}.new`, link);
    };
    point('tls.crt', 'archive1');
    point('tls.key', 'archive1');
    const settings = inFolder('live');
    expect(await subjectOf(store, settings)).toBe('CN=first');
    point('tls.crt', 'archive2');
    // Between the two the pair does not belong together.
    expect(await subjectOf(store, settings)).toBe('CN=first');
    point('tls.key', 'archive2');
    expect(await subjectOf(store, settings)).toBe('CN=second');
    expect(store.told.reloaded).toHaveLength(1);
    expect(store.told.invalid).toEqual([]);
  });

  it('by the swap of ..data in a volume of Kubernetes, and by a flipped parent directory', async () => {
    const store = recordMaterialStore();
    installed(first, 'volume/..2026_1');
    installed(second, 'volume/..2026_2');
    const swap = (version: string): void => {
      const data = path.join(directory.path, 'volume/..data');
      symlinkSync(version, `${data}_tmp`);
      renameSync(`${data}_tmp`, data);
    };
    swap('..2026_1');
    for (const name of ['tls.crt', 'tls.key']) {
      symlinkSync(`..data/${name}`, path.join(directory.path, 'volume', name));
    }
    const release = path.join(directory.path, 'current');
    symlinkSync('volume', release);
    const settings = [inFolder('volume'), inFolder('current')];
    for (const one of settings) expect(await subjectOf(store, one)).toBe('CN=first');
    swap('..2026_2');
    for (const one of settings) expect(await subjectOf(store, one)).toBe('CN=second');
    installed(first, 'next');
    unlinkSync(release);
    symlinkSync('next', release);
    expect(await subjectOf(store, inFolder('current'))).toBe('CN=first');
  });

  it('of the CA: a file, and the entries of a directory', async () => {
    const store = recordMaterialStore();
    const folder = path.join(directory.path, 'cas');
    mkdirSync(folder);
    directory.write('cas/a.pem', authority.certificate);
    const settings = { ...DEFAULT_TLS_SETTINGS, ca: folder };
    const digests = new Set([(await materialOf(store, settings)).digest]);
    directory.write('cas/b.pem', makeCertificateAuthority({ commonName: 'B' }).certificate);
    digests.add((await materialOf(store, settings)).digest);
    unlinkSync(path.join(folder, 'a.pem'));
    digests.add((await materialOf(store, settings)).digest);
    expect(digests.size).toBe(3);
    expect(store.told.reloaded.map(({ changed, unchanged }) => ({ changed, unchanged }))).toEqual([
      { changed: ['CA'], unchanged: [] },
      { changed: ['CA'], unchanged: [] },
    ]);
  });

  it('of the key together with its passphrase', async () => {
    const store = recordMaterialStore();
    const locked = (issued: IssuedCertificate, passphrase: string): string =>
      issued.keys.privateKey
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
        .toString();
    const secret = directory.write('passphrase', 'one');
    const settings: TlsSettings = {
      ...installed(first),
      keyPassphrase: { type: 'file', path: secret },
    };
    overwrite(settings.key, locked(first, 'one'));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    overwrite(settings.cert, second.certificate);
    overwrite(settings.key, locked(second, 'two'));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.cause).toContain('passphrase does not open');
    unlinkSync(secret);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.code).toBe('secret.unreadable');
    overwrite(secret, 'two');
    expect(await subjectOf(store, settings)).toBe('CN=second');
  });
});

describe('files that are written in place, in pieces and with pauses', () => {
  it('never fail a handshake or give half a chain, and are in use once the writing has ended', async () => {
    const store = makeMaterialStore();
    const settings = installed(first);
    const chainOf = (issued: IssuedCertificate): string => issued.certificate + authority.certificate;
    overwrite(settings.cert, chainOf(first));
    const whole = new Set([(await materialOf(store, settings)).digest]);
    for (const issued of [first, second]) {
      const copy = installed(issued);
      overwrite(copy.cert, chainOf(issued));
      whole.add((await materialOf(store, copy)).digest);
    }
    let isWriting = true;
    const writing = (async () => {
      // The last pair is the second one. Pauses are of all lengths around the time after which files count as complete.
      for (const [turn, issued] of [first, second, first, second].entries()) {
        for (const [file, text] of [
          [settings.cert, chainOf(issued)],
          [settings.key, issued.key],
        ] as const) {
          for (let end = 0; end <= text.length; end += Math.ceil(text.length / 3)) {
            overwrite(file, text.slice(0, end));
            await new Promise((resolve) => setTimeout(resolve, 40 + 170 * turn));
          }
          overwrite(file, text);
        }
      }
      isWriting = false;
    })();
    const seen: string[] = [];
    while (isWriting) {
      seen.push((await materialOf(store, settings)).digest);
      await new Promise((resolve) => setTimeout(resolve, 7));
    }
    await writing;
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.filter((digest) => !whole.has(digest))).toEqual([]);
    await store.checkNow();
    expect(await subjectOf(store, settings)).toBe('CN=second');
  }, 30_000);
});

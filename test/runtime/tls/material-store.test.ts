import { mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { TlsMaterial } from '../../../src/runtime/tls/material.ts';
import { retryAt } from '../../../src/runtime/tls/material-source.ts';
import type { MaterialStore } from '../../../src/runtime/tls/material-store.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import {
  type IssuedCertificate,
  makeCertificateAuthority,
  makeTemporaryDirectory,
} from '../../support/certificates.ts';
import { makeMaterialStore, recordMaterialStore } from '../../support/material-store.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const first = authority.issue({ commonName: 'first' });
const second = authority.issue({ commonName: 'second' });

const stores: MaterialStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.stop();
});
function makeStore() {
  const store = recordMaterialStore();
  stores.push(store);
  return store;
}

let folders = 0;

/** A folder of its own with a certificate and key of `issued`. */
function installed(issued: IssuedCertificate, folder = `set${++folders}`): TlsSettings {
  mkdirSync(path.join(directory.path, folder), { recursive: true });
  const cert = directory.write(`${folder}/tls.crt`, issued.certificate);
  const key = directory.write(`${folder}/tls.key`, issued.key);
  return { ...DEFAULT_TLS_SETTINGS, cert, key };
}

function inFolder(folder: string): TlsSettings {
  const inside = (name: string): string => path.join(directory.path, folder, name);
  return { ...DEFAULT_TLS_SETTINGS, cert: inside('tls.crt'), key: inside('tls.key') };
}

async function materialOf(store: MaterialStore, settings: TlsSettings): Promise<TlsMaterial> {
  const material = await store.materialFor(settings);
  if (!material.ok) throw new Error(`${material.error.code}: ${material.error.cause}`);
  return material.value;
}

async function subjectOf(store: MaterialStore, settings: TlsSettings): Promise<string> {
  return (await materialOf(store, settings)).ownCertificate?.subject ?? 'none';
}

function write(file: string | null, content: string): void {
  if (file === null) throw new Error('the settings have such a file');
  writeFileSync(file, content, { mode: 0o600 });
}

describe('sharing', () => {
  it('gives one context to all who name the same, also by other files of the same content', async () => {
    const store = makeStore();
    const settings = { ...DEFAULT_TLS_SETTINGS, ca: directory.write('ca.pem', authority.certificate) };
    const copy = { ...settings, ca: directory.write('copy.pem', authority.certificate) };
    const same = [settings, settings, { ...settings, serverName: 'x' }];
    const many = await Promise.all(same.map((one) => materialOf(store, one)));
    const contexts = [...many, await materialOf(store, copy)].map(({ context }) => context);
    expect(new Set(contexts).size).toBe(1);
    const stricter = await materialOf(store, { ...settings, minVersion: 'TLSv1.3' });
    expect(stricter.context).not.toBe(contexts[0]);
  });
});

describe('a renewal is in use from the next handshake on', () => {
  const renewals: readonly (readonly [string, (settings: TlsSettings) => void])[] = [
    [
      'overwritten in place',
      ({ cert, key }) => {
        write(cert, second.certificate);
        write(key, second.key);
      },
    ],
    [
      'renamed over the old files',
      ({ cert, key }) => {
        for (const [file, content] of [
          [cert, second.certificate],
          [key, second.key],
        ] as const) {
          write(`${file}.new`, content);
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
          write(file, content);
          utimesSync(String(file), atime, mtime);
        }
      },
    ],
  ];

  it.each(renewals)('%s', async (_how, renew) => {
    const store = makeStore();
    const settings = installed(first);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    const digest = store.currentDigest(settings);
    renew(settings);
    expect(await subjectOf(store, settings)).toBe('CN=second');
    expect(store.currentDigest(settings)).not.toBe(digest);
  });

  it('by symbolic links that are flipped one by one, as certbot does it', async () => {
    const store = makeStore();
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
    const store = makeStore();
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
    const store = makeStore();
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
    const store = makeStore();
    const locked = (issued: IssuedCertificate, passphrase: string): string =>
      issued.keys.privateKey
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
        .toString();
    const secret = directory.write('passphrase', 'one');
    const settings: TlsSettings = {
      ...installed(first),
      keyPassphrase: { type: 'file', path: secret },
    };
    write(settings.key, locked(first, 'one'));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    write(settings.cert, second.certificate);
    write(settings.key, locked(second, 'two'));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.cause).toContain('passphrase does not open');
    unlinkSync(secret);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.code).toBe('secret.unreadable');
    write(secret, 'two');
    expect(await subjectOf(store, settings)).toBe('CN=second');
  });
});

describe('what is reported', () => {
  it('what changed and what did not, with both certificates', async () => {
    const store = makeStore();
    const ca = directory.write('report-ca.pem', authority.certificate);
    const settings = { ...installed(first), ca };
    await materialOf(store, settings);
    write(settings.cert, authority.issue({ commonName: 'again', keys: first.keys }).certificate);
    await store.checkNow();
    const [report] = store.told.reloaded;
    expect(report).toMatchObject({
      changed: ['certificate'],
      unchanged: ['key', 'CA'],
      before: { subject: 'CN=first', serial: first.x509.serialNumber },
      after: { subject: 'CN=again', file: settings.cert },
      files: { ca, cert: settings.cert, key: settings.key },
    });
    expect(report?.concerns({ ...settings, serverName: 'other.example' })).toBe(true);
    expect(report?.concerns({ ...settings, ca: null })).toBe(false);
  });

  it('nothing when the files were written again with the same content', async () => {
    const store = makeStore();
    const settings = installed(first);
    const { context } = await materialOf(store, settings);
    write(settings.cert, first.certificate);
    await store.checkNow();
    expect((await materialOf(store, settings)).context).toBe(context);
    expect(store.told.reloaded).toEqual([]);
  });

  it('files that stay unusable: once after a minute, and when they can be used again', async () => {
    const store = makeStore();
    const settings = installed(first);
    await materialOf(store, settings);
    write(settings.cert, second.certificate);
    await store.checkNow();
    store.advance(59_000);
    await store.checkNow();
    expect(store.told.invalid).toEqual([]);
    expect(store.health(settings)).toMatchObject({ state: 'invalid', isTold: false });
    store.advance(1_500);
    await store.checkNow();
    await store.checkNow();
    expect(store.told.invalid).toHaveLength(1);
    expect(store.told.invalid[0]?.failure.cause).toContain('do not belong together');
    expect(store.told.invalid[0]?.hasFormer).toBe(true);
    expect(store.health(settings)).toMatchObject({
      state: 'invalid',
      since: store.told.invalid[0]?.since,
      isTold: true,
      own: { subject: 'CN=first' },
    });
    write(settings.cert, first.certificate);
    await store.checkNow();
    expect(store.told.repaired).toMatchObject([{ since: store.told.invalid[0]?.since }]);
    expect(store.told.reloaded).toEqual([]);
    expect(store.health(settings)).toMatchObject({ state: 'current', failure: null });
  });

  it('files that nobody could use at first, as soon as they can be used', async () => {
    const store = makeStore();
    const settings = installed(first);
    write(settings.key, second.key);
    const refused = await store.materialFor(settings);
    expect(refused).toMatchObject({ ok: false, error: { code: 'tls.own-material' } });
    store.advance(61_000);
    await store.checkNow();
    expect(store.told.invalid).toMatchObject([{ hasFormer: false }]);
    write(settings.key, first.key);
    await store.checkNow();
    expect(store.told.usable.map(({ concerns }) => concerns(settings))).toEqual([true]);
    expect(store.told.reloaded).toEqual([]);
    expect(await subjectOf(store, settings)).toBe('CN=first');
  });

  it('our certificate near its end, once for each level', async () => {
    const store = makeStore();
    const settings = installed(authority.issue({ commonName: 'short', days: 30 }));
    await materialOf(store, settings);
    for (const days of [15, 6, 1, 3, 1, 10]) {
      store.advance(days * 86_400_000);
      await store.checkNow();
    }
    expect(store.told.expiring.map(({ level, daysLeft }) => [level, Math.round(daysLeft)])).toEqual([
      ['warning', 9],
      ['critical', 5],
    ]);
    // It has expired meanwhile, and stays in use: whether that matters is for the server to say.
    expect(await subjectOf(store, settings)).toBe('CN=short');
  });
});

describe('what is kept in place of what cannot be used', () => {
  it.each([
    ['an expired certificate', { notBefore: new Date('2024-01-01T00:00:00Z'), days: 10 }, 'tls.expired'],
    ['garbage', null, 'tls.own-material'],
  ])('%s', async (_what, dates, code) => {
    const store = makeStore();
    const settings = installed(first);
    await materialOf(store, settings);
    const content = dates === null ? 'garbage' : authority.issue({ keys: first.keys, ...dates }).certificate;
    write(settings.cert, content);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)).toMatchObject({ state: 'invalid', failure: { code } });
  });

  it('a file that has gone', async () => {
    const store = makeStore();
    const settings = installed(first);
    await materialOf(store, settings);
    unlinkSync(String(settings.key));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.cause).toContain('does not exist');
  });

  it('a certificate of the future waits for its day, without another change of the files', async () => {
    const store = makeStore();
    const settings = installed(first);
    await materialOf(store, settings);
    const tomorrow = new Date(Date.now() + 86_400_000);
    const future = authority.issue({ commonName: 'future', keys: first.keys, notBefore: tomorrow });
    write(settings.cert, future.certificate);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.code).toBe('tls.not-yet-valid');
    store.advance(86_500_000);
    expect(await subjectOf(store, settings)).toBe('CN=future');
  });

  it('a chain that is only half there, as nobody can tell while it is written', async () => {
    const store = makeMaterialStore();
    stores.push(store);
    const settings = installed(first);
    write(settings.cert, first.certificate + authority.certificate);
    const whole = await materialOf(store, settings);
    write(settings.cert, first.certificate);
    // Written just now: it is not taken before it has been left alone for a moment.
    expect((await materialOf(store, settings)).digest).toBe(whole.digest);
    await store.checkNow();
    expect((await materialOf(store, settings)).digest).not.toBe(whole.digest);
  });
});

describe('files that are written in place, in pieces and with pauses', () => {
  it('never fail a handshake or give half a chain, and are in use once the writing has ended', async () => {
    const store = makeMaterialStore();
    stores.push(store);
    const settings = installed(first);
    const chainOf = (issued: IssuedCertificate): string => issued.certificate + authority.certificate;
    write(settings.cert, chainOf(first));
    const whole = new Set([(await materialOf(store, settings)).digest]);
    for (const issued of [first, second]) {
      const copy = installed(issued);
      write(copy.cert, chainOf(issued));
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
            write(file, text.slice(0, end));
            await new Promise((resolve) => setTimeout(resolve, 40 + 170 * turn));
          }
          write(file, text);
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

describe('looking by itself', () => {
  it('retries after 1, 2, 5 and 10 s, then every 30 s', () => {
    const times: number[] = [];
    for (let at = 100_000; times.length < 7; ) {
      at = retryAt(100_000, at);
      times.push((at - 100_000) / 1000);
    }
    expect(times).toEqual([1, 3, 8, 18, 48, 78, 108]);
  });

  it('finds a repair without being asked, with a timer that keeps no process alive', async () => {
    const store = makeStore();
    const settings = installed(first);
    write(settings.key, 'garbage');
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    expect((await store.materialFor(settings)).ok).toBe(false);
    expect(timers()).toBe(before);
    write(settings.key, first.key);
    const end = performance.now() + 5_000;
    while (store.told.usable.length === 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(store.told.usable).toHaveLength(1);
  });

  it('forgets what nobody uses', async () => {
    const store = makeStore();
    const [kept, gone] = [installed(first), installed(second)];
    await materialOf(store, kept);
    await materialOf(store, gone);
    store.forgetUnused([{ ...kept }]);
    expect(store.health(kept)?.state).toBe('current');
    expect(store.health(gone)).toBeNull();
  });
});

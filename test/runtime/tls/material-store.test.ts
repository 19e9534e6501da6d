import { unlinkSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { retryAt } from '../../../src/runtime/tls/material-source.ts';
import { DEFAULT_TLS_SETTINGS } from '../../../src/runtime/tls/settings.ts';
import { makeCertificateAuthority } from '../../support/certificates.ts';
import { makeInstallations, materialOf, overwrite, subjectOf } from '../../support/installed-material.ts';
import { makeMaterialStore, recordMaterialStore } from '../../support/material-store.ts';

const directory = makeInstallations();
const { installed } = directory;
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const first = authority.issue({ commonName: 'first' });
const second = authority.issue({ commonName: 'second' });

describe('sharing', () => {
  it('gives one context to all who name the same, also by other files of the same content', async () => {
    const store = recordMaterialStore();
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

describe('what is reported', () => {
  it('what changed and what did not, with both certificates', async () => {
    const store = recordMaterialStore();
    const ca = directory.write('report-ca.pem', authority.certificate);
    const settings = { ...installed(first), ca };
    await materialOf(store, settings);
    overwrite(settings.cert, authority.issue({ commonName: 'again', keys: first.keys }).certificate);
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

  it('no reload when the files were written again with the same content', async () => {
    const store = recordMaterialStore();
    const settings = installed(first);
    const { context } = await materialOf(store, settings);
    overwrite(settings.cert, first.certificate);
    await store.checkNow();
    expect((await materialOf(store, settings)).context).toBe(context);
    expect(store.told.reloaded).toEqual([]);
    expect(store.told.rewritten.map(({ files }) => files.cert)).toEqual([settings.cert]);
  });

  it('files that stay unusable: once after a minute, and when they can be used again', async () => {
    const store = recordMaterialStore();
    const settings = installed(first);
    await materialOf(store, settings);
    overwrite(settings.cert, second.certificate);
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
    overwrite(settings.cert, first.certificate);
    await store.checkNow();
    expect(store.told.repaired).toMatchObject([{ since: store.told.invalid[0]?.since }]);
    expect(store.told.reloaded).toEqual([]);
    expect(store.health(settings)).toMatchObject({ state: 'current', failure: null });
  });

  it('files that nobody could use at first, as soon as they can be used', async () => {
    const store = recordMaterialStore();
    const settings = installed(first);
    overwrite(settings.key, second.key);
    const refused = await store.materialFor(settings);
    expect(refused).toMatchObject({ ok: false, error: { code: 'tls.own-material' } });
    store.advance(61_000);
    await store.checkNow();
    expect(store.told.invalid).toMatchObject([{ hasFormer: false }]);
    overwrite(settings.key, first.key);
    await store.checkNow();
    expect(store.told.usable.map(({ concerns }) => concerns(settings))).toEqual([true]);
    expect(store.told.reloaded).toEqual([]);
    expect(await subjectOf(store, settings)).toBe('CN=first');
  });

  it('our certificate near its end, once for each level', async () => {
    const store = recordMaterialStore();
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
    const store = recordMaterialStore();
    const settings = installed(first);
    await materialOf(store, settings);
    const content = dates === null ? 'garbage' : authority.issue({ keys: first.keys, ...dates }).certificate;
    overwrite(settings.cert, content);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)).toMatchObject({ state: 'invalid', failure: { code } });
  });

  it('a file that has gone', async () => {
    const store = recordMaterialStore();
    const settings = installed(first);
    await materialOf(store, settings);
    unlinkSync(String(settings.key));
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.cause).toContain('does not exist');
  });

  it('a certificate of the future waits for its day, without another change of the files', async () => {
    const store = recordMaterialStore();
    const settings = installed(first);
    await materialOf(store, settings);
    const tomorrow = new Date(Date.now() + 86_400_000);
    const future = authority.issue({ commonName: 'future', keys: first.keys, notBefore: tomorrow });
    overwrite(settings.cert, future.certificate);
    expect(await subjectOf(store, settings)).toBe('CN=first');
    expect(store.health(settings)?.failure?.code).toBe('tls.not-yet-valid');
    store.advance(86_500_000);
    expect(await subjectOf(store, settings)).toBe('CN=future');
  });

  it('a chain that is only half there, as nobody can tell while it is written', async () => {
    const store = makeMaterialStore();
    const settings = installed(first);
    overwrite(settings.cert, first.certificate + authority.certificate);
    const whole = await materialOf(store, settings);
    overwrite(settings.cert, first.certificate);
    // Written just now: it is not taken before it has been left alone for a moment.
    expect((await materialOf(store, settings)).digest).toBe(whole.digest);
    await store.checkNow();
    expect((await materialOf(store, settings)).digest).not.toBe(whole.digest);
  });
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
    const store = recordMaterialStore();
    const settings = installed(first);
    overwrite(settings.key, 'garbage');
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    expect((await store.materialFor(settings)).ok).toBe(false);
    expect(timers()).toBe(before);
    overwrite(settings.key, first.key);
    const end = performance.now() + 5_000;
    while (store.told.usable.length === 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(store.told.usable).toHaveLength(1);
  });

  it('forgets what nobody uses', async () => {
    const store = recordMaterialStore();
    const [kept, gone] = [installed(first), installed(second)];
    await materialOf(store, kept);
    await materialOf(store, gone);
    store.forgetUnused([{ ...kept }]);
    expect(store.health(kept)?.state).toBe('current');
    expect(store.health(gone)).toBeNull();
  });
});

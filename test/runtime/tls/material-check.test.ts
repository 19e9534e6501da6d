import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkMaterial, type MaterialCheck } from '../../../src/runtime/tls/material-check.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../../src/runtime/tls/settings.ts';
import { singleFileMounts } from '../../../src/runtime/tls/single-file-mounts.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../../support/certificates.ts';
import { readSecret } from '../../support/material-store.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const own = authority.issue({ commonName: 'us', days: 90 });
const ca = directory.write('ca.pem', authority.certificate);
const cert = directory.write('own.pem', own.certificate);
const key = directory.write('own.key', own.key);

function check(settings: Partial<TlsSettings>, now = new Date()): Promise<MaterialCheck> {
  return checkMaterial({ ...DEFAULT_TLS_SETTINGS, ...settings }, { readSecret, now });
}

async function causes(settings: Partial<TlsSettings>): Promise<readonly string[]> {
  return (await check(settings)).problems.map(({ cause }) => cause);
}

describe('the check of all files at the start', () => {
  it('finds nothing wrong with what is right, or with nothing', async () => {
    expect(await check({ ca, cert, key })).toEqual({ problems: [], warnings: [] });
    expect(await check({})).toEqual({ problems: [], warnings: [] });
  });

  it('names each setting and file that is wrong, not the first only', async () => {
    const bad = directory.write('bad.pem', 'garbage');
    const gone = path.join(directory.path, 'gone');
    const passphrase = { type: 'file', path: gone } as const;
    expect(await causes({ ca: bad, cert: bad, key: gone, keyPassphrase: passphrase })).toEqual([
      `tls.ca: there is no PEM certificate in ${bad}`,
      `tls.cert: there is no PEM certificate in ${bad}`,
      `tls.key: ${gone} does not exist`,
      `tls.keyPassphrase: the file ${gone} cannot be read`,
    ]);
  });

  it('checks that the pair is one, and its dates', async () => {
    const other = directory.write('other.key', authority.issue({}).key);
    expect((await causes({ cert, key: other }))[0]).toContain('do not belong together');
    const late = await check({ cert, key }, new Date(Date.now() + 100 * 86_400_000));
    expect(late.problems.map(({ code }) => code)).toEqual(['tls.expired']);
  });

  it('warns of an end that is near, and of a key that others can read', async () => {
    const soon = await check({ cert, key }, new Date(Date.now() + 80 * 86_400_000));
    expect(soon.warnings).toEqual([expect.stringMatching(/our certificate .*own\.pem expires in 10 days/)]);
    const shared = directory.write('shared.key', own.key, 0o640);
    const open = directory.write('open.key', own.key, 0o644);
    expect((await check({ cert, key: shared })).warnings).toEqual([expect.stringContaining('0640')]);
    expect((await causes({ cert, key: open }))[0]).toContain('every user of this host');
    const allowed = await check({ cert, key: open, allowInsecureKey: true });
    expect(allowed).toEqual({ problems: [], warnings: [expect.stringContaining('0644')] });
  });
});

describe('files that are mounts of their own', () => {
  it('are found, also behind a symbolic link; a mounted directory is as it should be', async () => {
    mkdirSync(path.join(directory.path, 'a b'));
    const file = directory.write('a b/tls.crt', own.certificate);
    const link = path.join(directory.path, 'link.crt');
    symlinkSync(file, link);
    const escaped = file.replace(' ', '\\040');
    const table = directory.write(
      'mountinfo',
      [
        '21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
        `40 21 8:1 /kubelet/tls.crt ${escaped} ro,relatime - ext4 /dev/sda1 rw`,
        `41 21 0:50 / ${path.join(directory.path, 'a b').replace(' ', '\\040')} ro - tmpfs tmpfs rw`,
      ].join('\n'),
    );
    const paths = [file, link, key, path.join(directory.path, 'a b'), '/no/such/file'];
    expect(await singleFileMounts(paths, table)).toEqual([file, link]);
    expect(await singleFileMounts(paths, '/no/such/table')).toEqual([]);
  });
});

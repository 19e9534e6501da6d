// Reading the files behind TLS settings: bounded in size and number, and with the permissions of the key looked at.
// A stamp of what lies on disk tells cheaply whether to read again; it follows symbolic links, so that certbot's and
// Kubernetes' way of swapping files is seen, and it holds ctime, so that a copy with its old date is seen too.

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { MaterialSettings } from './settings.ts';

/** `isSystems`: one of the operating system, which may hold what nobody here can put right. */
export type PemFile = { readonly path: string; readonly text: string; readonly isSystems: boolean };

export type MaterialFiles = {
  readonly authorities: readonly PemFile[];
  readonly certificate: PemFile | null;
  readonly key: PemFile | null;
  readonly warnings: readonly string[];
};

/** Device, inode, size, mtime and ctime of every file behind the settings, as one text. */
export async function stampOf(settings: MaterialSettings): Promise<Result<string, Failure>> {
  const authorities = await authorityPaths(settings.ca);
  if (!authorities.ok) return authorities;
  const paths = [...authorities.value, settings.cert, settings.key].filter((file) => file !== null);
  const stamps: string[] = [];
  for (const file of paths) {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      stamps.push([file, dev, ino, size, mtimeNs, ctimeNs].join(' '));
    } catch (error) {
      return failure(unreadable(file, error));
    }
  }
  return success(stamps.join('\n'));
}

/** Reads every file that the settings name. */
export async function readMaterialFiles(settings: MaterialSettings): Promise<Result<MaterialFiles, Failure>> {
  const paths = await authorityPaths(settings.ca);
  if (!paths.ok) return paths;
  const authorities: PemFile[] = [];
  for (const file of paths.value) {
    const read = await readPem(file, settings.ca === 'system');
    if (!read.ok) return read;
    authorities.push(read.value);
  }
  const certificate = settings.cert === null ? success(null) : await readPem(settings.cert, false);
  if (!certificate.ok) return certificate;
  const key = settings.key === null ? success(null) : await readPem(settings.key, false);
  if (!key.ok) return key;
  const permissions = settings.key === null ? success([]) : await checkKeyPermissions(settings.key);
  if (!permissions.ok) return permissions;
  return success({
    authorities,
    certificate: certificate.value,
    key: key.value,
    warnings: permissions.value,
  });
}

async function authorityPaths(ca: MaterialSettings['ca']): Promise<Result<readonly string[], Failure>> {
  if (ca === null) return success([]);
  if (ca === 'system') return systemAuthorityPath();
  try {
    if (!(await stat(ca)).isDirectory()) return success([ca]);
    const names = (await readdir(ca)).filter((name) => CERTIFICATE_FILE.test(name)).sort();
    if (names.length > 0 && names.length <= MAX_AUTHORITY_FILES) {
      return success(names.map((name) => path.join(ca, name)));
    }
    const found = names.length === 0 ? 'no' : `more than ${MAX_AUTHORITY_FILES}`;
    const cause = `tls.ca: the directory ${ca} has ${found} files named *.pem, *.crt or *.cer`;
    return failure(failureOf('tls.own-material', cause));
  } catch (error) {
    return failure(unreadable(ca, error));
  }
}

async function systemAuthorityPath(): Promise<Result<readonly string[], Failure>> {
  for (const candidate of SYSTEM_AUTHORITY_FILES) {
    try {
      if ((await stat(candidate)).isFile()) return success([candidate]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return failure(unreadable(candidate, error));
    }
  }
  const cause = `tls.ca: this system has none of ${SYSTEM_AUTHORITY_FILES.join(', ')}`;
  const advice = 'install the package ca-certificates, or name a CA file in tls.ca';
  return failure(failureOf('tls.own-material', cause, { advice }));
}

async function readPem(file: string, isSystems: boolean): Promise<Result<PemFile, Failure>> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) {
      const cause = `${file} has ${size} bytes; no certificate file is larger than ${MAX_FILE_BYTES}`;
      return failure(failureOf('tls.own-material', cause));
    }
    return success({ path: file, text: await readFile(file, 'latin1'), isSystems });
  } catch (error) {
    return failure(unreadable(file, error));
  }
}

/** As ssh does: a key that everybody on this host can read is no secret, so it is not used. */
async function checkKeyPermissions(file: string): Promise<Result<readonly string[], Failure>> {
  const mode = await modeOf(file);
  if (!mode.ok) return mode;
  const octal = (mode.value & 0o777).toString(8).padStart(4, '0');
  if ((mode.value & 0o007) !== 0) {
    const cause = `tls.key: every user of this host can get at ${file} (mode ${octal})`;
    return failure(failureOf('tls.own-material', cause, { advice: `chmod 600 ${file}` }));
  }
  if ((mode.value & 0o070) === 0) return success([]);
  return success([`the private key ${file} is open to its group (mode ${octal}); chmod 600 is safer`]);
}

async function modeOf(file: string): Promise<Result<number, Failure>> {
  try {
    return success((await stat(file)).mode);
  } catch (error) {
    return failure(unreadable(file, error));
  }
}

function unreadable(file: string, error: unknown): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be read by this user',
    EISDIR: 'is a directory',
  };
  return failureOf('tls.own-material', `${file} ${words[code] ?? `cannot be read (${code})`}`);
}

/** Debian and Alpine, Fedora and RHEL, openSUSE, and the BSDs. */
const SYSTEM_AUTHORITY_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
const CERTIFICATE_FILE = /\.(?:pem|crt|cer)$/i;
const MAX_AUTHORITY_FILES = 1_000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

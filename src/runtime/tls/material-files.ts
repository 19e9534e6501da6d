// Reading the files behind TLS settings: bounded in size and number, and with the permissions of the key looked at.
// A stamp of what lies on disk tells cheaply whether to read again; it follows symbolic links, so that certbot's and
// Kubernetes' way of swapping files is seen, and it holds ctime, so that a copy with its old date is seen too.

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { MaterialSettings } from './settings.ts';

/** Which setting a file comes from; every verdict begins with it. */
export type MaterialKey = 'tls.ca' | 'tls.cert' | 'tls.key';

/** `isSystems`: one of the operating system, which may hold what nobody here can put right. */
export type PemFile = { readonly path: string; readonly text: string; readonly isSystems: boolean };

export type MaterialFiles = {
  readonly authorities: readonly PemFile[];
  readonly certificate: PemFile | null;
  readonly key: PemFile | null;
  /** What works, but should be put right; each a whole sentence. */
  readonly warnings: readonly string[];
};

export type MaterialStamp = {
  /** Device, inode, size, mtime and ctime of every file behind the settings. */
  readonly text: string;
  /** When the youngest of them changed, in wall-clock milliseconds; -Infinity when there is no file. */
  readonly changedAtMs: number;
};

/** The stamp of what lies on disk now. */
export async function stampOf(settings: MaterialSettings): Promise<Result<MaterialStamp, Failure>> {
  const authorities = await authorityPaths(settings.ca);
  if (!authorities.ok) return authorities;
  const files: [MaterialKey, string][] = authorities.value.map((file) => ['tls.ca', file]);
  if (settings.cert !== null) files.push(['tls.cert', settings.cert]);
  if (settings.key !== null) files.push(['tls.key', settings.key]);
  const lines: string[] = [];
  let changedAtMs = Number.NEGATIVE_INFINITY;
  for (const [key, file] of files) {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      lines.push([file, dev, ino, size, mtimeNs, ctimeNs].join(' '));
      changedAtMs = Math.max(changedAtMs, Number(ctimeNs / 1_000_000n));
    } catch (error) {
      return failure(unreadable(key, file, error));
    }
  }
  return success({ text: lines.join('\n'), changedAtMs });
}

/** Reads every file that the settings name; the first that cannot be used is the failure. */
export async function readMaterialFiles(settings: MaterialSettings): Promise<Result<MaterialFiles, Failure>> {
  const authorities = await readAuthorities(settings.ca);
  if (!authorities.ok) return authorities;
  const certificate = settings.cert === null ? success(null) : await readCertificateFile(settings.cert);
  if (!certificate.ok) return certificate;
  const key = settings.key === null ? success(null) : await readKeyFile(settings.key, settings);
  if (!key.ok) return key;
  return success({
    authorities: authorities.value,
    certificate: certificate.value,
    key: key.value?.file ?? null,
    warnings: key.value?.warnings ?? [],
  });
}

/** The files of tls.ca: one, or those of a directory; none for Node's own authorities. */
export async function readAuthorities(
  ca: MaterialSettings['ca'],
): Promise<Result<readonly PemFile[], Failure>> {
  const paths = await authorityPaths(ca);
  if (!paths.ok) return paths;
  const files: PemFile[] = [];
  for (const file of paths.value) {
    const read = await readPem('tls.ca', file, SYSTEM_AUTHORITY_FILES.includes(file));
    if (!read.ok) return read;
    files.push(read.value);
  }
  return success(files);
}

export function readCertificateFile(file: string): Promise<Result<PemFile, Failure>> {
  return readPem('tls.cert', file, false);
}

/** The key, and what is to be said about who else can read it. */
export async function readKeyFile(
  file: string,
  { allowInsecureKey }: Pick<MaterialSettings, 'allowInsecureKey'>,
): Promise<Result<{ readonly file: PemFile; readonly warnings: readonly string[] }, Failure>> {
  const read = await readPem('tls.key', file, false);
  if (!read.ok) return read;
  const permissions = await checkKeyPermissions(file, allowInsecureKey);
  return permissions.ok ? success({ file: read.value, warnings: permissions.value }) : permissions;
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
    return failure(unreadable('tls.ca', ca, error));
  }
}

async function systemAuthorityPath(): Promise<Result<readonly string[], Failure>> {
  for (const candidate of SYSTEM_AUTHORITY_FILES) {
    try {
      if ((await stat(candidate)).isFile()) return success([candidate]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        return failure(unreadable('tls.ca', candidate, error));
      }
    }
  }
  const cause = `tls.ca: this system has none of ${SYSTEM_AUTHORITY_FILES.join(', ')}`;
  const advice = 'install the package ca-certificates, or name a CA file in tls.ca';
  return failure(failureOf('tls.own-material', cause, { advice }));
}

async function readPem(
  key: MaterialKey,
  file: string,
  isSystems: boolean,
): Promise<Result<PemFile, Failure>> {
  try {
    const stats = await stat(file);
    const wrong = stats.isFile()
      ? `has ${stats.size} bytes; no certificate file is larger than ${MAX_FILE_BYTES}`
      : 'is no file';
    if (!stats.isFile() || stats.size > MAX_FILE_BYTES) {
      return failure(failureOf('tls.own-material', `${key}: ${file} ${wrong}`));
    }
    return success({ path: file, text: await readFile(file, 'latin1'), isSystems });
  } catch (error) {
    return failure(unreadable(key, file, error));
  }
}

/** As ssh does: a key that everybody on this host can read is no secret, so it is used only where that is allowed. */
async function checkKeyPermissions(
  file: string,
  allowInsecureKey: boolean,
): Promise<Result<readonly string[], Failure>> {
  const mode = await modeOf(file);
  if (!mode.ok) return mode;
  const octal = (mode.value & 0o777).toString(8).padStart(4, '0');
  if ((mode.value & 0o007) !== 0) {
    const cause = `tls.key: every user of this host can get at ${file} (mode ${octal})`;
    if (allowInsecureKey) return success([`${cause}; tls.allowInsecureKey lets it pass`]);
    const advice = `chmod 600 ${file}; or set tls.allowInsecureKey, where nobody else is on this host`;
    return failure(failureOf('tls.own-material', cause, { advice }));
  }
  if ((mode.value & 0o070) === 0) return success([]);
  return success([`tls.key: ${file} is open to its group (mode ${octal}); chmod 600 is safer`]);
}

async function modeOf(file: string): Promise<Result<number, Failure>> {
  try {
    return success((await stat(file)).mode);
  } catch (error) {
    return failure(unreadable('tls.key', file, error));
  }
}

function unreadable(key: MaterialKey, file: string, error: unknown): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  const words = SYSTEM_WORDS[code] ?? `cannot be read (${code})`;
  return failureOf('tls.own-material', `${key}: ${file} ${words}`, adviceOn(code, file));
}

function adviceOn(code: string, file: string): { readonly advice?: string } {
  if (code !== 'EACCES' && code !== 'EPERM') return {};
  const whose = CERTBOT.test(file) ? 'certbot keeps its files for root' : 'it belongs to another user';
  return {
    advice: `${whose}: let a deploy hook copy certificate and key to where this user may read them, or hand them over with LoadCredential= (systemd reads those at the start only, so a renewal needs a restart then)`,
  };
}

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no directory',
  ELOOP: 'is a symbolic link that leads nowhere',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
};

/** Debian and Alpine, Fedora and RHEL, openSUSE, and the BSDs. */
const SYSTEM_AUTHORITY_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
const CERTIFICATE_FILE = /\.(?:pem|crt|cer)$/i;
const CERTBOT = /\/letsencrypt\/(?:live|archive)\//;
const MAX_AUTHORITY_FILES = 1_000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

// The check of all TLS files at the start and in `config check`: not the first problem only, but each, with the setting
// and the file. What is found here is found again when a connection is made; here it is found before.

import type { X509Certificate } from 'node:crypto';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { TextSource } from '../../core/text-source.ts';
import { certificateExpiry } from './certificate-facts.ts';
import { checkAuthorities, checkPair, parseCertificates, parseKey } from './material.ts';
import { readAuthorities, readCertificateFile, readKeyFile } from './material-files.ts';
import type { MaterialSettings } from './settings.ts';
import { singleFileMounts } from './single-file-mounts.ts';

export type MaterialCheck = {
  /** What keeps every connection with these settings from coming about. */
  readonly problems: readonly Failure[];
  /** What works, but should be put right; each a whole sentence. */
  readonly warnings: readonly string[];
};

export type MaterialCheckIo = {
  readonly readSecret: (source: TextSource) => Promise<Result<string, string>>;
  /** Wall clock. */
  readonly now: Date;
};

/** Reads and checks everything that `settings` name. */
export async function checkMaterial(settings: MaterialSettings, io: MaterialCheckIo): Promise<MaterialCheck> {
  const [authorities, own] = await Promise.all([authoritiesCheck(settings, io.now), ownCheck(settings, io)]);
  const { ca, cert, key } = settings;
  const paths = [ca === 'system' ? null : ca, cert, key].filter((file) => file !== null);
  const mounts = await singleFileMounts(paths);
  return {
    problems: [...authorities.problems, ...own.problems],
    warnings: [...authorities.warnings, ...own.warnings, ...mounts.map(mountWarning)],
  };
}

async function authoritiesCheck({ ca }: MaterialSettings, now: Date): Promise<MaterialCheck> {
  const files = await readAuthorities(ca);
  const warnings = files.ok ? checkAuthorities(files.value, now) : files;
  return warnings.ok
    ? { problems: [], warnings: warnings.value }
    : { problems: [warnings.error], warnings: [] };
}

async function ownCheck(settings: MaterialSettings, io: MaterialCheckIo): Promise<MaterialCheck> {
  const { cert, key } = settings;
  if (cert === null || key === null) return { problems: [], warnings: [] };
  const [chain, keyFile, passphrase] = await Promise.all([
    chainOf(cert),
    readKeyFile(key, settings),
    passphraseOf(settings, io),
  ]);
  const read = [chain, keyFile, passphrase].flatMap((part) => (part.ok ? [] : [part.error]));
  const warnings = keyFile.ok ? keyFile.value.warnings : [];
  if (!chain.ok || !keyFile.ok || !passphrase.ok) return { problems: read, warnings };
  const privateKey = parseKey(keyFile.value.file, passphrase.value);
  if (!privateKey.ok) return { problems: [privateKey.error], warnings };
  const pair = checkPair({ file: cert, chain: chain.value }, key, privateKey.value, io.now);
  if (!pair.ok) return { problems: [pair.error], warnings };
  const { level, daysLeft } = certificateExpiry(pair.value, io.now);
  if (level === 'ok') return { problems: [], warnings };
  const end = `tls.cert: our certificate ${cert} expires in ${daysLeft} days, on ${pair.value.validTo}`;
  return { problems: [], warnings: [...warnings, end] };
}

async function chainOf(cert: string): Promise<Result<readonly X509Certificate[], Failure>> {
  const file = await readCertificateFile(cert);
  return file.ok ? parseCertificates(file.value, 'tls.cert') : file;
}

async function passphraseOf(
  { keyPassphrase }: MaterialSettings,
  { readSecret }: MaterialCheckIo,
): Promise<Result<string | null, Failure>> {
  if (keyPassphrase === null) return success(null);
  const read = await readSecret(keyPassphrase);
  return read.ok ? read : failure(failureOf('secret.unreadable', `tls.keyPassphrase: ${read.error}`));
}

function mountWarning(path: string): string {
  return `${path} is mounted as a single file (subPath in Kubernetes, a bind mount of one file): a renewal that replaces the file is never seen there; mount its directory`;
}

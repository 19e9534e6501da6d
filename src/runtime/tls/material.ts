// The certificates, keys and CAs of an account, read from disk and checked before anything uses them. Node is of
// little help: it takes a CA file of garbage without a word and then trusts nobody. What comes out is one immutable
// object; changed files make a new one (material-store.ts), and existing connections keep theirs.

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { factsOf } from './certificate-facts.ts';
import type { MaterialFiles, PemFile } from './material-files.ts';
import type { MaterialSettings, TlsVersion } from './settings.ts';

/** Our own certificate, for diagnosis and for the watch over its expiry. */
export type OwnCertificate = {
  readonly file: string;
  readonly subject: string;
  readonly validFrom: string;
  readonly validTo: string;
};

export type TlsMaterial = {
  /** SHA-256 over all that the context is made of: the same digest, the same context. */
  readonly digest: string;
  readonly context: SecureContext;
  readonly ownCertificate: OwnCertificate | null;
  /** What works, but should be put right; each a whole sentence. */
  readonly warnings: readonly string[];
};

/** Digest of the contents of `files`; equal digests mean that nothing has to be made anew. */
export function digestOf(files: MaterialFiles, settings: MaterialSettings): string {
  const hash = createHash('sha256');
  const parts = [
    settings.minVersion,
    settings.keyPassphrase ?? '',
    ...files.authorities.map(({ text }) => text),
    files.certificate?.text ?? '',
    files.key?.text ?? '',
  ];
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/** Checks the files and makes a context of them. `now` is the wall-clock time to judge dates by. */
export function makeMaterial(
  files: MaterialFiles,
  settings: MaterialSettings,
  now: Date,
): Result<TlsMaterial, Failure> {
  const authorities = checkAuthorities(files.authorities, now);
  if (!authorities.ok) return authorities;
  const own = checkOwnPair(files, settings, now);
  if (!own.ok) return own;
  try {
    const context = createSecureContext({
      ...(files.authorities.length === 0 ? {} : { ca: files.authorities.map(({ text }) => text) }),
      ...(files.certificate === null ? {} : { cert: files.certificate.text }),
      ...(files.key === null ? {} : { key: files.key.text }),
      ...(settings.keyPassphrase === null ? {} : { passphrase: settings.keyPassphrase }),
      ...protocolOptions(settings.minVersion),
    });
    const warnings = [...files.warnings, ...authorities.value];
    return success({ digest: digestOf(files, settings), context, ownCertificate: own.value, warnings });
  } catch (error) {
    const names = [files.certificate, files.key, ...files.authorities.slice(0, 1)]
      .flatMap((file) => file?.path ?? [])
      .join(', ');
    return failure(failureOf('tls.own-material', `OpenSSL refuses ${names}: ${reasonOf(error)}`));
  }
}

/** TLS 1.0 and 1.1 sign with SHA-1 and MD5, which OpenSSL 3 allows at security level 0 only. */
function protocolOptions(minVersion: TlsVersion): { minVersion: TlsVersion; ciphers?: string } {
  const isOld = minVersion === 'TLSv1' || minVersion === 'TLSv1.1';
  return isOld ? { minVersion, ciphers: 'DEFAULT@SECLEVEL=0' } : { minVersion };
}

/** At least one certificate a file, each readable, and not all of them expired. The value is the warnings. */
function checkAuthorities(files: readonly PemFile[], now: Date): Result<readonly string[], Failure> {
  const warnings: string[] = [];
  let valid = 0;
  for (const file of files) {
    if (file.isSystems && file.text.includes('-----BEGIN CERTIFICATE-----')) {
      // The system's own file is in order, or not ours to mend; reading its 150 certificates costs 0.1 s.
      valid += 1;
      continue;
    }
    const certificates = parseCertificates(file, 'tls.ca');
    if (!certificates.ok) return certificates;
    const expired = certificates.value.filter((certificate) => new Date(certificate.validTo) < now);
    valid += certificates.value.length - expired.length;
    for (const certificate of expired) {
      const { subject, validTo } = factsOf(certificate);
      warnings.push(`the CA "${subject}" in ${file.path} expired on ${validTo}`);
    }
  }
  if (files.length === 0 || valid > 0) return success(warnings);
  return failure(failureOf('tls.expired', `every CA in tls.ca has expired: ${warnings.join('; ')}`));
}

function checkOwnPair(
  files: MaterialFiles,
  settings: MaterialSettings,
  now: Date,
): Result<OwnCertificate | null, Failure> {
  const { certificate: certificateFile, key: keyFile } = files;
  if (certificateFile === null && keyFile === null) return success(null);
  if (certificateFile === null || keyFile === null) {
    const [set, missing] = keyFile === null ? ['tls.cert', 'tls.key'] : ['tls.key', 'tls.cert'];
    return failure(failureOf('tls.own-material', `${set} is set, but ${missing} is not`));
  }
  const chain = parseCertificates(certificateFile, 'tls.cert');
  if (!chain.ok) return chain;
  const key = parseKey(keyFile, settings.keyPassphrase);
  if (!key.ok) return key;
  const [leaf] = chain.value;
  if (leaf === undefined || !leaf.checkPrivateKey(key.value)) {
    const cause = `certificate ${certificateFile.path} and key ${keyFile.path} do not belong together`;
    const advice = 'install both files of one renewal; the certificate itself must come first in its file';
    return failure(failureOf('tls.own-material', cause, { advice }));
  }
  return checkDates(certificateFile.path, leaf, now);
}

function checkDates(file: string, leaf: X509Certificate, now: Date): Result<OwnCertificate, Failure> {
  const { subject, validFrom, validTo } = factsOf(leaf);
  const clock = `this host's clock says ${now.toISOString()}`;
  if (new Date(validTo) < now) {
    return failure(failureOf('tls.expired', `our certificate ${file} expired on ${validTo}; ${clock}`));
  }
  if (new Date(validFrom) > now) {
    const cause = `our certificate ${file} is not valid before ${validFrom}; ${clock}`;
    return failure(failureOf('tls.not-yet-valid', cause));
  }
  return success({ file, subject, validFrom, validTo });
}

function parseCertificates(file: PemFile, setting: string): Result<readonly X509Certificate[], Failure> {
  const blocks = file.text.match(CERTIFICATE_BLOCK) ?? [];
  if (blocks.length === 0) {
    const cause = `${setting}: there is no PEM certificate in ${file.path}`;
    return failure(failureOf('tls.own-material', cause));
  }
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch (error) {
      const cause = `${setting}: certificate ${index + 1} of ${blocks.length} in ${file.path} cannot be read: ${reasonOf(error)}`;
      return failure(failureOf('tls.own-material', cause));
    }
  }
  return success(certificates);
}

function parseKey(file: PemFile, passphrase: string | null): Result<KeyObject, Failure> {
  try {
    return success(createPrivateKey({ key: file.text, ...(passphrase === null ? {} : { passphrase }) }));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const isEncrypted = PASSPHRASE_ERRORS.has(code) || /ENCRYPTED/.test(file.text);
    if (!isEncrypted) {
      const cause = `tls.key: there is no private key that can be read in ${file.path}: ${reasonOf(error)}`;
      return failure(failureOf('tls.own-material', cause));
    }
    const cause =
      passphrase === null
        ? `tls.key: the key in ${file.path} is encrypted, and tls.keyPassphrase is not set`
        : `tls.key: the passphrase does not open the key in ${file.path}`;
    const advice = 'set tls.keyPassphrase to the passphrase of the key';
    return failure(failureOf('tls.own-material', cause, { advice }));
  }
}

/** OpenSSL's words without the numbers around them: "error:0480006C:PEM routines::no start line". */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^error:.*:([^:]+)$/.exec(text)?.[1] ?? text;
}

const CERTIFICATE_BLOCK =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?(?:-----END (?:TRUSTED |X509 )?CERTIFICATE-----|$)/g;
const PASSPHRASE_ERRORS = new Set(['ERR_MISSING_PASSPHRASE', 'ERR_OSSL_BAD_DECRYPT']);

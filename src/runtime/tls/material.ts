// The certificates, keys and CAs of an account, checked before anything uses them. Node is of little help: it takes a
// CA file of garbage without a word and then trusts nobody. What comes out is one immutable object; changed files make
// a new one (material-source.ts), and existing connections keep theirs.

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { messageOf } from '../../core/thrown.ts';
import { factsOf } from './certificate-facts.ts';
import type { MaterialFiles, MaterialKey, PemFile } from './material-files.ts';
import type { MaterialSettings, TlsVersion } from './settings.ts';

/** Our own certificate, for diagnosis and for the watch over its expiry. */
export type OwnCertificate = {
  readonly file: string;
  readonly subject: string;
  readonly serial: string;
  readonly sha256: string;
  /** RFC 3339, UTC. */
  readonly validFrom: string;
  readonly validTo: string;
};

/** SHA-256 of the content of each part; null: the settings have no such part. */
export type MaterialDigests = {
  readonly certificate: string | null;
  readonly key: string | null;
  readonly authorities: string | null;
};

export type TlsMaterial = {
  /** SHA-256 over all that the context is made of: the same digest, the same context. */
  readonly digest: string;
  readonly parts: MaterialDigests;
  readonly context: SecureContext;
  readonly ownCertificate: OwnCertificate | null;
  /** What works, but should be put right; each a whole sentence. */
  readonly warnings: readonly string[];
};

export type MakingOptions = {
  readonly passphrase?: string | null;
  /** Material of the same content that is in use already, whose context will do. */
  readonly shared?: (digest: string) => TlsMaterial | undefined;
};

/** Digests of the contents of `files`. */
export function partsOf({ authorities, certificate, key }: MaterialFiles): MaterialDigests {
  return {
    certificate: certificate === null ? null : sha256(certificate.text),
    key: key === null ? null : sha256(key.text),
    authorities: authorities.length === 0 ? null : sha256(...authorities.map(({ text }) => text)),
  };
}

/** One digest of all parts; equal digests mean that nothing has to be made anew. */
export function digestOf(
  parts: MaterialDigests,
  { minVersion }: Pick<MaterialSettings, 'minVersion'>,
): string {
  return sha256(minVersion, parts.certificate ?? '', parts.key ?? '', parts.authorities ?? '');
}

/**
 * Checks all files together (each can be read, certificate and key are a pair, dates by the wall-clock time `now`) and
 * makes a context of them.
 */
export function makeMaterial(
  files: MaterialFiles,
  settings: Pick<MaterialSettings, 'minVersion'>,
  now: Date,
  { passphrase = null, shared = () => undefined }: MakingOptions = {},
): Result<TlsMaterial, Failure> {
  const authorities = checkAuthorities(files.authorities, now);
  if (!authorities.ok) return authorities;
  const own = checkOwn(files, passphrase, now);
  if (!own.ok) return own;
  const parts = partsOf(files);
  const digest = digestOf(parts, settings);
  const known = shared(digest);
  const context = known === undefined ? makeContext(files, settings, passphrase) : success(known.context);
  if (!context.ok) return context;
  const warnings = [...files.warnings, ...authorities.value];
  return success({ digest, parts, context: context.value, ownCertificate: own.value, warnings });
}

function makeContext(
  files: MaterialFiles,
  settings: Pick<MaterialSettings, 'minVersion'>,
  passphrase: string | null,
): Result<SecureContext, Failure> {
  try {
    const context = createSecureContext({
      ...(files.authorities.length === 0 ? {} : { ca: files.authorities.map(({ text }) => text) }),
      ...(files.certificate === null ? {} : { cert: files.certificate.text }),
      ...(files.key === null ? {} : { key: files.key.text }),
      ...(passphrase === null ? {} : { passphrase }),
      ...protocolOptions(settings.minVersion),
    });
    return success(context);
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
export function checkAuthorities(files: readonly PemFile[], now: Date): Result<readonly string[], Failure> {
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
      warnings.push(`tls.ca: the CA "${subject}" in ${file.path} expired on ${validTo}`);
    }
  }
  if (files.length === 0 || valid > 0) return success(warnings);
  return failure(failureOf('tls.expired', `every CA in tls.ca has expired: ${warnings.join('; ')}`));
}

function checkOwn(
  { certificate, key }: MaterialFiles,
  passphrase: string | null,
  now: Date,
): Result<OwnCertificate | null, Failure> {
  if (certificate === null && key === null) return success(null);
  if (certificate === null || key === null) {
    const [set, missing] = key === null ? ['tls.cert', 'tls.key'] : ['tls.key', 'tls.cert'];
    return failure(failureOf('tls.own-material', `${set} is set, but ${missing} is not`));
  }
  const chain = parseCertificates(certificate, 'tls.cert');
  if (!chain.ok) return chain;
  const privateKey = parseKey(key, passphrase);
  if (!privateKey.ok) return privateKey;
  return checkPair({ file: certificate.path, chain: chain.value }, key.path, privateKey.value, now);
}

/** Whether the first certificate of the chain is the key's, and valid at `now`. */
export function checkPair(
  own: { readonly file: string; readonly chain: readonly X509Certificate[] },
  keyFile: string,
  key: KeyObject,
  now: Date,
): Result<OwnCertificate, Failure> {
  const [leaf] = own.chain;
  if (leaf === undefined || !leaf.checkPrivateKey(key)) {
    const cause = `tls.cert, tls.key: certificate ${own.file} and key ${keyFile} do not belong together`;
    const advice = 'install both files of one renewal; the certificate itself must come first in its file';
    return failure(failureOf('tls.own-material', cause, { advice }));
  }
  return checkDates(own.file, leaf, now);
}

function checkDates(file: string, leaf: X509Certificate, now: Date): Result<OwnCertificate, Failure> {
  const { subject, serial, sha256, validFrom, validTo } = factsOf(leaf);
  const clock = `this host's clock says ${now.toISOString()}`;
  if (new Date(validTo) < now) {
    return failure(failureOf('tls.expired', `our certificate ${file} expired on ${validTo}; ${clock}`));
  }
  if (new Date(validFrom) > now) {
    const cause = `our certificate ${file} is not valid before ${validFrom}; ${clock}`;
    return failure(failureOf('tls.not-yet-valid', cause));
  }
  return success({ file, subject, serial, sha256, validFrom, validTo });
}

/** Every certificate of a PEM file; one that cannot be read, or none at all, is the failure. */
export function parseCertificates(
  file: PemFile,
  setting: MaterialKey,
): Result<readonly X509Certificate[], Failure> {
  const blocks = file.text.match(CERTIFICATE_BLOCK) ?? [];
  if (blocks.length === 0) {
    const cause = `${setting}: there is no PEM certificate in ${file.path}`;
    return failure(failureOf('tls.own-material', cause));
  }
  if (TORN_END.test(file.text)) {
    return failure(failureOf('tls.own-material', `${setting}: ${file.path} ends within a line of PEM`));
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

/** The private key of a PEM file; the passphrase is never shown. */
export function parseKey(file: PemFile, passphrase: string | null): Result<KeyObject, Failure> {
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
    const advice = 'set tls.keyPassphrase to the passphrase of the key, or to where it is';
    return failure(failureOf('tls.own-material', cause, { advice }));
  }
}

/** OpenSSL's words without the numbers around them: "error:0480006C:PEM routines::no start line". */
function reasonOf(error: unknown): string {
  const text = messageOf(error);
  return /^error:.*:([^:]+)$/.exec(text)?.[1] ?? text;
}

/** Of several texts, each with its length, so that nothing can move from one into the next. */
function sha256(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:`).update(text, 'latin1');
  return hash.digest('hex');
}

const CERTIFICATE_BLOCK =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?(?:-----END (?:TRUSTED |X509 )?CERTIFICATE-----|$)/g;
/** The last line begins as a boundary and is none that ends a block: somebody is still writing, or was cut off. */
const TORN_END = /(?:^|\n)-(?!----END [A-Z0-9 ]+-----\s*$)[^\n]*\s*$/;
const PASSPHRASE_ERRORS = new Set(['ERR_MISSING_PASSPHRASE', 'ERR_OSSL_BAD_DECRYPT']);

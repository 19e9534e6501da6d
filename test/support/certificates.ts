// A little certificate authority for tests: real X.509 certificates with any names, dates, purposes and faults,
// made in milliseconds without a program beside us. DER is written by hand (RFC 5280, X.690), signing is OpenSSL's.

import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type CertificateOptions = {
  /** null: an empty subject. */
  readonly commonName?: string | null;
  /** SANs of type DNS, URI and IP address. */
  readonly names?: readonly string[];
  readonly uris?: readonly string[];
  readonly addresses?: readonly string[];
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** From notBefore; may be a fraction. Default 30. */
  readonly days?: number;
  /** Extended key usage; default: server and client. Empty: no such extension. */
  readonly purposes?: readonly ('server' | 'client' | 'sip')[];
  readonly keyType?: 'ec' | 'rsa1024' | 'rsa2048';
  /** A key pair to certify again, as in a renewal that keeps the key. */
  readonly keys?: KeyPair;
};

type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

export type IssuedCertificate = {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8, not encrypted. */
  readonly key: string;
  readonly keys: KeyPair;
  readonly x509: X509Certificate;
  /** Hexadecimal SHA-256 of the certificate and of its public key. */
  readonly sha256: string;
  readonly publicKeySha256: string;
};

export type CertificateAuthority = IssuedCertificate & {
  readonly issue: (options: CertificateOptions) => IssuedCertificate;
  /** An intermediate CA that this one has signed. */
  readonly intermediate: (commonName: string) => CertificateAuthority;
};

/** A self-signed CA. With `sha1` it signs with SHA-1, which OpenSSL 3 finds too weak. */
export function makeCertificateAuthority(
  options: CertificateOptions & { readonly signature?: 'sha256' | 'sha1' } = {},
): CertificateAuthority {
  const { signature = 'sha256', ...rest } = options;
  const name = rest.commonName ?? 'Test CA';
  const keys = rest.keys ?? makeKeys(rest.keyType ?? 'ec');
  const signer = { name, keys, signature: 'sha256' as const };
  return authorityOf(
    issueBy(signer, { ...rest, commonName: name, keys, purposes: [] }, true),
    name,
    signature,
  );
}

/** A certificate that nobody but itself has signed. */
export function makeSelfSigned(options: CertificateOptions): IssuedCertificate {
  const keys = options.keys ?? makeKeys(options.keyType ?? 'ec');
  const signer = { name: options.commonName ?? '', keys, signature: 'sha256' as const };
  return issueBy(signer, { ...options, keys }, false);
}

/** A directory for test files; `remove` deletes it with all that is in it. */
export function makeTemporaryDirectory(): {
  readonly path: string;
  /** Writes a file (mode 0600 unless told) and gives its path. */
  readonly write: (name: string, content: string, mode?: number) => string;
  readonly remove: () => void;
} {
  const directory = mkdtempSync(path.join(tmpdir(), 'sipreg-test-'));
  return {
    path: directory,
    write: (name, content, mode = 0o600) => {
      const file = path.join(directory, name);
      writeFileSync(file, content, { mode });
      return file;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

type Signer = { readonly name: string; readonly keys: KeyPair; readonly signature: 'sha256' | 'sha1' };

function authorityOf(
  own: IssuedCertificate,
  name: string,
  signature: 'sha256' | 'sha1',
): CertificateAuthority {
  const signer = { name, keys: own.keys, signature };
  return {
    ...own,
    issue: (options) => issueBy(signer, options, false),
    intermediate: (commonName) =>
      authorityOf(issueBy(signer, { commonName, purposes: [] }, true), commonName, signature),
  };
}

function issueBy(signer: Signer, options: CertificateOptions, isAuthority: boolean): IssuedCertificate {
  const keys = options.keys ?? makeKeys(options.keyType ?? 'ec');
  const notBefore = options.notBefore ?? new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + (options.days ?? 30) * 86_400_000);
  const algorithm = signatureAlgorithm(signer);
  const serial = Buffer.concat([Buffer.of(0x01), randomBytes(8)]);
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    algorithm,
    distinguishedName(signer.name),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(options.commonName ?? ''),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(options, isAuthority))),
  );
  const signature = sign(signer.signature, toBeSigned, signer.keys.privateKey);
  const raw = sequence(toBeSigned, algorithm, der(0x03, Buffer.of(0), signature));
  const x509 = new X509Certificate(raw);
  return {
    certificate: x509.toString(),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keys,
    x509,
    sha256: sha256(raw),
    publicKeySha256: sha256(keys.publicKey.export({ type: 'spki', format: 'der' })),
  };
}

function extensions(options: CertificateOptions, isAuthority: boolean): Buffer[] {
  const list: Buffer[] = [];
  if (isAuthority) {
    list.push(extension('2.5.29.19', sequence(der(0x01, Buffer.of(0xff))), true));
    list.push(extension('2.5.29.15', der(0x03, Buffer.of(0x01, 0x06)), true));
  }
  const purposes = options.purposes ?? ['server', 'client'];
  if (purposes.length > 0) {
    list.push(extension('2.5.29.37', sequence(...purposes.map((purpose) => identifier(PURPOSES[purpose])))));
  }
  const names = [
    ...(options.names ?? []).map((name) => der(0x82, Buffer.from(name, 'latin1'))),
    ...(options.uris ?? []).map((uri) => der(0x86, Buffer.from(uri, 'latin1'))),
    ...(options.addresses ?? []).map((address) => der(0x87, addressBytes(address))),
  ];
  if (names.length > 0) list.push(extension('2.5.29.17', sequence(...names)));
  return list;
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(0x01, Buffer.of(0xff))] : [];
  return sequence(identifier(id), ...flag, der(0x04, value));
}

function distinguishedName(commonName: string): Buffer {
  if (commonName === '') return sequence();
  return sequence(der(0x31, sequence(identifier('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

function signatureAlgorithm({ keys, signature }: Signer): Buffer {
  const isRsa = keys.privateKey.asymmetricKeyType === 'rsa';
  const id = SIGNATURES[`${isRsa ? 'rsa' : 'ec'}-${signature}`];
  return isRsa ? sequence(identifier(id), der(0x05)) : sequence(identifier(id));
}

/** GeneralizedTime is for 2050 and later, UTCTime for before (RFC 5280 §4.1.2.5). */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : der(0x18, Buffer.from(`${digits}Z`));
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const first = groups(head);
  const last = groups(tail);
  const middle = new Array<number>(8 - first.length - last.length).fill(0);
  return Buffer.from([...first, ...middle, ...last].flatMap((group) => [group >> 8, group & 0xff]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 128) return Buffer.concat([Buffer.of(tag, length), content]);
  return length < 256
    ? Buffer.concat([Buffer.of(tag, 0x81, length), content])
    : Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function makeKeys(type: 'ec' | 'rsa1024' | 'rsa2048'): KeyPair {
  return type === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: type === 'rsa1024' ? 1024 : 2048 });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const PURPOSES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2', sip: '1.3.6.1.5.5.7.3.20' };
const SIGNATURES = {
  'ec-sha256': '1.2.840.10045.4.3.2',
  'ec-sha1': '1.2.840.10045.4.1',
  'rsa-sha256': '1.2.840.113549.1.1.11',
  'rsa-sha1': '1.2.840.113549.1.1.5',
};

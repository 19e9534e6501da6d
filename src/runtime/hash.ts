// The digest hashes from node:crypto, as the pure core wants them handed in.

import { hash } from 'node:crypto';
import type { DigestAlgorithm, HashFn } from '../core/digest/algorithm.ts';

/** Lower-case hex. Throws where the system's policy forbids the algorithm, as OpenSSL's FIPS mode does with MD5. */
export const nodeHash: HashFn = (algorithm, data) => hash(OPENSSL_NAMES[algorithm], data, 'hex');

const OPENSSL_NAMES: Readonly<Record<DigestAlgorithm, string>> = {
  MD5: 'md5',
  'SHA-256': 'sha256',
  'SHA-512-256': 'sha512-256',
};

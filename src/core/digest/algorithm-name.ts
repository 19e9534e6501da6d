// The `algorithm` parameter of RFC 7616 §3.3 and RFC 8760 §2.1: a name, in any case, with an optional "-sess".

import { DIGEST_ALGORITHMS, type DigestAlgorithm } from './algorithm.ts';

export type AlgorithmName = { readonly algorithm: DigestAlgorithm; readonly session: boolean };

/** What an `algorithm` value names; absent or empty means MD5 (RFC 7616 §3.3), null that we do not know it. */
export function parseAlgorithmName(text: string | undefined): AlgorithmName | null {
  const name = (text ?? '').toUpperCase();
  if (name === '') return { algorithm: 'MD5', session: false };
  const session = name.endsWith('-SESS');
  const base = session ? name.slice(0, -'-SESS'.length) : name;
  const algorithm = DIGEST_ALGORITHMS.find((known) => known === base);
  return algorithm === undefined ? null : { algorithm, session };
}

// The digest algorithms of RFC 7616 and RFC 8760, and the hash function that the shell hands in.

export const DIGEST_ALGORITHMS = ['MD5', 'SHA-256', 'SHA-512-256'] as const;

export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** Lower-case hex digest of `data`; text is hashed as UTF-8. SHA-512-256 is FIPS SHA-512/256, not a cut SHA-512. */
export type HashFn = (algorithm: DigestAlgorithm, data: string | Uint8Array) => string;

/** How one realm's secret is held: a password, or HA1 values that were computed beforehand. */
export type Secret = string | Ha1ByAlgorithm;

export type Ha1ByAlgorithm = Readonly<Partial<Record<DigestAlgorithm, string>>>;

/** Which challenges are answered at all: whoever asks for less, or makes it look so on the way, learns nothing that could be
 * guessed from (RFC 7616 §5.1, §5.6). */
export type DigestPolicy = {
  readonly algorithms: readonly DigestAlgorithm[];
  /** The form of RFC 2069, without qop, is not answered. */
  readonly needsQop: boolean;
};

/** Credentials for one realm; `realm: null` answers any. */
export type Credential = {
  readonly realm: string | null;
  readonly username: string;
  readonly secret: Secret;
  /** Absent: every challenge that the secret can answer is answered. */
  readonly policy?: DigestPolicy;
};

// What the embedded registrar is told: whose domain it is, who may register, and for how long. All of it has a
// default but the users.

import type { DigestAlgorithm, Secret } from '../core/digest/algorithm.ts';
import type { Millis } from '../core/time.ts';

export type RegistrarSettings = {
  /** Hosts of the Request-URIs and addresses-of-record that it is responsible for; ports play no part. */
  readonly domains: readonly string[];
  /** By name, which is both the user part of the address-of-record and the one in the credentials. */
  readonly users: ReadonlyMap<string, Secret>;
  /** Null: everybody is believed. */
  readonly authentication: AuthenticationSettings | null;
  readonly expires: ExpirySettings;
  /** Bindings of one address-of-record; one more is refused with 403. */
  readonly maxContacts: number;
};

export type AuthenticationSettings = {
  readonly realm: string;
  /** One challenge each, in this order (RFC 8760 §2.4: the best first). */
  readonly algorithms: readonly DigestAlgorithm[];
  readonly nonceLifetimeMs: Millis;
  /** Every 2xx brings the nonce of the next request (RFC 7616 §3.5), and the old one is used up. */
  readonly nextNonce: boolean;
};

export type ExpirySettings = {
  /** For a Contact that asks for nothing. */
  readonly defaultSeconds: number;
  /** Less than this is refused with 423, unless it is an hour or more (RFC 3261 §10.3). */
  readonly minSeconds: number;
  /** More than this is cut. */
  readonly maxSeconds: number;
};

/** The settings of a registrar for `domain` (also its realm) where nothing else is asked for. */
export function registrarSettings(
  domain: string,
  users: ReadonlyMap<string, Secret>,
  chosen: Partial<RegistrarSettings> = {},
): RegistrarSettings {
  return {
    domains: [domain],
    users,
    authentication: {
      realm: domain,
      algorithms: ['SHA-256', 'MD5'],
      nonceLifetimeMs: 300_000,
      nextNonce: false,
    },
    expires: { defaultSeconds: 3600, minSeconds: 60, maxSeconds: 3600 },
    maxContacts: 10,
    ...chosen,
  };
}

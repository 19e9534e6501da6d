// What an account says about TLS (interface.md, "tls"), as the accounts file's schema hands it over.

import type { TextSource } from '../../core/text-source.ts';

/** How the server proves who it is. Anything but `rfc5922` loosens the check, and is chosen by name only. */
export type Verification = 'rfc5922' | 'host' | 'pin' | 'none';

/** Versions before TLS 1.2 are forbidden by RFC 8996; they are used only where a setting asks for one by name. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export type TlsSettings = {
  /** A PEM file or a directory of them; `system`: the operating system's; null: those that Node brings. */
  readonly ca: string | 'system' | null;
  /** Our own certificate and its chain, leaf first (PEM). */
  readonly cert: string | null;
  readonly key: string | null;
  /** Where the passphrase of the key is; it is read afresh with the key. */
  readonly keyPassphrase: TextSource | null;
  /** Use a key that every user of this host can read; without it, such a key is refused. */
  readonly allowInsecureKey: boolean;
  /** The name to ask for and to verify, in place of the SIP domain. */
  readonly serverName: string | null;
  readonly verify: Verification;
  /** SHA-256 of the server's certificate or of its public key (SPKI), in hexadecimal or base64. */
  readonly pins: readonly string[];
  /** Lets `*.example.com` stand for one label (forbidden by RFC 5922 §7.2). */
  readonly allowWildcard: boolean;
  readonly minVersion: TlsVersion;
};

/** The part of the settings that a TLS context is made of. */
export type MaterialSettings = Pick<
  TlsSettings,
  'ca' | 'cert' | 'key' | 'keyPassphrase' | 'allowInsecureKey' | 'minVersion'
>;

/** Without a word in the accounts file: Node's CAs, no certificate of our own, RFC 5922, TLS 1.2 and later. */
export const DEFAULT_TLS_SETTINGS: TlsSettings = {
  ca: null,
  cert: null,
  key: null,
  keyPassphrase: null,
  allowInsecureKey: false,
  serverName: null,
  verify: 'rfc5922',
  pins: [],
  allowWildcard: false,
  minVersion: 'TLSv1.2',
};

// From the accounts file to accounts that the engine can take: plan, TLS settings, secrets. What an operator should
// know although it is no error comes back as warnings.

import { dnsServersOf, planOf, secretSourcesOf, tlsSettingsOf } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { COMMAND_TIMEOUT_MS, readCredentials, readText } from '../accounts/secrets.ts';
import type { Credential } from '../core/digest/algorithm.ts';
import { type Failure, failureOf } from '../core/health/verdict.ts';
import { failure, type Result, success } from '../core/result.ts';
import { bracketed } from '../core/sip/ip.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { IdentityStore } from '../state/identity-store.ts';
import type { AccountSetup, Memory } from './managed-account.ts';

export type SetupOptions = {
  /** "sipreg/1.0.0", the User-Agent of accounts that set none. */
  readonly product: string;
  readonly store: IdentityStore | null;
  readonly memory: Memory;
  readonly keepsAlive: boolean;
  /** Seconds to ask for in place of the account's own; null: the account's. */
  readonly expires: number | null;
};

export type PreparedAccount = {
  readonly setup: AccountSetup;
  readonly credentials: Result<readonly Credential[], Failure>;
  readonly warnings: readonly string[];
};

/**
 * Makes account `name` ready; its secrets are read. A secret that cannot be read is a verdict, not an error. Relative
 * paths start at `directory`, where the accounts file is.
 */
export async function prepareAccount(
  directory: string,
  name: string,
  entry: AccountEntry,
  options: SetupOptions,
): Promise<PreparedAccount> {
  const plan = planOf(name, entry, options.product);
  const secrets = secretSourcesOf(entry, directory);
  const io = { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const credentials = await readCredentials(secrets, io);
  const tls = await readTlsSettings(entry, directory);
  const setup: AccountSetup = {
    plan: options.expires === null ? plan : { ...plan, expires: options.expires },
    tls: tls.settings,
    dnsServers: (dnsServersOf(entry) ?? []).map(({ address, port }) => `${bracketed(address)}:${port}`),
    secrets,
    store: options.store,
    memory: options.memory,
    keepsAlive: options.keepsAlive,
  };
  const usable = tls.passphrase.ok ? credentials : tls.passphrase;
  return { setup, credentials: usable, warnings: warningsOf(name, entry) };
}

async function readTlsSettings(
  entry: AccountEntry,
  directory: string,
): Promise<{ readonly settings: TlsSettings; readonly passphrase: Result<null, Failure> }> {
  const { keyPassphrase, ...rest } = tlsSettingsOf(entry, directory);
  if (keyPassphrase === null) return { settings: { ...rest, keyPassphrase }, passphrase: success(null) };
  const read = await readText(keyPassphrase, { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS });
  if (read.ok) return { settings: { ...rest, keyPassphrase: read.value }, passphrase: success(null) };
  const cause = `the passphrase of the TLS key: ${read.error}`;
  return {
    settings: { ...rest, keyPassphrase: null },
    passphrase: failure(failureOf('secret.unreadable', cause)),
  };
}

function warningsOf(name: string, entry: AccountEntry): readonly string[] {
  const warnings: string[] = [];
  if (entry.tls?.verify === 'none') {
    warnings.push(`${name}: tls.verify is "none": nobody checks who the server is`);
  }
  if (entry.outbound === 'on') {
    warnings.push(
      `${name}: "outbound" (RFC 5626) is not applied by this version; of several proxies the first is used`,
    );
  }
  return warnings;
}

// From the accounts file to accounts that the engine can take: plan, TLS settings, secrets. What an operator should
// know although it is no error comes back as warnings.

import {
  type CredentialSource,
  dnsServersOf,
  incomingSettingsOf,
  keepaliveSettingsOf,
  planOf,
  secretSourcesOf,
  tlsSettingsOf,
  uriOf,
} from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { COMMAND_TIMEOUT_MS, readCredentials } from '../accounts/secrets.ts';
import { oncePerContent, oncePerObject } from '../core/made-once.ts';
import { contactScheme } from '../core/registration/contact.ts';
import { flowPlans, fromUri, type Plan } from '../core/registration/plan.ts';
import { nextHop } from '../core/resolve/hop.ts';
import { addressText } from '../core/sip/ip.ts';
import { isReliable, type SocketAddress } from '../core/sip/transport.ts';
import { uriParam } from '../core/sip/uri.ts';
import type { IdentityStore, Memory } from '../state/identity-store.ts';
import { STUN_ON_STREAM } from './keepalive-news.ts';
import type { AccountSetup, PreparedAccount } from './managed-registration.ts';

export type SetupOptions = {
  /** "sipreg/1.0.0", the User-Agent of accounts that set none. */
  readonly product: string;
  readonly store: IdentityStore | null;
  readonly memory: Memory;
  readonly keepsAlive: boolean;
  /** Seconds to ask for in place of the account's own; null: the account's. */
  readonly expires: number | null;
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
  const { product, expires } = options;
  const plan = planOf(name, expires === null ? entry : { ...entry, expires }, product);
  const sources = secretSourcesOf(entry, directory);
  const io = { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const credentials = await readCredentials(sources, io);
  const setup = sharedSetup({
    tls: tlsSettingsOf(entry, directory),
    dnsServers: dnsServersText(dnsServersOf(entry) ?? NO_SERVERS),
    secrets: sources.every(standsInFile) ? NO_SECRETS : sources,
    keepalive: keepaliveSettingsOf(entry),
    incoming: incomingSettingsOf(entry),
    store: options.store,
    keepsAlive: options.keepsAlive,
  });
  return {
    plan,
    setup,
    memory: options.memory,
    sources,
    credentials,
    warnings: warningsOf(name, entry, plan),
  };
}

const sharedSetup = oncePerContent<AccountSetup>();

const NO_SECRETS: readonly CredentialSource[] = [];

function standsInFile({ secret }: CredentialSource): boolean {
  const sources = secret.type === 'ha1-by-algorithm' ? Object.values(secret.sources) : [secret.source];
  return sources.every(({ type }) => type === 'literal');
}

const NO_SERVERS: readonly SocketAddress[] = [];
const dnsServersText = oncePerObject((servers: readonly SocketAddress[]): readonly string[] =>
  servers.map(addressText),
);

function warningsOf(name: string, entry: AccountEntry, plan: Plan): readonly string[] {
  const warnings: string[] = [];
  if (entry.tls?.verify === 'none') {
    warnings.push(`${name}: tls.verify is "none": nobody checks who the server is`);
  }
  if (entry.tls?.pins !== undefined && entry.tls.verify !== 'pin') {
    warnings.push(`${name}: nobody looks at tls.pins: that takes "verify": "pin"`);
  }
  if (entry.transport === undefined && uriParam(uriOf(entry.aor), 'transport') !== undefined) {
    warnings.push(`${name}: ";transport=" in "aor" chooses nothing: set "transport"`);
  }
  if (entry.keepalive?.method === 'stun' && flowPlans(plan).some(isStream)) {
    warnings.push(`${name}: ${STUN_ON_STREAM}`);
  }
  // RFC 5630 §5.1.1.1.
  const scheme = contactScheme(plan);
  if (![plan.aor, fromUri(plan)].every((uri) => uri.startsWith(`${scheme}:`))) {
    warnings.push(
      `${name}: the Contact will be a ${scheme}: URI, and "aor" or "from" is none: a strict registrar refuses that`,
    );
  }
  return warnings;
}

/** Whether the file alone says that a flow is a stream; else DNS decides, and the flow's keep-alive tells. */
function isStream({ profile: { proxies, registrar, transport } }: Plan): boolean {
  const [proxy] = proxies;
  const hop = nextHop(proxy ?? registrar, transport, registrar.scheme === 'sips');
  return proxy?.webSocket !== undefined || (hop.transport !== null && isReliable(hop.transport));
}

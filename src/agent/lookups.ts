// What a registration asks of the host while it is under way, each as a promise of the input that answers it:
// addresses of a name, and the account's secrets as they are now.

import { COMMAND_TIMEOUT_MS, readCredentials } from '../accounts/secrets.ts';
import type { Input } from '../core/registration/input.ts';
import type { Hop } from '../core/resolve/hop.ts';
import { resolveAddresses } from '../runtime/dns.ts';
import type { ManagedAccount } from './managed-account.ts';

/** The targets of `hop`, in the order in which they are tried. */
export async function resolveHop(hop: Hop, servers: readonly string[]): Promise<Input> {
  const resolved = await resolveAddresses(hop.host, { servers });
  if (!resolved.ok) return { type: 'resolutionFailed', failure: resolved.error };
  const { host, port, transport } = hop;
  const targets = resolved.value.map((address) => ({ transport, host, address, port }));
  return { type: 'targetsResolved', targets };
}

/** Reads every secret of the account afresh. */
export async function readSecretsAgain(account: ManagedAccount): Promise<Input> {
  const read = await readCredentials(account.setup.secrets, {
    env: process.env,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  });
  return read.ok
    ? { type: 'secretRead', credentials: read.value }
    : { type: 'secretFailed', failure: read.error };
}

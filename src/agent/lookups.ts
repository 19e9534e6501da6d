// What a registration asks of the host while it is under way, each as a promise of the input that answers it:
// the targets of a hop, and the account's secrets as they are now.

import { COMMAND_TIMEOUT_MS, readCredentials } from '../accounts/secrets.ts';
import type { Input } from '../core/registration/input.ts';
import type { Hop } from '../core/resolve/hop.ts';
import type { Locator } from '../runtime/dns/locator.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** The targets of `hop`, in the order in which they are tried. `servers` as in Locator.locate. */
export async function resolveHop(locator: Locator, hop: Hop, servers: readonly string[]): Promise<Input> {
  const location = await locator.locate(hop, servers);
  if (!location.ok) return { type: 'resolutionFailed', failure: location.failure };
  const { located, deferred, stale } = location;
  return { type: 'targetsResolved', targets: located.map(({ target }) => target), deferred, stale };
}

/** Reads every secret of the account afresh. */
export async function readSecretsAgain(account: ManagedRegistration): Promise<Input> {
  const read = await readCredentials(account.setup.secrets, {
    env: process.env,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  });
  return read.ok
    ? { type: 'secretRead', credentials: read.value }
    : { type: 'secretFailed', failure: read.error };
}

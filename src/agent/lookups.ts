// What a registration asks of the host while it is under way, each as the input that answers it, or a promise of that:
// the targets of a hop, and the account's secrets as they are now.

import { COMMAND_TIMEOUT_MS, readCredentials } from '../accounts/secrets.ts';
import type { Input } from '../core/registration/input.ts';
import type { Hop } from '../core/resolve/hop.ts';
import type { Location, Locator } from '../runtime/dns/locator.ts';
import { rememberAddresses } from './incoming/answerable.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** The targets of `hop`, in the order in which they are tried, at once when nobody has to be asked; the account knows their
 * addresses then. */
export function resolveHop(locator: Locator, account: ManagedRegistration, hop: Hop): Input | Promise<Input> {
  const location = locator.locate(hop, account.setup.dnsServers);
  return location instanceof Promise
    ? location.then((found) => resolved(account, found))
    : resolved(account, location);
}

function resolved(account: ManagedRegistration, location: Location): Input {
  if (!location.ok) return { type: 'resolutionFailed', failure: location.failure };
  const { located, deferredUntil, stale, tlsWithdrawn } = location;
  const targets = located.map(({ target }) => target);
  account.addresses = rememberAddresses(account.addresses, targets);
  return { type: 'targetsResolved', targets, deferredUntil, stale, tlsWithdrawn };
}

/** Reads every secret of the account afresh. */
export async function readSecretsAgain({ setup, lifecycle }: ManagedRegistration): Promise<Input> {
  if (setup.secrets.length === 0) {
    return { type: 'secretRead', credentials: lifecycle.registration.credentials };
  }
  const read = await readCredentials(setup.secrets, {
    env: process.env,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  });
  return read.ok
    ? { type: 'secretRead', credentials: read.value }
    : { type: 'secretFailed', failure: read.error };
}

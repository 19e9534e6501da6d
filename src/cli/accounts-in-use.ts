// The accounts that a command is about: the file found and checked, the names looked up, the state opened, each
// account made ready. What is wrong ends the command with the exit code of interface.md.

import { homedir } from 'node:os';
import { renderProblem, unknownAccount } from '../accounts/explain.ts';
import { type LoadedAccounts, loadAccounts } from '../accounts/load.ts';
import { locateAccountsFile } from '../accounts/location.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { prepareAccount, type SetupOptions } from '../agent/account-setup.ts';
import type { PreparedAccount } from '../agent/managed-registration.ts';
import { exactNow } from '../runtime/clock.ts';
import { systemRng } from '../runtime/entropy.ts';
import type { StateNotice } from '../state/change-batches.ts';
import { stateDirectory } from '../state/directory.ts';
import { type IdentityStore, type Memory, openIdentityStore, readMemory } from '../state/identity-store.ts';
import { CommandError, EXIT } from './exit.ts';
import type { Output } from './output.ts';
import { PRODUCT } from './version.ts';

/** The accounts file in use, checked; its warnings are told. */
export async function loadInUse(output: Output): Promise<LoadedAccounts> {
  const { path, kind } = locateAccountsFile({
    option: output.settings.config,
    env: process.env,
    home: homedir(),
  });
  const loaded = await loadAccounts(path);
  if (loaded.ok) {
    for (const warning of loaded.value.warnings) output.warning(warning);
    return loaded.value;
  }
  const { exit, kind: problem, problems } = loaded.error;
  const words = problems.map(renderProblem).join('\n        ');
  if (problem === 'missing' && (kind === 'system' || kind === 'user-store')) {
    throw new CommandError(exit, 'there are no accounts yet: add one with "sipreg account add NAME"');
  }
  throw new CommandError(exit, words);
}

/** The entry of account `name`; an unknown one ends the command with the nearest known name. */
export function entryOf(loaded: LoadedAccounts, name: string): AccountEntry {
  const entry = loaded.accounts.get(name);
  if (entry !== undefined) return entry;
  throw new CommandError(EXIT.noInput, unknownAccount(loaded.path, name, [...loaded.accounts.keys()]));
}

/** As entryOf; a disabled account ends the command too. */
export function enabledEntryOf(loaded: LoadedAccounts, name: string): AccountEntry {
  const entry = entryOf(loaded, name);
  if (entry.enabled !== false) return entry;
  throw new CommandError(EXIT.config, `account "${name}" is disabled in ${loaded.path} ("enabled": false)`);
}

/** Opens the durable state; what is wrong with it goes to `notify`, and only a newer version's state ends the command. */
export async function openStateInUse(
  loaded: LoadedAccounts,
  notify: (notice: StateNotice) => void,
): Promise<IdentityStore> {
  const opened = await openIdentityStore(stateInUse(loaded), { rng: systemRng, now: exactNow, notify });
  if (!opened.ok) throw new CommandError(EXIT.config, opened.error.message);
  return opened.value;
}

/** What is remembered, for commands that take no lock and write nothing. */
export function readStateInUse(loaded: LoadedAccounts): Memory {
  return readMemory(stateInUse(loaded), systemRng);
}

/** The state directory; null when nothing says where it could be. */
export function stateInUse(loaded: LoadedAccounts): string | null {
  return stateDirectory({
    env: process.env,
    accountsPath: loaded.path,
    home: homedir(),
    uid: process.getuid?.() ?? 0,
  });
}

export type InUse = Omit<SetupOptions, 'product'>;

/** Makes the named accounts ready, in the order given. */
export async function prepareInUse(
  loaded: LoadedAccounts,
  names: readonly string[],
  output: Output,
  options: InUse,
): Promise<readonly PreparedAccount[]> {
  const entries = [...new Set(names)].map((name) => ({ name, entry: enabledEntryOf(loaded, name) }));
  const prepared = await Promise.all(
    entries.map(({ name, entry }) =>
      prepareAccount(loaded.directory, name, entry, { product: PRODUCT, ...options }),
    ),
  );
  for (const { warnings } of prepared) for (const warning of warnings) output.warning(warning);
  return prepared;
}

// `sipreg account list|show|remove`: the accounts in the file of -c, else in the user's own store. Secrets are never
// shown, only where they are.

import { homedir } from 'node:os';
import { addAccountsToFile, removeAccountFromFile } from '../../accounts/account-file.ts';
import { type EditProblem, type NewAccounts, readDocument, unfitName } from '../../accounts/document-edit.ts';
import type { LoadedAccounts } from '../../accounts/load.ts';
import { locateAccountsFile, userStorePath } from '../../accounts/location.ts';
import { planOf } from '../../accounts/plan.ts';
import type { AccountEntry, AccountsDocument } from '../../accounts/schema.ts';
import type { Result } from '../../core/result.ts';
import { formatUri } from '../../core/sip/uri.ts';
import { entryOf, loadInUse } from '../accounts-in-use.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { PRODUCT } from '../version.ts';

export async function listAccounts(output: Output): Promise<number> {
  const loaded = await loadEditable(output);
  const accounts = [...loaded.accounts].map(([name, entry]) => summaryOf(name, entry));
  const { strong, faint } = output.theme;
  const width = Math.max(0, ...accounts.map(({ account }) => account.length));
  for (const { account, aor, registrar, enabled } of accounts) {
    const name = strong(account.padEnd(width));
    output.result(`${name}  ${aor}  at ${registrar}${enabled ? '' : faint('  disabled')}`);
  }
  if (accounts.length === 0) output.note(`${loaded.path} has no accounts`);
  if (output.settings.json) output.document({ path: loaded.path, accounts });
  return EXIT.done;
}

export async function showAccount(name: string, output: Output): Promise<number> {
  const loaded = await loadEditable(output);
  const entry = withoutSecrets(asWritten(loaded, name, entryOf(loaded, name)));
  if (output.settings.json) output.document({ account: name, path: loaded.path, settings: entry });
  else output.result(`${output.theme.strong(name)}  in ${loaded.path}\n${JSON.stringify(entry, null, 2)}`);
  return EXIT.done;
}

export async function removeAccountCommand(name: string, output: Output): Promise<number> {
  const { path, isUserStore } = editablePath(output);
  const removed = isUserStore ? await removeFromStore(path, name) : await removeAccountFromFile(path, name);
  endOnProblem(removed);
  if (output.settings.json) output.document({ account: name, path, removed: true });
  output.result(`${output.theme.good('✓')} ${output.theme.strong(name)}  removed from ${path}`);
  output.note('a binding that it has at its registrar stays until it ends');
  return EXIT.done;
}

/** Ends the command when no account can be added under `name`: before anything is asked or read for it. */
export async function expectNewName(name: string, output: Output): Promise<void> {
  const { path, document } = await editableDocument(output);
  const unfit = unfitName(path, document, name);
  if (unfit !== null) throw new CommandError(unfit.exit, unfit.message);
}

/** Writes new accounts, all or none, into the file of -c, else into the user's store; returns the path. */
export async function storeAccounts(added: NewAccounts, output: Output): Promise<string> {
  const { path, isUserStore } = editablePath(output);
  if (isUserStore) {
    const { addAccounts } = await import('../../accounts/user-store.ts');
    endOnProblem(await addAccounts(path, added));
  } else {
    endOnProblem(await addAccountsToFile(path, added));
  }
  return path;
}

/** The document that accounts are added to and removed from; an empty one when there is no file yet. */
export async function editableDocument(
  output: Output,
): Promise<{ readonly path: string; readonly document: AccountsDocument }> {
  const { path } = editablePath(output);
  const current = await readDocument(path);
  if (!current.ok) throw new CommandError(current.error.exit, current.error.message);
  return { path, document: current.value ?? { accounts: {} } };
}

/** Where accounts are added and removed: never in /etc unless -c names it. */
function editablePath(output: Output): { readonly path: string; readonly isUserStore: boolean } {
  const home = homedir();
  const found = locateAccountsFile({ option: output.settings.config, env: process.env, home });
  const isNamed = found.kind === 'option' || found.kind === 'environment';
  return isNamed
    ? { path: found.path, isUserStore: false }
    : { path: userStorePath(process.env, home), isUserStore: true };
}

async function removeFromStore(path: string, name: string): Promise<Result<void, EditProblem>> {
  const { removeAccount } = await import('../../accounts/user-store.ts');
  return await removeAccount(path, name);
}

async function loadEditable(output: Output): Promise<LoadedAccounts> {
  const { path } = editablePath(output);
  return await loadInUse({ ...output, settings: { ...output.settings, config: path } });
}

function endOnProblem(result: Result<void, EditProblem>): void {
  if (!result.ok) throw new CommandError(result.error.exit, result.error.message);
}

export function summaryOf(name: string, entry: AccountEntry) {
  const plan = planOf(name, entry, PRODUCT);
  return {
    account: name,
    aor: plan.aor,
    registrar: formatUri(plan.profile.registrar),
    transport: plan.profile.transport,
    enabled: entry.enabled !== false,
  };
}

/** What is said of the account in the order of the file, that of all accounts first. */
function asWritten({ document }: LoadedAccounts, name: string, entry: AccountEntry): object {
  const { defaults, accounts } = document();
  const said = Object.keys({ ...defaults, ...accounts[name] });
  return Object.fromEntries(said.map((key) => [key, entry[key as keyof AccountEntry]]));
}

/** Literal secrets are replaced; where others are found may be shown. */
export function withoutSecrets(value: unknown, key = ''): unknown {
  const isSecret = key === 'password' || key === 'ha1' || key === 'keyPassphrase';
  if (typeof value === 'string') return isSecret ? '(set, not shown)' : value;
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, key));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]): [string, unknown] => {
    // {"file": …}, {"env": …} name a place; HA1 by algorithm holds the values themselves.
    const isPlace = isSecret && ['file', 'env', 'command', 'credential'].includes(name);
    return [name, isPlace ? one : withoutSecrets(one, isSecret ? key : name)];
  });
  return Object.fromEntries(entries);
}

// The user's own accounts, in a file that conf keeps (0600) at $XDG_CONFIG_HOME/sipreg/accounts.json. It holds the
// same document as any accounts file, so that load.ts reads it without conf. The only home of conf: import this
// file dynamically, and only to write.

import { basename, dirname } from 'node:path';
import Conf from 'conf';
import type { Result } from '../core/result.ts';
import { ensureDirectory } from '../runtime/own-directory.ts';
import {
  type EditedDocument,
  type EditProblem,
  formatDocument,
  type NewAccounts,
  readDocument,
  withAccounts,
  withoutAccount,
  writeEdited,
} from './document-edit.ts';
import type { AccountsDocument } from './schema.ts';

/** Adds accounts, all or none, to the store at `path` (location.ts, userStorePath), which is made if it does not exist. */
export async function addAccounts(path: string, added: NewAccounts): Promise<Result<void, EditProblem>> {
  const current = await readDocument(path);
  if (!current.ok) return current;
  return store(path, await withAccounts(path, current.value ?? { accounts: {} }, added));
}

/** Removes account `name` from the store at `path`. */
export async function removeAccount(path: string, name: string): Promise<Result<void, EditProblem>> {
  const current = await readDocument(path);
  if (!current.ok) return current;
  return store(path, await withoutAccount(path, current.value ?? { accounts: {} }, name));
}

function store(
  path: string,
  edited: Result<EditedDocument, EditProblem>,
): Promise<Result<void, EditProblem>> {
  return writeEdited(path, edited, ({ document }) => {
    ensureDirectory(dirname(path));
    const conf = new Conf<AccountsDocument>({
      projectName: 'sipreg',
      projectSuffix: '',
      cwd: dirname(path),
      configName: basename(path, '.json'),
      configFileMode: 0o600,
      accessPropertiesByDotNotation: false,
      serialize: formatDocument,
    });
    conf.store = document;
  });
}

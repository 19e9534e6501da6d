// Adds and removes accounts in a file that a person named with --config. The file keeps its mode and owner; a new
// one is 0600. JSON has no comments, so writing it anew loses nothing but its spacing.

import { realpath, stat } from 'node:fs/promises';
import { failure, type Result } from '../core/result.ts';
import { writeAtomically } from '../runtime/atomic-file.ts';
import {
  type EditProblem,
  type NewAccounts,
  readDocument,
  withAccounts,
  withoutAccount,
  writeEdited,
} from './document-edit.ts';

/** Adds accounts, all or none, to the file at `path`, which is made if it does not exist. */
export async function addAccountsToFile(
  path: string,
  added: NewAccounts,
): Promise<Result<void, EditProblem>> {
  const current = await readDocument(path);
  if (!current.ok) return current;
  const edited = await withAccounts(path, current.value ?? { accounts: {} }, added);
  return writeEdited(path, edited, ({ text }) => replaceFile(path, text));
}

/** Removes account `name` from the file at `path`. */
export async function removeAccountFromFile(path: string, name: string): Promise<Result<void, EditProblem>> {
  const current = await readDocument(path);
  if (!current.ok) return current;
  if (current.value === null) {
    return failure({ kind: 'missing-file', exit: 66, message: `there is no file ${path}` });
  }
  const edited = await withoutAccount(path, current.value, name);
  return writeEdited(path, edited, ({ text }) => replaceFile(path, text));
}

async function replaceFile(path: string, text: string): Promise<void> {
  let target = path;
  let mode = 0o600;
  try {
    // A link stays; the file that it names is replaced.
    target = await realpath(path);
    mode = (await stat(target)).mode & 0o777;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  await writeAtomically(target, text, mode);
}

// Adding accounts to a document and removing one: what account-file.ts and user-store.ts have in common. The result
// is checked as a whole before anything is written; a file that is wrong already is not touched.

import { failure, type Result, success } from '../core/result.ts';
import { renderProblem, unknownAccount } from './explain.ts';
import { checkText, loadAccounts } from './load.ts';
import type { AccountEntry, AccountsDocument } from './schema.ts';
import { accountNameRule } from './value-rules.ts';

/** Why accounts were not added or removed; `exit` as in interface.md, "Exit codes". */
export type EditProblem = {
  readonly kind: 'name-taken' | 'unknown-account' | 'missing-file' | 'invalid' | 'not-written';
  readonly exit: 64 | 66 | 78;
  readonly message: string;
};

/** The document after an edit, as the text of its file. */
export type EditedDocument = { readonly document: AccountsDocument; readonly text: string };

/** The document in the file at `path`; null when there is no such file. */
export async function readDocument(path: string): Promise<Result<AccountsDocument | null, EditProblem>> {
  const loaded = await loadAccounts(path);
  if (loaded.ok) return success(loaded.value.document());
  const { kind, exit, problems } = loaded.error;
  if (kind === 'missing') return success(null);
  return failure({ kind: 'invalid', exit, message: problems.map(renderProblem).join('\n') });
}

/** Hands an edited document to `write`; what the system refuses becomes a problem. */
export async function writeEdited(
  path: string,
  edited: Result<EditedDocument, EditProblem>,
  write: (edited: EditedDocument) => void | Promise<void>,
): Promise<Result<void, EditProblem>> {
  if (!edited.ok) return edited;
  try {
    await write(edited.value);
    return success(undefined);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const code = String(error.code);
    const advice = UNWRITTEN.get(code);
    const why = advice === undefined ? error.message : `${code}: ${advice}`;
    return failure({ kind: 'not-written', exit: 66, message: `${path} could not be written: ${why}` });
  }
}

const UNWRITTEN: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'its directory does not exist; make it first'],
  ['ENOTDIR', 'a part of its path is no directory; choose another with --config'],
  ['EACCES', 'this user has no right to write in its directory'],
  ['EROFS', 'its file system is for reading only; choose another with --config'],
  ['ENOSPC', 'the disk is full; make room first'],
]);

/** By name. */
export type NewAccounts = Readonly<Record<string, AccountEntry>>;

/** `document` with more accounts, all or none; a name that is taken is a problem, never an overwrite. */
export async function withAccounts(
  file: string,
  document: AccountsDocument,
  added: NewAccounts,
): Promise<Result<EditedDocument, EditProblem>> {
  for (const name of Object.keys(added)) {
    const unfit = unfitName(file, document, name);
    if (unfit !== null) return failure(unfit);
  }
  return checked(file, { ...document, accounts: { ...document.accounts, ...added } });
}

/** Why no account can be added under `name`; null: one can. */
export function unfitName(file: string, document: AccountsDocument, name: string): EditProblem | null {
  const wrong = accountNameRule(name);
  if (wrong !== null) {
    const message = [`"${name}" ${wrong.message}`, ...(wrong.hint === null ? [] : [wrong.hint])].join('; ');
    return { kind: 'invalid', exit: 78, message };
  }
  if (!Object.hasOwn(document.accounts, name)) return null;
  const message = `there is already an account "${name}" in ${file}; remove it first, or choose another name`;
  return { kind: 'name-taken', exit: 64, message };
}

/** `document` without the account. */
export async function withoutAccount(
  file: string,
  document: AccountsDocument,
  name: string,
): Promise<Result<EditedDocument, EditProblem>> {
  if (!Object.hasOwn(document.accounts, name)) {
    return failure({
      kind: 'unknown-account',
      exit: 66,
      message: unknownAccount(file, name, Object.keys(document.accounts)),
    });
  }
  const { [name]: _removed, ...accounts } = document.accounts;
  return checked(file, { ...document, accounts });
}

/** A document as the text of its file. */
export function formatDocument(document: AccountsDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

async function checked(
  file: string,
  document: AccountsDocument,
): Promise<Result<EditedDocument, EditProblem>> {
  const text = formatDocument(document);
  const outcome = await checkText(file, text);
  if (outcome.ok) return success({ document, text });
  const message = outcome.error.problems.map(renderProblem).join('\n');
  return failure({ kind: 'invalid', exit: 78, message });
}

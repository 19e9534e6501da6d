// `sipreg account import`: takes accounts of other programs into the file of -c, else into the user's store, all in one write.
// Nothing is sent to a registrar, and no secret is shown.

import { type OpenedFile, openForeignFile, openForeignStream } from '../../accounts/import/foreign-files.ts';
import { IMPORT_FORMATS, recognised } from '../../accounts/import/formats.ts';
import type { ForeignAccount, ImportFormat, ImportReading, LeftOut } from '../../accounts/import/reading.ts';
import { selectAccounts } from '../../accounts/import/selection.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { accountLines, leftOutLine, unchangedLine } from '../render/import-lines.ts';
import { editableDocument, storeAccounts, summaryOf, withoutSecrets } from './account.ts';

export type ImportOptions = {
  /** An id of IMPORT_FORMATS; null: by the look of each file. */
  readonly format: string | null;
  readonly dryRun: boolean;
};

export async function importAccounts(
  paths: readonly string[],
  { format, dryRun }: ImportOptions,
  output: Output,
): Promise<number> {
  const found = await readAll(paths, format);
  const { path, document } = await editableDocument(output);
  const { added, unchanged, leftOut } = selectAccounts(document, found);
  if (!dryRun && added.length > 0) {
    await storeAccounts(Object.fromEntries(added.map(({ name, entry }) => [name, entry])), output);
  }
  const { theme } = output;
  const rows = added.map((account) => ({ ...account, ...summaryOf(account.name, account.entry) }));
  for (const line of accountLines(rows, dryRun ? '+' : '✓', theme)) output.result(line);
  for (const account of unchanged) output.result(unchangedLine(account, theme));
  for (const one of leftOut) output.result(leftOutLine(one, theme));
  if (output.settings.json) {
    output.document({
      schema: 'sipreg.import/1',
      path,
      added: added.map(addedAsJson),
      unchanged: unchanged.map(({ name, path: file, line }) => ({ account: name, file, line })),
      leftOut: leftOut.map(({ path: file, line, what, why }) => ({ file, line, what, why })),
      dryRun,
    });
  }
  tellWhatNext(added, { path, dryRun }, output);
  return leftOut.length === 0 ? EXIT.done : EXIT.config;
}

function addedAsJson({ name, path, line, entry, notes }: ForeignAccount) {
  return {
    ...summaryOf(name, entry),
    file: path,
    line,
    notes,
    settings: withoutSecrets(entry),
  };
}

/** All files are read before anything is written. */
async function readAll(paths: readonly string[], id: string | null): Promise<ImportReading> {
  const readings: ImportReading[] = [];
  for (const path of new Set(paths)) {
    const opened = path === '-' ? await openForeignStream(process.stdin) : await openForeignFile(path);
    if (!opened.ok) throw new CommandError(EXIT.noInput, opened.error);
    readings.push(readOne(opened.value, id));
  }
  return {
    accounts: readings.flatMap(({ accounts }) => accounts),
    leftOut: readings.flatMap(({ leftOut }) => leftOut),
  };
}

function readOne({ file, missing }: OpenedFile, id: string | null): ImportReading {
  const format = IMPORT_FORMATS.find((one) => one.id === id) ?? formatOf(file.path, recognised(file));
  const { accounts, leftOut } = format.read(file);
  const all = [...leftOut, ...missing()];
  if (accounts.length > 0 || all.length > 0) return { accounts, leftOut: all };
  const nothing: LeftOut = {
    path: file.path,
    line: 1,
    what: format.title,
    why: 'nothing in it registers anywhere',
  };
  return { accounts, leftOut: [nothing] };
}

function formatOf(path: string, fitting: readonly ImportFormat[]): ImportFormat {
  const [format, ...more] = fitting;
  if (format !== undefined && more.length === 0) return format;
  const problem =
    format === undefined
      ? `${path} looks like no file that sipreg can import`
      : `${path} may be several kinds of file`;
  const listed = format === undefined ? IMPORT_FORMATS : fitting;
  const choices = listed.map(({ id, title }) => `  --format ${id.padEnd(16)} ${title}`);
  throw new CommandError(EXIT.usage, `${problem}; say which it is:\n${choices.join('\n')}`);
}

function tellWhatNext(
  added: readonly ForeignAccount[],
  { path, dryRun }: { readonly path: string; readonly dryRun: boolean },
  output: Output,
): void {
  const [first] = added;
  const count = added.length === 1 ? '1 account' : `${added.length} accounts`;
  if (dryRun) output.note(`nothing is written; without --dry-run ${count} would be added to ${path}`);
  if (dryRun || first === undefined) return;
  const file = output.settings.config === undefined ? '' : ` -c ${path}`;
  output.note(`${count} added to ${path}; nothing was sent anywhere yet`);
  const command = `sipreg${file}`;
  output.note(
    `try one with "${command} check --direct ${first.name}", which changes nothing, or "${command} register ${first.name}"; keep them registered with "${command} run"`,
  );
}

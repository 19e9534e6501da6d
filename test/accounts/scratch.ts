// A directory for one test, and helpers to build accounts files as text.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { renderProblem } from '../../src/accounts/explain.ts';
import { checkText, type LoadedAccounts } from '../../src/accounts/load.ts';
import type { AccountEntry } from '../../src/accounts/schema.ts';

export const AOR = 'sip:1008@pbx.example.com';

/** A new directory that goes away with the test. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sipreg-accounts-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An accounts file with the one account "office". */
export function officeFile(keys: object): string {
  return JSON.stringify({ accounts: { office: { aor: AOR, ...keys } } });
}

/** The problems of a text as people read them, without the file's name and place. */
export async function problemsOf(text: string): Promise<string[]> {
  const checked = await checkText('accounts.json', text);
  if (checked.ok) return [];
  return checked.error.problems.map((problem) =>
    renderProblem(problem).replace(/^accounts\.json:\d+:\d+: /, ''),
  );
}

/** The one account of a text that has to be right. */
export async function entryOf(keys: object): Promise<AccountEntry> {
  const entry = (await acceptedOf(officeFile(keys))).accounts.get('office');
  if (entry === undefined) throw new Error('the account is not there');
  return entry;
}

export async function acceptedOf(text: string): Promise<Pick<LoadedAccounts, 'document' | 'accounts'>> {
  const checked = await checkText('accounts.json', text);
  if (!checked.ok) throw new Error(checked.error.problems.map(renderProblem).join('\n'));
  return checked.value;
}

// Which of the accounts that readers found become accounts of a document: each gets a name that fits and is free, is checked by
// itself, and never takes the place of another. What was imported before is left as it is, so that importing twice does no harm.

import { isDeepStrictEqual } from 'node:util';
import { identityOf, inconsistencies } from '../consistency.ts';
import { type Accounts, accountsOf } from '../defaults.ts';
import type { AccountsDocument } from '../schema.ts';
import { checkShape } from '../shape.ts';
import { isReservedName } from '../structure.ts';
import type { ForeignAccount, ImportReading, LeftOut } from './reading.ts';
import { despiteDefaults } from './usual-keys.ts';

export type Selection = {
  readonly added: readonly ForeignAccount[];
  /** There already, and equal. */
  readonly unchanged: readonly ForeignAccount[];
  readonly leftOut: readonly LeftOut[];
};

/** Accounts come back under the names that they have here. */
export function selectAccounts(document: AccountsDocument, found: ImportReading): Selection {
  const added: ForeignAccount[] = [];
  const unchanged: ForeignAccount[] = [];
  const leftOut = [...found.leftOut];
  const nameFor = namesForImport();
  const owners: Owners = new Map();
  noteOwners(
    owners,
    accountsOf(() => document),
  );
  for (const one of found.accounts) {
    const entry = despiteDefaults(one.entry, document.defaults);
    const account = { ...one, name: nameFor(one.name), entry };
    const existing = ownValue(document.accounts, account.name);
    // One that was imported before there were such defaults got by with less.
    if ([one.entry, entry].some((same) => isDeepStrictEqual(existing, same))) {
      unchanged.push(account);
      continue;
    }
    const why = existing === undefined ? problemOf(account, document, owners) : isOther(account.name);
    if (why !== null) {
      leftOut.push({ path: one.path, line: one.line, what: one.name, why });
      continue;
    }
    added.push({ ...account, notes: [...account.notes, ...takenOver(account, document)] });
    noteOwners(owners, alone(account, document));
  }
  return { added, unchanged, leftOut };
}

/** Accounts by what no two may have in common. */
type Owners = Map<string, string>;

function noteOwners(owners: Owners, accounts: Accounts): void {
  for (const [name, entry] of accounts) {
    const identity = identityOf(entry);
    if (identity !== null) owners.set(identity, name);
  }
}

/** The account as the only one of the document, with the defaults of that. */
function alone({ name, entry }: ForeignAccount, document: AccountsDocument): Accounts {
  const accounts = { [name]: entry };
  return accountsOf(() => ({ ...document, accounts }));
}

/** What the account takes from the document's defaults all the same. */
function takenOver(account: ForeignAccount, document: AccountsDocument): readonly string[] {
  const said = new Set(Object.keys(account.entry));
  const keys = [...alone(account, document)].flatMap(([, entry]) =>
    Object.entries(entry).flatMap(([key, value]) => (value === undefined || said.has(key) ? [] : [key])),
  );
  return keys.length === 0 ? [] : [`takes from the file's "defaults": ${keys.join(', ')}`];
}

function isOther(name: string): string {
  return `there is an account "${name}" already, and it is another: remove that one first to take this`;
}

/** Why it cannot stand in the document; null: it can. */
function problemOf(
  account: ForeignAccount,
  document: AccountsDocument,
  owners: ReadonlyMap<string, string>,
): string | null {
  const shape = checkShape({ accounts: { [account.name]: account.entry } });
  const [problem] = shape.ok ? inconsistencies(alone(account, document)) : shape.error;
  if (problem !== undefined) {
    const key = problem.path.slice(2).join('.');
    return `${key === '' ? 'it' : `"${key}"`} ${problem.message}`;
  }
  const [owner] = [...alone(account, document)].map(([, entry]) => owners.get(identityOf(entry) ?? ''));
  return owner === undefined
    ? null
    : `account "${owner}" has the same AOR at the same registrar: two would take each other's binding`;
}

/**
 * Gives names that no other of this import has: `office`, `office-2`. What is left out keeps its name, so that the others have
 * the same ones the next time.
 */
function namesForImport(): (wanted: string) => string {
  const taken = new Set<string>();
  /** The last number of a name that many want. */
  const numbers = new Map<string, number>();
  return (wanted) => {
    const base = fittingName(wanted);
    let name = base;
    let number = numbers.get(base) ?? 1;
    while (taken.has(name)) {
      number += 1;
      name = numbered(base, number);
    }
    numbers.set(base, number);
    taken.add(name);
    return name;
  };
}

const MAX_NAME = 64;

function numbered(base: string, number: number): string {
  return `${base.slice(0, MAX_NAME - `-${number}`.length)}-${number}`;
}

/** `wanted` with what accountNameRule allows: what it does not becomes a dash. */
export function fittingName(wanted: string): string {
  const name = wanted
    .normalize('NFKD')
    .replace(/\p{Mark}+/gu, '')
    .replace(/[^A-Za-z0-9._+@-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, MAX_NAME)
    .replace(/-+$/, '');
  return name === '' || isReservedName(name) ? `account${name === '' ? '' : `-${name}`}` : name;
}

function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

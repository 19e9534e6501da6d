// How `defaults` and an account become one entry: what the account says wins. Objects made of settings are merged
// key by key; everything else is replaced as a whole, and a secret also takes the place of the other kind.

import type { AccountDefaults, AccountEntry, AccountsDocument } from './schema.ts';

/** Accounts by name, in the order of the file, with the defaults filled in. */
export type Accounts = Iterable<readonly [string, AccountEntry]> & {
  readonly size: number;
  readonly has: (name: string) => boolean;
  readonly get: (name: string) => AccountEntry | undefined;
  readonly keys: () => Iterable<string>;
};

/** Every account of `document`. An entry is made when somebody asks for it: ten thousand merged ones would stay for as long as
 * the document, and are looked at at a start and a reload. */
export function accountsOf(document: () => AccountsDocument): Accounts {
  const own = (): AccountsDocument['accounts'] => document().accounts;
  return {
    size: Object.keys(own()).length,
    has: (name) => Object.hasOwn(own(), name),
    get: (name) => {
      const { defaults, accounts } = document();
      const entry = Object.hasOwn(accounts, name) ? accounts[name] : undefined;
      return entry && effective(defaults, entry);
    },
    keys: () => Object.keys(own()),
    *[Symbol.iterator]() {
      const { defaults, accounts } = document();
      for (const name of Object.keys(accounts)) {
        const entry = accounts[name];
        if (entry !== undefined) yield [name, effective(defaults, entry)] as const;
      }
    },
  };
}

function effective(defaults: AccountDefaults | undefined, entry: AccountEntry): AccountEntry {
  return defaults === undefined ? entry : withDefaults(defaults, entry);
}

/** The entry of an account that is known to be there. */
export function entryOf(accounts: Accounts, name: string): AccountEntry {
  const entry = accounts.get(name);
  if (entry === undefined) throw new Error(`the file has ${name}`);
  return entry;
}

/** `entry` with what it leaves open taken from `defaults`. */
function withDefaults(defaults: AccountDefaults, entry: AccountEntry): AccountEntry {
  const displaced = displacedKeys(entry);
  // Key by key, so that the entries of thousands come in one shape: those of a spread have one each.
  const merged: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(defaults)) if (!displaced.includes(key)) merged[key] = value;
  for (const [key, value] of Object.entries(entry)) merged[key] = value;
  for (const key of MERGED_KEYS) {
    if (defaults[key] !== undefined && entry[key] !== undefined)
      merged[key] = { ...defaults[key], ...entry[key] };
  }
  return merged as AccountEntry;
}

/** Defaults that mean nothing any more beside what the account says. */
function displacedKeys(entry: AccountEntry): readonly string[] {
  const displaced: (keyof AccountDefaults)[] = [];
  if (entry.password !== undefined) displaced.push('ha1');
  if (entry.ha1 !== undefined) displaced.push('password');
  if (entry.contact !== undefined) displaced.push('contactUser', 'contactUriParams');
  if (entry.contactUser !== undefined || entry.contactUriParams !== undefined) displaced.push('contact');
  return displaced;
}

const MERGED_KEYS = [
  'keepalive',
  'tls',
  'retry',
  'headers',
  'contactParams',
  'contactUriParams',
  'answer',
  'dns',
] as const satisfies readonly (keyof AccountDefaults)[];

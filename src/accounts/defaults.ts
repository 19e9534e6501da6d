// How `defaults` and an account become one entry: what the account says wins. Objects made of settings are merged
// key by key; everything else is replaced as a whole, and a secret also takes the place of the other kind.

import type { AccountDefaults, AccountEntry, AccountsDocument } from './schema.ts';

/** Every account by name, in the order of the file, with the defaults filled in. */
export function accountsOf(document: AccountsDocument): ReadonlyMap<string, AccountEntry> {
  const entries = Object.entries(document.accounts);
  return new Map(entries.map(([name, entry]) => [name, withDefaults(document.defaults ?? {}, entry)]));
}

/** `entry` with what it leaves open taken from `defaults`. */
function withDefaults(defaults: AccountDefaults, entry: AccountEntry): AccountEntry {
  const inherited: Record<string, unknown> = { ...defaults };
  for (const key of displacedKeys(entry)) delete inherited[key];
  const merged: Record<string, unknown> = { ...inherited, ...entry };
  for (const key of MERGED_KEYS) {
    if (defaults[key] !== undefined && entry[key] !== undefined)
      merged[key] = { ...defaults[key], ...entry[key] };
  }
  return merged as AccountEntry;
}

/** Defaults that mean nothing any more beside what the account says. */
function displacedKeys(entry: AccountEntry): readonly (keyof AccountDefaults)[] {
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

// Which accounts file is in use (interface.md, `-c`), without a look into it: commands that only ask the running agent
// need no more than that.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

type AccountsFileKind = 'option' | 'environment' | 'user-store' | 'system';
export type AccountsFileLocation = { readonly path: string; readonly kind: AccountsFileKind };

const SYSTEM_ACCOUNTS_FILE = '/etc/sipreg/accounts.json';

type Environment = Readonly<Record<string, string | undefined>>;

/** The accounts file to use: `-c`, else $SIPREG_CONFIG, else the user's own store if it exists, else the system's. */
export function locateAccountsFile(search: {
  readonly option: string | undefined;
  readonly env: Environment;
  readonly home: string;
}): AccountsFileLocation {
  const { option, env } = search;
  if (option !== undefined) return { path: resolve(option), kind: 'option' };
  if (env.SIPREG_CONFIG) return { path: resolve(env.SIPREG_CONFIG), kind: 'environment' };
  const store = userStorePath(env, search.home);
  if (existsSync(store)) return { path: store, kind: 'user-store' };
  return { path: SYSTEM_ACCOUNTS_FILE, kind: 'system' };
}

/** Where the user's own store is, whether it exists or not. */
export function userStorePath(env: Environment, home: string): string {
  // XDG Base Directory: a relative path in the variable is invalid and ignored.
  const configured = env.XDG_CONFIG_HOME;
  const base = configured?.startsWith('/') ? configured : join(home, '.config');
  return join(base, 'sipreg', 'accounts.json');
}

// Where the state and the agent's socket live (interface.md, "Where things are"): systemd's directories first, then
// the system's own for accounts in /etc, then the user's by the XDG Base Directory Specification.
// It only names directories.

import { statSync } from 'node:fs';
import { isAbsolute, join, resolve, sep } from 'node:path';

export type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The accounts file in use; null: the user's own store. */
  readonly accountsPath: string | null;
  /** The user's home directory; null when there is none. */
  readonly home: string | null;
  /** The numeric user id. */
  readonly uid: number;
};

/** The directory of the durable state; null when nothing says where it could be. */
export function stateDirectory(surroundings: Surroundings): string | null {
  const { env, home } = surroundings;
  const ofService = firstAbsolute(env.STATE_DIRECTORY);
  if (ofService !== null) return ofService;
  if (isSystemWide(surroundings.accountsPath)) return '/var/lib/sipreg';
  // XDG Base Directory: a relative path is invalid and is ignored.
  const base = absoluteOrNull(env.XDG_STATE_HOME) ?? (home === null ? null : join(home, '.local', 'state'));
  return base === null ? null : join(base, 'sipreg');
}

/**
 * The directory of the agent's socket; null when nothing says where it could be. Without `$XDG_RUNTIME_DIR` (cron, su)
 * it is the one that a login of this user has, so that such a command finds the agent of the user's session; else the
 * state directory (macOS).
 */
export function runtimeDirectory(
  surroundings: Surroundings,
  isOwnDirectory: (path: string, uid: number) => boolean = isDirectoryOf,
): string | null {
  const { env, uid } = surroundings;
  const ofService = firstAbsolute(env.RUNTIME_DIRECTORY);
  if (ofService !== null) return ofService;
  if (isSystemWide(surroundings.accountsPath)) return '/run/sipreg';
  const ofLogin = `/run/user/${uid}`;
  const base = absoluteOrNull(env.XDG_RUNTIME_DIR) ?? (isOwnDirectory(ofLogin, uid) ? ofLogin : null);
  return base === null ? stateDirectory(surroundings) : join(base, 'sipreg');
}

function isSystemWide(accountsPath: string | null): boolean {
  return accountsPath !== null && resolve(accountsPath).startsWith(`${sep}etc${sep}`);
}

/** systemd joins several directories by colons; the first is the service's own. */
function firstAbsolute(list: string | undefined): string | null {
  return absoluteOrNull(list?.split(':')[0]);
}

function absoluteOrNull(path: string | undefined): string | null {
  return path !== undefined && isAbsolute(path) ? path : null;
}

function isDirectoryOf(path: string, uid: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === uid;
}

// Where the agent's control socket is (interface.md, "Where things are"): the agent that makes it and the commands that
// look for it ask the same function.

import { dirname, join, resolve } from 'node:path';
import { textAtGlance } from '../../accounts/glance.ts';
import { runtimeDirectory, type Surroundings } from '../../state/directory.ts';

export const SOCKET_NAME = 'agent.sock';

export type SocketSearch = Surroundings & {
  /** `--socket`. */
  readonly option: string | undefined;
  /** `agent.socket` of the accounts file; asked only when nothing before it decides. */
  readonly configured: () => string | null;
};

/** The path of the socket; null when nothing says where it could be. */
export function socketPath(search: SocketSearch): string | null {
  const { option, env, configured, accountsPath } = search;
  if (option !== undefined) return resolve(option);
  if (env.SIPREG_SOCKET) return resolve(env.SIPREG_SOCKET);
  if (!env.RUNTIME_DIRECTORY) {
    const path = configured();
    // Paths in the accounts file start where it is.
    if (path !== null) return resolve(accountsPath === null ? '.' : dirname(accountsPath), path);
  }
  const directory = runtimeDirectory(search);
  return directory === null ? null : join(directory, SOCKET_NAME);
}

/**
 * `agent.socket` of the file at `accountsPath`, without a check of the file; null: it says nothing. Who may ask the agent
 * need not be able to read the accounts, and a file that is wrong by now says nothing of the agent that runs.
 */
export function configuredSocket(accountsPath: string): string | null {
  const text = textAtGlance(accountsPath);
  // Most files have none: ten thousand accounts are not taken apart for it.
  return text?.includes('"socket"') ? socketIn(text) : null;
}

function socketIn(text: string): string | null {
  try {
    const document: { readonly agent?: { readonly socket?: unknown } } | null = JSON.parse(text);
    const socket = document?.agent?.socket;
    return typeof socket === 'string' ? socket : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Beside a socket that a group may read: where the agent's own user gives orders. */
export function operatorSocketPath(path: string): string {
  return `${path}.operator`;
}

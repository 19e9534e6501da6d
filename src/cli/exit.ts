// Exit codes (interface.md, "Exit codes"): what a script or a service manager learns without reading a word.

export const EXIT = {
  done: 0,
  attention: 1,
  usage: 64,
  noInput: 66,
  unreachable: 69,
  bug: 70,
  notNow: 75,
  config: 78,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = number;

/** Ends a command with a message for a person; thrown by what cannot go on, caught once in main.ts. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitCode;

  constructor(exit: ExitCode, message: string) {
    super(message);
    this.exit = exit;
  }
}

/** Also for one of another file of dist/, which has a class of its own. */
export function isCommandError(error: unknown): error is CommandError {
  return error instanceof Error && error.name === 'CommandError';
}

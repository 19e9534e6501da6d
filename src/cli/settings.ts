// The global options (interface.md, "Command line"), as every command sees them.

export type ColorChoice = 'auto' | 'always' | 'never';

export type GlobalSettings = {
  /** The accounts file of -c; undefined: found by the rules of interface.md. */
  readonly config: string | undefined;
  /** The agent's socket; undefined: found by the rules of interface.md. */
  readonly socket: string | undefined;
  readonly json: boolean;
  /** -1 quiet, 0 normal, 1 more, 2 SIP messages. */
  readonly verbosity: number;
  readonly color: ColorChoice;
};

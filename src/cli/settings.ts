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

/** As commander finds them. */
export type GlobalOptions = {
  readonly config?: string;
  readonly socket?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose: number;
  readonly color: ColorChoice | boolean;
};

export function settingsOf(options: GlobalOptions): GlobalSettings {
  return {
    config: options.config,
    socket: options.socket,
    json: options.json === true,
    verbosity: options.quiet === true ? -1 : options.verbose,
    color: typeof options.color === 'string' ? options.color : options.color ? 'auto' : 'never',
  };
}

/** What a person types to go on with the same accounts file: `sipreg -c FILE register office`, in quotation marks. */
export function typed(words: string, { config }: GlobalSettings): string {
  const file = config === undefined ? '' : `-c ${/^[\w./+@:-]+$/.test(config) ? config : `'${config}'`} `;
  return `"sipreg ${file}${words}"`;
}

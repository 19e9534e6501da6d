// The commands as plain data: read off the same commander program that parses and that --help shows, for those who tell
// of it elsewhere: completion in shells, and the manual pages.

export type OptionFacts = {
  /** "-c". */
  readonly short: string | null;
  /** "--config". */
  readonly long: string | null;
  /** The name of its value, "file"; null: it takes none. */
  readonly value: string | null;
  /** All that its value may be; null: anything. */
  readonly choices: readonly string[] | null;
  readonly description: string;
  /** What holds without it, where that is worth a word; null: nothing. */
  readonly preset: string | null;
};

export type ArgumentFacts = {
  readonly name: string;
  readonly isRequired: boolean;
  readonly isVariadic: boolean;
  readonly choices: readonly string[] | null;
};

export type CommandFacts = {
  readonly name: string;
  readonly description: string;
  /** The heading that it stands under in --help; "" for none. */
  readonly group: string;
  readonly isHidden: boolean;
  readonly arguments: readonly ArgumentFacts[];
  readonly options: readonly OptionFacts[];
  readonly commands: readonly CommandFacts[];
};

/** As much of commander's Command as is read here: its only importer is program.ts. */
export type CommandSource = {
  readonly name: () => string;
  readonly description: () => string;
  readonly helpGroup: () => string;
  readonly registeredArguments: readonly ArgumentSource[];
  readonly options: readonly OptionSource[];
  readonly commands: readonly CommandSource[];
};

type ArgumentSource = {
  readonly required: boolean;
  readonly variadic: boolean;
  readonly argChoices?: readonly string[] | undefined;
  readonly name: () => string;
};

type OptionSource = {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly flags: string;
  readonly description: string;
  readonly hidden: boolean;
  readonly negate: boolean;
  readonly argChoices?: readonly string[] | undefined;
  readonly defaultValue?: unknown;
  readonly defaultValueDescription?: string | undefined;
};

/** The command and all that is below it. */
export function commandFacts(command: CommandSource): CommandFacts {
  return {
    name: command.name(),
    description: command.description(),
    group: command.helpGroup(),
    // commander keeps it to itself; its own help leaves such commands out.
    isHidden: '_hidden' in command && command._hidden === true,
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      isRequired: argument.required,
      isVariadic: argument.variadic,
      choices: argument.argChoices ?? null,
    })),
    options: command.options.filter(({ hidden }) => !hidden).map(optionFacts),
    commands: command.commands.map(commandFacts),
  };
}

function optionFacts(option: OptionSource): OptionFacts {
  const [, value] = /[<[]([^>\].]+)/.exec(option.flags) ?? [];
  return {
    short: option.short ?? null,
    long: option.long ?? null,
    value: value ?? null,
    choices: option.argChoices ?? null,
    description: option.description,
    preset: presetOf(option),
  };
}

function presetOf({ defaultValue, defaultValueDescription, negate }: OptionSource): string | null {
  if (defaultValueDescription === '' || defaultValue === undefined || negate) return null;
  return defaultValueDescription ?? String(defaultValue);
}

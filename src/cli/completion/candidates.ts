// What may stand where the cursor is: worked out from the commands as data, so that a new command or option completes in
// every shell without another word. Nothing is read here; the accounts' names come in as a question.

import type { ArgumentFacts, CommandFacts, OptionFacts } from '../command-tree.ts';

export type Candidate = { readonly value: string; readonly description: string };

export type Completion =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  /** The shell knows files better. */
  | { readonly kind: 'files' };

/** The files and sockets that the words so far name; they decide whose accounts are meant. */
export type Whereabouts = { readonly config: string | undefined; readonly socket: string | undefined };

type Line = {
  readonly root: CommandFacts;
  /** The command that the cursor is in. */
  readonly command: CommandFacts;
  /** What stands after it so far, without its options. */
  readonly operands: readonly string[];
  readonly used: ReadonlySet<OptionFacts>;
  /** The option whose value comes next. */
  readonly awaiting: OptionFacts | null;
  readonly optionsEnded: boolean;
  readonly whereabouts: Whereabouts;
};

/** Whoever calls the plugin by its own name means this command. */
const PLUGIN = { name: 'check_sipreg', command: 'check' } as const;

const HELP_COMMAND = 'help';

const NOTHING: Completion = { kind: 'words', candidates: [] };

/**
 * Completes the last of `words` (it may be empty); the first is the program. `accountNames` is asked only where an account
 * may stand.
 */
export function complete(
  root: CommandFacts,
  words: readonly string[],
  accountNames: (whereabouts: Whereabouts) => Promise<readonly string[]>,
): Promise<Completion> {
  const [program = '', ...rest] = words;
  const current = rest.at(-1) ?? '';
  const line = readLine(root, program, rest.slice(0, -1));
  return completionAt(line, current, accountNames);
}

async function completionAt(
  line: Line,
  current: string,
  accountNames: (whereabouts: Whereabouts) => Promise<readonly string[]>,
): Promise<Completion> {
  if (line.awaiting !== null) return valueCompletion(line.awaiting, current, '');
  if (current.startsWith('-') && !line.optionsEnded) {
    const [, flag = '', value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
    if (value === undefined) return offered(optionCandidates(line), current);
    const option = optionsOf(line).find(({ long }) => long === flag);
    return option === undefined ? NOTHING : valueCompletion(option, value, `${flag}=`);
  }
  if (line.command.commands.length > 0) return offered(commandCandidates(line), current);
  const argument = argumentAt(line.command.arguments, line.operands.length);
  if (argument === undefined) return NOTHING;
  if (argument.choices !== null) return offered(argument.choices.map(bare), current);
  if (argument.name === 'file') return { kind: 'files' };
  if (argument.name !== 'account') return NOTHING;
  const names = await accountNames(line.whereabouts);
  return offered(names.filter((name) => !line.operands.includes(name)).map(bare), current);
}

/** Follows the words to the command that the cursor is in. */
function readLine(root: CommandFacts, program: string, words: readonly string[]): Line {
  const isPlugin = program.slice(program.lastIndexOf('/') + 1) === PLUGIN.name;
  const plugin = root.commands.find(({ name }) => isPlugin && name === PLUGIN.command);
  let line: Line = {
    root,
    command: plugin ?? root,
    operands: [],
    used: new Set(),
    awaiting: null,
    optionsEnded: false,
    whereabouts: { config: undefined, socket: undefined },
  };
  for (const word of words) line = readWord(line, word);
  return line;
}

function readWord(line: Line, word: string): Line {
  if (line.awaiting !== null) return { ...withValue(line, line.awaiting, word), awaiting: null };
  if (line.optionsEnded || word === '-' || !word.startsWith('-')) return readOperand(line, word);
  if (word === '--') return { ...line, optionsEnded: true };
  const { flag, value } = splitOption(word);
  const option = optionsOf(line).find(({ short, long }) => flag === short || flag === long);
  if (option === undefined) return line;
  const used = new Set([...line.used, option]);
  if (option.value === null) return { ...line, used };
  if (value === null) return { ...line, used, awaiting: option };
  return withValue({ ...line, used }, option, value);
}

function readOperand(line: Line, word: string): Line {
  const command = line.command.commands.find(({ name }) => name === word);
  if (command !== undefined && line.operands[0] !== HELP_COMMAND) return { ...line, command };
  return { ...line, operands: [...line.operands, word] };
}

/** "--config=FILE", "-cFILE"; the value is null where the next word is it. */
function splitOption(word: string): { readonly flag: string; readonly value: string | null } {
  const [, long, longValue] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  if (long !== undefined) return { flag: long, value: longValue ?? '' };
  if (word.startsWith('--') || word.length <= 2) return { flag: word, value: null };
  return { flag: word.slice(0, 2), value: word.slice(2) };
}

function withValue(line: Line, { long }: OptionFacts, value: string): Line {
  const { whereabouts } = line;
  if (long === '--config') return { ...line, whereabouts: { ...whereabouts, config: value } };
  if (long === '--socket') return { ...line, whereabouts: { ...whereabouts, socket: value } };
  return line;
}

/** The command's own options, and the global ones that it has not taken for itself. */
function optionsOf({ root, command }: Line): readonly OptionFacts[] {
  const own = command.options;
  const taken = new Set(own.flatMap(({ short, long }) => [short, long]));
  const global = command === root ? [] : root.options.filter(({ long }) => !taken.has(long));
  return [...own, ...global, HELP];
}

const HELP: OptionFacts = {
  short: '-h',
  long: '--help',
  value: null,
  choices: null,
  description: 'what the command does, and its options',
  preset: null,
};

/** Each option once, but those that count how often they are given. */
function optionCandidates(line: Line): readonly Candidate[] {
  return optionsOf(line).flatMap((option) => {
    const { long, short, description } = option;
    const value = long ?? short;
    const isDone = line.used.has(option) && long !== '--verbose';
    return value === null || isDone ? [] : [{ value, description }];
  });
}

/** "help" is commander's own, and takes the name of a command. */
function commandCandidates({ command, operands }: Line): readonly Candidate[] {
  const shown = command.commands.filter(({ isHidden }) => !isHidden);
  const named = shown.map(({ name, description }) => ({ value: name, description }));
  if (operands.length === 0) return [...named, { value: HELP_COMMAND, description: 'what a command does' }];
  return operands.length === 1 && operands[0] === HELP_COMMAND ? named : [];
}

function argumentAt(args: readonly ArgumentFacts[], index: number): ArgumentFacts | undefined {
  const last = args.at(-1);
  return args[index] ?? (last?.isVariadic === true ? last : undefined);
}

function valueCompletion({ value, choices }: OptionFacts, current: string, after: string): Completion {
  if (choices !== null) return offered(choices.map(bare), current, after);
  return value === 'file' || value === 'path' ? { kind: 'files' } : NOTHING;
}

function offered(candidates: readonly Candidate[], current: string, after = ''): Completion {
  const fitting = candidates.filter(({ value }) => value.startsWith(current));
  return {
    kind: 'words',
    candidates: fitting.map(({ value, description }) => ({ value: after + value, description })),
  };
}

function bare(value: string): Candidate {
  return { value, description: '' };
}

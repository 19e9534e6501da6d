// The commands and their options (interface.md, "Command line"). Every action loads its own code when it is called.
// The only importer of commander.

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../core/thrown.ts';
import { addAccountCommands } from './account-commands.ts';
import { CHECK_FLAGS, FORMATS } from './check/check-options.ts';
import { PLUGIN_CODE } from './check/plugin-state.ts';
import { commandFacts } from './command-tree.ts';
import { commandOf } from './command-word.ts';
import { SHELLS, type Shell } from './completion/scripts.ts';
import { addAfterHelp } from './examples.ts';
import { EXIT, isCommandError } from './exit.ts';
import { exitCodesDocument, exitCodesText } from './exit-codes.ts';
import { type Output, outputFor } from './output.ts';
import { type GlobalOptions, settingsOf } from './settings.ts';
import { VERSION } from './version.ts';

/** Parses `args`, runs the command, and returns its exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.done;
  const command = commandOf(args);
  const isCheck = command === 'check';
  const program = createProgram((code) => {
    exitCode = code;
  }, command);
  if (isCheck) beginCheck(program);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isCheck) return await endOfCheck(error, args);
    if (isCommandError(error)) {
      process.stderr.write(`sipreg: ${error.message}\n`);
      return error.exit;
    }
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed help, version or the usage error already.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

/** After `check`, options are the plugin's (interface.md: `-c` is its critical range); those before it are global ones. */
function beginCheck(program: Command): void {
  program.enablePositionalOptions();
  // A plugin says everything on stdout.
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => {} });
}

/** Help, version and usage errors of a plugin are UNKNOWN. */
async function endOfCheck(error: unknown, args: readonly string[]): Promise<number> {
  const isTold = error instanceof CommanderError && error.exitCode === 0;
  if (!isTold) {
    const { refusalText } = await import('./commands/check.ts');
    const isJson = /(?:^| )--(?:json|format[ =]json)(?: |$)/.test(args.join(' '));
    process.stdout.write(refusalText(messageOf(error).replace(/^error: /, ''), isJson ? 'json' : 'nagios'));
  }
  return PLUGIN_CODE.UNKNOWN;
}

type Done = (exitCode: number) => void;

const LEARNING = 'Learning:';

/** The headings of --help, and the commands under each. */
const GROUPS = [
  {
    heading: 'Registering, once or in the foreground:',
    commands: ['register', 'unregister', 'bindings'],
    add: [addRegistrationCommands],
  },
  {
    heading: 'The agent, which keeps accounts registered:',
    commands: ['run', 'status', 'trace', 'refresh', 'pause', 'resume', 'reload'],
    add: [addRunCommand, addControlCommands],
  },
  {
    heading: 'Looking for trouble:',
    commands: ['check', 'doctor'],
    add: [addCheckCommand, addDoctorCommand],
  },
  { heading: 'Setting up:', commands: ['account', 'config'], add: [addAccountCommands, addConfigCommands] },
  {
    heading: LEARNING,
    // Not `help` and completion's own: they are about all of them.
    commands: ['demo', 'completion', 'exit-codes'],
    add: [addLearningCommands],
  },
] as const;

/**
 * All commands, or only the group of the one that is `wanted`: making them all takes longer than most of them do. Also
 * read by those who tell of them: completion and the manual pages. `done` is told the exit code.
 */
export function createProgram(done: Done, wanted: string | null = null): Command {
  const program = new Command('sipreg')
    .description('Keeps SIP registrations alive and tells the truth about them.')
    .version(VERSION, '-V, --version')
    .option('-c, --config <file>', "the accounts file; else $SIPREG_CONFIG, your own store, or the system's")
    .exitOverride()
    .configureHelp({
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`.replace(' [options]', ''),
    })
    .showSuggestionAfterError()
    .showHelpAfterError('(see "sipreg --help")')
    .addHelpText('after', '\nFirst time here? "sipreg demo" shows it all, "sipreg account add NAME" begins.');
  addGlobalOptions(program);
  const groups = GROUPS.filter(({ commands }) => commands.some((command) => command === wanted));
  for (const { heading, add } of groups.length > 0 ? groups : GROUPS) {
    program.commandsGroup(heading);
    for (const one of add) one(program, done);
  }
  addAfterHelp(program);
  return program;
}

function addLearningCommands(program: Command, done: Done): void {
  program
    .command('demo')
    .description('a whole tour on loopback with an embedded registrar')
    .action(async () => {
      const { demo } = await import('./commands/demo.ts');
      done(await demo(await outputOf(program)));
    });
  program
    .command('completion')
    .description('print a script that lets a shell complete commands, options and account names')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { completion } = await import('./commands/completion.ts');
      done(completion(shell));
    });
  program.addHelpCommand(
    new Command('help').argument('[command]').description('what a command does').helpGroup(LEARNING),
  );
  program
    .command('__complete <shell> [word...]', { hidden: true })
    .action(async (shell: Shell, words: readonly string[]) => {
      const { completeWords } = await import('./commands/completion.ts');
      done(await completeWords(commandFacts(program), shell, words, await outputOf(program)));
    });
  program
    .command('exit-codes')
    .description('what the exit codes mean')
    .addHelpText('after', () => `\n${exitCodesText()}`)
    .action(async () => {
      const output = await outputOf(program);
      if (output.settings.json) output.document(exitCodesDocument());
      output.result(exitCodesText());
      done(EXIT.done);
    });
}

/** All but -c, which `check` needs for something else. */
function addGlobalOptions(command: Command): void {
  command
    .option('--socket <path>', "the running agent's control socket")
    .option('--json', 'one JSON document on stdout, nothing else there')
    .option('-q, --quiet', 'less on stderr')
    .addOption(
      new Option('-v, --verbose', 'more on stderr; twice shows SIP messages, credentials redacted')
        .default(0, '')
        .argParser((_: string, before: number) => before + 1),
    )
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']).default('auto'))
    .option('--no-color', 'no colours');
}

function addCheckCommand(program: Command, done: Done): void {
  const command = program
    .command('check [account...]')
    .description('a monitoring plugin: is it registered? 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
    .version(VERSION, '-V, --version')
    .option('--config <file>', 'the accounts file');
  for (const [flags, description] of CHECK_FLAGS) command.option(flags, description);
  command.addOption(new Option('--format <format>', 'how it is told (nagios)').choices(FORMATS));
  addGlobalOptions(command);
  command.action(async (names: readonly string[], given: Record<string, unknown>) => {
    const { check } = await import('./commands/check.ts');
    const isGiven = ([name]: [string, unknown]): boolean => command.getOptionValueSource(name) !== 'default';
    const own = Object.fromEntries(Object.entries(given).filter(isGiven));
    done(await check(names, own, await outputFor(settingsOf({ ...program.opts<GlobalOptions>(), ...own }))));
  });
}

function addRegistrationCommands(program: Command, done: Done): void {
  program
    .command('register <account...>')
    .description('register once, or with --watch until it is interrupted')
    .option('--watch', 'keep it alive in the foreground, remove it at the end')
    .option('--expires <seconds>', 'ask for this time', positiveInteger)
    .option('--timeout <seconds>', 'give up after this time', positiveInteger, DEFAULT_TIMEOUT)
    .option('--dry-run', 'print the REGISTER and the targets, send nothing')
    .option('--force', 'send credentials that were rejected too often')
    .option('--tls-keylog <file>', KEY_LOG)
    .action(
      async (names: readonly string[], options: Record<string, number | boolean | string | undefined>) => {
        const { register } = await import('./commands/register.ts');
        const settings = {
          watch: options.watch === true,
          dryRun: options.dryRun === true,
          force: options.force === true,
          expires: numberOr(options.expires, null),
          timeoutSeconds: numberOr(options.timeout, DEFAULT_TIMEOUT),
          keyLog: typeof options.tlsKeylog === 'string' ? options.tlsKeylog : null,
        };
        done(await register(names, settings, await outputOf(program)));
      },
    );
  program
    .command('unregister <account...>')
    .description('remove our own binding')
    .option('--all-bindings', 'remove every binding of the address of record')
    .option('--timeout <seconds>', 'give up after this time', positiveInteger, DEFAULT_TIMEOUT)
    .action(async (names: readonly string[], options: Record<string, number | boolean | undefined>) => {
      const { unregister } = await import('./commands/unregister.ts');
      const timeoutSeconds = numberOr(options.timeout, DEFAULT_TIMEOUT);
      const allBindings = options.allBindings === true;
      done(await unregister(names, { allBindings, timeoutSeconds }, await outputOf(program)));
    });
  program
    .command('bindings <account>')
    .description('ask the registrar what is bound; changes nothing')
    .option('--timeout <seconds>', 'give up after this time', positiveInteger, DEFAULT_TIMEOUT)
    .action(async (name: string, options: Record<string, number | undefined>) => {
      const { bindings } = await import('./commands/bindings.ts');
      done(await bindings(name, numberOr(options.timeout, DEFAULT_TIMEOUT), await outputOf(program)));
    });
}

function addDoctorCommand(program: Command, done: Done): void {
  program
    .command('doctor [account...]')
    .description('why an account is not registered, step by step; changes nothing')
    .option('--all', 'every enabled account')
    .option('--no-register', 'send OPTIONS and no REGISTER')
    .action(
      async (names: readonly string[], options: { readonly all?: boolean; readonly register: boolean }) => {
        const { doctor } = await import('./commands/doctor.ts');
        const settings = { all: options.all === true, registers: options.register };
        done(await doctor(names, settings, await outputOf(program)));
      },
    );
}

function addRunCommand(program: Command, done: Done): void {
  program
    .command('run [account...]')
    .description('the agent: keeps every enabled account (or those named) registered; SIGHUP reloads')
    .option('--keep-bindings', 'leave the bindings at the end')
    .option('--tls-keylog <file>', KEY_LOG)
    .action(
      async (
        names: readonly string[],
        options: { readonly keepBindings?: boolean; readonly tlsKeylog?: string },
      ) => {
        const { run } = await import('./commands/run.ts');
        const keepBindings = options.keepBindings === true;
        const keyLog = options.tlsKeylog ?? null;
        done(await run(names, { keepBindings, keyLog }, await outputOf(program)));
      },
    );
}

/** Commands that talk to the running agent. */
function addControlCommands(program: Command, done: Done): void {
  program
    .command('status [account...]')
    .description('what the running agent knows; of named accounts in full')
    .option('--exit-code', 'exit 1 when an account is down; one that is paused or disabled is not')
    .option('--watch', 'keep it current until it is interrupted')
    .action(async (names: readonly string[], options: Record<string, boolean | undefined>) => {
      const { status } = await import('./commands/status.ts');
      const settings = { exitCode: options.exitCode === true, watch: options.watch === true };
      done(await status(names, settings, await outputOf(program)));
    });
  program
    .command('trace [account...]')
    .description("the agent's last SIP messages, credentials redacted")
    .option('--last <count>', 'only so many', wholeNumber)
    .option('--ladder', 'as a ladder diagram')
    .option('--pcap <file>', 'into a capture file, for Wireshark or sngrep')
    .option('--follow', 'go on with those that come, until it is interrupted')
    .action(async (names: readonly string[], options: Record<string, unknown>) => {
      const { trace } = await import('./commands/trace.ts');
      const settings = {
        last: typeof options.last === 'number' ? options.last : null,
        ladder: options.ladder === true,
        pcap: typeof options.pcap === 'string' ? options.pcap : null,
        follow: options.follow === true,
      };
      done(await trace(names, settings, await outputOf(program)));
    });
  const operations = {
    refresh: 'register now, and wait for the outcome',
    pause: 'remove the binding and stay away, also over restarts',
    resume: 'register again after a pause',
  } as const;
  for (const operation of ['refresh', 'pause', 'resume'] as const) {
    program
      .command(`${operation} <account...>`)
      .description(`tell the running agent: ${operations[operation]}`)
      .action(async (names: readonly string[]) => {
        const { operate } = await import('./commands/control.ts');
        done(await operate(operation, names, await outputOf(program)));
      });
  }
  program
    .command('reload')
    .description('let the running agent read its accounts file again; an invalid one changes nothing')
    .option('--tls', 'move connections to renewed certificates now, not at their next refresh')
    .action(async (options: { readonly tls?: boolean }) => {
      const { reload } = await import('./commands/control.ts');
      done(await reload({ tls: options.tls === true }, await outputOf(program)));
    });
}

function addConfigCommands(program: Command, done: Done): void {
  const config = program.command('config').description('the accounts file');
  config
    .command('check')
    .description('validate the accounts file; what is wrong comes with file, line and key')
    .action(async () => {
      const { checkConfig } = await import('./commands/config.ts');
      done(await checkConfig(await outputOf(program)));
    });
  config
    .command('path')
    .description('which accounts file is in use')
    .action(async () => {
      const { showPath } = await import('./commands/config.ts');
      done(await showPath(await outputOf(program)));
    });
  config
    .command('schema')
    .description('print the JSON Schema of the accounts file')
    .action(async () => {
      const { showSchema } = await import('./commands/config.ts');
      done(await showSchema());
    });
}

/** The transaction's own 32 s come first (RFC 3261 §17.1.2.2). */
const DEFAULT_TIMEOUT = 40;
const KEY_LOG =
  'append the secrets of TLS sessions for Wireshark; SSLKEYLOGFILE: to the file of that variable';

function outputOf(program: Command): Promise<Output> {
  return outputFor(settingsOf(program.opts<GlobalOptions>()));
}

function numberOr<T>(value: number | boolean | string | undefined, otherwise: T): number | T {
  return typeof value === 'number' ? value : otherwise;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < 1 || value > 4_294_967_295) {
    throw new InvalidArgumentError('it has to be a whole number of seconds, at least 1.');
  }
  return value;
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it has to be a whole number.');
}

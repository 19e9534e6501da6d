// `sipreg account …` and its options, for program.ts. Every action loads its own code when it is called.

import { FORMAT_IDS } from '../accounts/import/reading.ts';
import { TRANSPORTS } from '../core/sip/transport.ts';
import { type Output, outputFor } from './output.ts';
import { type GlobalOptions, settingsOf } from './settings.ts';

/** As much of commander's Command as is used here: its only importer is program.ts. */
type Command<Choice> = {
  readonly command: (name: string) => Command<Choice>;
  readonly description: (text: string) => Command<Choice>;
  readonly option: (flags: string, description: string) => Command<Choice>;
  readonly createOption: (
    flags: string,
    description: string,
  ) => { readonly choices: (values: readonly string[]) => Choice };
  readonly addOption: (option: Choice) => Command<Choice>;
  // biome-ignore lint/suspicious/noExplicitAny: each action has arguments of its own, which commander does not know.
  readonly action: (act: (...args: any[]) => Promise<void>) => unknown;
};

type Program<Choice> = Command<Choice> & { readonly opts: () => unknown };

type Options = Readonly<Record<string, string | boolean | undefined>>;

/** `done` is told the exit code. */
export function addAccountCommands<Choice>(program: Program<Choice>, done: (exitCode: number) => void): void {
  const account = program
    .command('account')
    .description('the accounts in the file of -c, else in your own store');
  const output = (): Promise<Output> => outputFor(settingsOf(program.opts() as GlobalOptions));
  account
    .command('list')
    .description('name, address of record and registrar of every account')
    .action(async () => {
      const { listAccounts } = await import('./commands/account.ts');
      done(await listAccounts(await output()));
    });
  account
    .command('show <account>')
    .description('everything that is configured, without secrets')
    .action(async (name: string) => {
      const { showAccount } = await import('./commands/account.ts');
      done(await showAccount(name, await output()));
    });
  account
    .command('add <name>')
    .description('asks for server, user and password on a terminal; else takes the options')
    .option('--server <host>', 'the SIP server: a name, an address, or a sip: URI')
    .option('--user <user>', 'the user, or the whole address of record')
    .addOption(
      account.createOption('--transport <transport>', 'how to reach it').choices(['auto', ...TRANSPORTS]),
    )
    .option('--password-stdin', 'read the password from stdin')
    .action(async (name: string, options: Options) => {
      const { addAccountCommand } = await import('./commands/account-add.ts');
      done(await addAccountCommand(name, options, await output()));
    });
  addImportCommand(account, output, done);
  account
    .command('remove <account>')
    .description('remove the account from the file; its binding is not touched')
    .action(async (name: string) => {
      const { removeAccountCommand } = await import('./commands/account.ts');
      done(await removeAccountCommand(name, await output()));
    });
}

function addImportCommand<Choice>(
  account: Command<Choice>,
  output: () => Promise<Output>,
  done: (exitCode: number) => void,
): void {
  account
    .command('import <file...>')
    .description('take over the accounts of another program; "-" is stdin')
    .addOption(
      account
        .createOption('--format <format>', 'whose file it is, where its look does not say')
        .choices(['auto', ...FORMAT_IDS]),
    )
    .option('--dry-run', 'show what would be added, write nothing')
    .action(async (paths: readonly string[], { format, dryRun }: Options) => {
      const { importAccounts } = await import('./commands/account-import.ts');
      const id = typeof format === 'string' && format !== 'auto' ? format : null;
      done(await importAccounts(paths, { format: id, dryRun: dryRun === true }, await output()));
    });
}

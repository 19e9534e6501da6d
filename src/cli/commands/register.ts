// `sipreg register`: once, or with --watch for as long as it runs; with --dry-run nothing is sent.

import type { LoadedAccounts } from '../../accounts/load.ts';
import type { PreparedAccount } from '../../agent/managed-registration.ts';
import { enabledEntryOf, loadInUse, openStateInUse, prepareInUse, stateInUse } from '../accounts-in-use.ts';
import { CommandError, EXIT } from '../exit.ts';
import { keyLogInUse } from '../key-log.ts';
import type { Output } from '../output.ts';
import { findOwner, type Owner, throughOwner } from '../owner.ts';
import { registeredLine } from '../render/account-line.ts';
import { isAskedByPerson, runOneShot } from './one-shot.ts';

export type RegisterOptions = {
  readonly watch: boolean;
  readonly dryRun: boolean;
  /** Credentials that were rejected until they were blocked are sent all the same. */
  readonly force: boolean;
  /** Seconds; null: the account's own. */
  readonly expires: number | null;
  readonly timeoutSeconds: number;
  /** Where the secrets of TLS sessions go (`--tls-keylog`); null: nowhere. */
  readonly keyLog: string | null;
};

/** Runs the command and returns its exit code. */
export async function register(
  names: readonly string[],
  options: RegisterOptions,
  output: Output,
): Promise<number> {
  const loaded = await loadInUse(output);
  if (options.dryRun) return await dryRun(names, loaded, options, output);
  const owner = await findOwner(names, loaded, output);
  if (owner !== null && options.watch) throw watchedAlready(owner);
  const own = owner === null ? names : names.filter((name) => !owner.owned.includes(name));
  const store = await openStateInUse(loaded, ({ message }) => output.warning(message));
  const keyLog = await keyLogInUse(options.keyLog, output);
  if (options.watch) {
    for (const name of names) enabledEntryOf(loaded, name);
    const { watchAccounts } = await import('./watch.ts');
    const { expires, force } = options;
    return await watchAccounts(
      names,
      { loaded, store, stateDirectory: stateInUse(loaded), expires, force, keyLog: keyLog.write },
      output,
    );
  }
  const accounts = await prepareInUse(loaded, own, output, {
    store,
    memory: store,
    keepsAlive: false,
    expires: options.expires,
  });
  if (owner !== null && options.expires !== null) {
    output.note('the agent asks for the time that its accounts file says: --expires changes nothing there');
  }
  if (owner !== null && options.keyLog !== null) {
    output.note('the agent has its own TLS connections: --tls-keylog is for "sipreg run" there');
  }
  const settled = owner === null ? [] : await throughOwner(owner, 'refresh', options.timeoutSeconds, output);
  const { exit, succeeded } = await runOneShot(
    accounts,
    {
      goal: 'register',
      blocked: options.force || isAskedByPerson() ? 'sent' : 'probed',
      timeoutSeconds: options.timeoutSeconds,
      doing: 'registering',
      undone: 'not registered',
      keyLog: keyLog.write,
      line: ({ snapshot }, theme) => registeredLine(snapshot, theme),
    },
    output,
    { order: names, settled },
  );
  noteNobodyListens(
    accounts.filter(({ plan }) => succeeded.includes(plan.account)),
    output,
  );
  return exit;
}

/** Nothing is sent, whatever else was asked for. */
async function dryRun(
  names: readonly string[],
  loaded: LoadedAccounts,
  { watch, expires }: RegisterOptions,
  output: Output,
): Promise<number> {
  const store = await openStateInUse(loaded, ({ message }) => output.warning(message));
  const options = { store, memory: store, keepsAlive: watch, expires };
  const accounts = await prepareInUse(loaded, names, output, options);
  const { showDryRun } = await import('./dry-run.ts');
  return await showDryRun(accounts, output);
}

function watchedAlready({ pid, owned }: Owner): CommandError {
  const what = `${owned.join(', ')} belongs to the running agent (process ${pid}), which keeps it registered`;
  return new CommandError(EXIT.notNow, `${what}; see it with "sipreg status --watch"`);
}

function noteNobodyListens(accounts: readonly PreparedAccount[], output: Output): void {
  const names = accounts.filter(({ plan }) => plan.contact.uri === null).map(({ plan }) => plan.account);
  if (names.length === 0) return;
  output.note(
    `${names.join(', ')}: nobody listens at the contact now that this command has ended; keep it alive with --watch, or set "contact"`,
  );
}

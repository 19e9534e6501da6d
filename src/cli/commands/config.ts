// `sipreg config check|path|schema`.

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { agentSecretsOf } from '../../accounts/agent-settings.ts';
import { renderProblem } from '../../accounts/explain.ts';
import { type LoadedAccounts, loadAccounts } from '../../accounts/load.ts';
import { locateAccountsFile } from '../../accounts/location.ts';
import { COMMAND_TIMEOUT_MS, placeOf, readText } from '../../accounts/secrets.ts';
import { wordsOf } from '../../accounts/value-rules.ts';
import { prepareAccount } from '../../agent/account-setup.ts';
import { checkTlsFiles, findingText, type TlsFinding } from '../../agent/tls-files-check.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { readMemory } from '../../state/identity-store.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { PRODUCT } from '../version.ts';

/** Validates the accounts file and the TLS files that it names, and tells which secrets cannot be read from here. */
export async function checkConfig(output: Output): Promise<number> {
  const { path } = located(output);
  const loaded = await loadAccounts(path);
  if (!loaded.ok) {
    const { problems, exit } = loaded.error;
    for (const problem of problems) output.error(renderProblem(problem));
    if (output.settings.json) output.document({ path, valid: false, problems, warnings: [] });
    return exit;
  }
  const { accounts, warnings } = loaded.value;
  const options = {
    product: PRODUCT,
    store: null,
    memory: readMemory(null, systemRng),
    keepsAlive: false,
    expires: null,
  };
  const prepared = await Promise.all(
    [...accounts].map(([name, entry]) => prepareAccount(loaded.value.directory, name, entry, options)),
  );
  // A secret may be there for the service only: its variable or credential is not this shell's.
  const unreadable = prepared.flatMap(({ plan, credentials }) =>
    credentials.ok ? [] : [`${plan.account}: ${credentials.error.cause}`],
  );
  unreadable.push(...(await doubtfulOfAgent(loaded.value)));
  const findings = await checkTlsFiles(accounts, loaded.value.directory);
  const doubts = findings.filter(({ kind }) => kind === 'warning').map(findingText);
  const told = [...warnings, ...prepared.flatMap((one) => one.warnings), ...unreadable, ...doubts];
  for (const warning of told) output.warning(warning);
  const problems = findings.filter(({ kind }) => kind === 'problem');
  for (const problem of problems) output.error(findingText(problem));
  const valid = problems.length === 0;
  if (output.settings.json)
    output.document({ path, valid, problems: problems.map(tlsProblem), warnings: told });
  if (!valid) return EXIT.config;
  const count = accounts.size === 1 ? '1 account' : `${accounts.size} accounts`;
  output.result(`${output.theme.good('✓')} ${path}  valid, ${count}`);
  return EXIT.done;
}

async function doubtfulOfAgent({ document, directory }: LoadedAccounts): Promise<readonly string[]> {
  const io = { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const secrets = agentSecretsOf(document().agent, directory);
  const read = await Promise.all(
    secrets.map(async ({ key, source, rule }) => {
      const text = await readText(source, io);
      if (!text.ok) return [`${key}: ${text.error}`];
      const complaint = rule(text.value);
      return complaint === null ? [] : [`${key}: what ${placeOf(source)} gives ${wordsOf(complaint)}`];
    }),
  );
  return read.flat();
}

/** A file that is named is wrong, not a line of the accounts file. */
function tlsProblem({ accounts, text, advice }: TlsFinding) {
  return { accounts, message: text, hint: advice };
}

export async function showPath(output: Output): Promise<number> {
  const { path, kind } = located(output);
  if (output.settings.json) output.document({ path, kind });
  output.result(path);
  return EXIT.done;
}

/** Prints accounts.schema.json as it was shipped. */
export async function showSchema(): Promise<number> {
  process.stdout.write(await readFile(join(import.meta.dirname, '../accounts.schema.json'), 'utf8'));
  return EXIT.done;
}

function located(output: Output) {
  return locateAccountsFile({ option: output.settings.config, env: process.env, home: homedir() });
}

// The TLS files of all accounts, checked before anybody connects: at the start of the agent and in `config check`. Files
// that many accounts share are read once.

import { tlsSettingsOf } from '../accounts/plan.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { COMMAND_TIMEOUT_MS, readText } from '../accounts/secrets.ts';
import type { MaterialSettings } from '../runtime/tls/settings.ts';

/** What is wrong with files, and whose they are. */
export type TlsFinding = {
  /** In the order of the file. */
  readonly accounts: readonly string[];
  /** `problem`: no connection comes about; `warning`: it works, but should be put right. */
  readonly kind: 'problem' | 'warning';
  /** What and where: it begins with the setting. */
  readonly text: string;
  readonly advice: string | null;
};

/** Everything that is wrong with the TLS files of `accounts`; relative paths start at `directory`. */
export async function checkTlsFiles(
  accounts: Iterable<readonly [string, AccountEntry]>,
  directory: string,
): Promise<readonly TlsFinding[]> {
  const groups = groupedByFiles(accounts, directory);
  if (groups.length === 0) return [];
  // node:tls costs milliseconds that only those who have such files should pay.
  const { checkMaterial } = await import('../runtime/tls/material-check.ts');
  const io = { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const findings: TlsFinding[] = [];
  for (const { names, settings } of groups) {
    const found = await checkMaterial(settings, {
      readSecret: (source) => readText(source, io),
      now: new Date(),
    });
    for (const { cause, advice } of found.problems) {
      findings.push({ accounts: names, kind: 'problem', text: cause, advice });
    }
    for (const text of found.warnings) {
      findings.push({ accounts: names, kind: 'warning', text, advice: null });
    }
  }
  return findings;
}

/** "a, b, c and 7 more: tls.key: …; advice". */
export function findingText({ accounts, text, advice }: TlsFinding): string {
  const shown = accounts.slice(0, SHOWN_ACCOUNTS).join(', ');
  const more = accounts.length > SHOWN_ACCOUNTS ? ` and ${accounts.length - SHOWN_ACCOUNTS} more` : '';
  return `${shown}${more}: ${text}${advice === null ? '' : `; ${advice}`}`;
}

type Group = { readonly names: string[]; readonly settings: MaterialSettings };

function groupedByFiles(
  accounts: Iterable<readonly [string, AccountEntry]>,
  directory: string,
): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const [name, entry] of accounts) {
    const { ca, cert, key, keyPassphrase, allowInsecureKey, minVersion } = tlsSettingsOf(entry, directory);
    if (ca === null && cert === null && key === null) continue;
    const settings = { ca, cert, key, keyPassphrase, allowInsecureKey, minVersion };
    const identity = JSON.stringify(settings);
    const group = groups.get(identity);
    if (group === undefined) groups.set(identity, { names: [name], settings });
    else group.names.push(name);
  }
  return [...groups.values()];
}

const SHOWN_ACCOUNTS = 3;

// Where words go: results to stdout, everything else to stderr; with --json one document on stdout and nothing else.

import { printableJson } from '../core/health/evidence.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import type { Theme } from './colors.ts';
import type { GlobalSettings } from './settings.ts';
import { themeFor } from './theme.ts';

export type Output = {
  readonly settings: GlobalSettings;
  /** Of stdout and of stderr: either may be a terminal or not. */
  readonly theme: Theme;
  readonly errorTheme: Theme;
  /** A result for people; nothing with --json. */
  readonly result: (text: string) => void;
  /** The one document of --json. */
  readonly document: (value: unknown) => void;
  /** An error: shown even with -q. */
  readonly error: (text: string) => void;
  /** Worth knowing; not with -q. */
  readonly note: (text: string) => void;
  /** A warning; not with -q. */
  readonly warning: (text: string) => void;
  /** Details, from -v (1) or -vv (2) on. */
  readonly detail: (level: 1 | 2, text: string) => void;
};

/** The output of one command. */
export async function outputFor(settings: GlobalSettings): Promise<Output> {
  const theme = await themeFor(process.stdout, settings.color);
  const errorTheme = await themeFor(process.stderr, settings.color);
  const toStderr = (text: string): void => void process.stderr.write(`${text}\n`);
  const isQuiet = settings.verbosity < 0;
  return {
    settings,
    theme,
    errorTheme,
    result: (text) => {
      if (!settings.json) process.stdout.write(`${text}\n`);
    },
    document: (value) => void process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`),
    error: toStderr,
    note: (text) => {
      if (!isQuiet) toStderr(errorTheme.faint(`note: ${text}`));
    },
    warning: (text) => {
      if (!isQuiet) toStderr(`${errorTheme.caution('warning:')} ${text}`);
    },
    detail: (level, text) => {
      if (settings.verbosity >= level) toStderr(text);
    },
  };
}

/** The document of `register`, `unregister` and `bindings` (interface.md, "One account as JSON"). */
export function accountsDocument(accounts: readonly AccountSnapshot[]): unknown {
  return { schema: 'sipreg.accounts/1', accounts };
}

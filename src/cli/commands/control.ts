// `sipreg refresh|pause|resume|reload`: the running agent does it, the command waits for the outcome and says it.

import type { OperationResult, ReloadOptions } from '../../agent/operations.ts';
import { exitOf } from '../../core/health/verdict.ts';
import { askInUse, OPERATION_TIMEOUT_MS } from '../agent-in-use.ts';
import { EXIT } from '../exit.ts';
import { accountsDocument, type Output } from '../output.ts';
import { doubtText, failureLines, nextText, registeredLine } from '../render/account-line.ts';
import { startSpinner } from '../spinner.ts';

export type Operation = 'refresh' | 'pause' | 'resume';

/** Runs the command and returns its exit code: that of the first account, in the order given, that failed. */
export async function operate(
  operation: Operation,
  names: readonly string[],
  output: Output,
): Promise<number> {
  const results = await askOperation(operation, names, OPERATION_TIMEOUT_MS, output);
  for (const result of results) tellOperation(operation, result, output);
  if (output.settings.json) output.document(accountsDocument(results.map(({ snapshot }) => snapshot)));
  return results.map((result) => exitOfOperation(operation, result)).find((exit) => exit !== 0) ?? EXIT.done;
}

/** Lets the agent do it; the results are in the order of `names`. */
export async function askOperation(
  operation: Operation,
  names: readonly string[],
  timeoutMs: number,
  output: Output,
): Promise<readonly OperationResult[]> {
  const { json, verbosity } = output.settings;
  const text = `${DOING[operation]} ${names.join(', ')}`;
  const spinner = startSpinner(text, !json && verbosity === 0);
  try {
    const answer = await askInUse({ command: operation, accounts: names }, timeoutMs, output);
    return answer.items;
  } finally {
    spinner.stop();
  }
}

/** The outcome in words: a success on stdout, a failure on stderr. */
export function tellOperation(operation: Operation, result: OperationResult, output: Output): void {
  const { account, ok, text, snapshot } = result;
  const { theme, errorTheme } = output;
  if (ok && operation === 'pause') {
    // Any other text tells that a restart will not know of it.
    const how = text === snapshot.state ? ', also over restarts' : `, or ${text}`;
    const rest = `until "sipreg resume ${account}"${how}`;
    output.result(`${theme.good('✓')} ${theme.strong(account)}  paused, unregistered  ${theme.faint(rest)}`);
  } else if (ok) {
    output.result(registeredLine(snapshot, theme));
    const doubt = doubtText(snapshot);
    if (doubt !== null) output.warning(doubt);
  } else if (snapshot.failure !== null && !isAtRest(operation, result)) {
    const undone = operation === 'pause' ? text : 'not registered';
    output.error(failureLines(snapshot, snapshot.failure, undone, nextText(snapshot), errorTheme));
  } else {
    output.error(`${errorTheme.bad('✗')} ${errorTheme.strong(account)}  ${UNDONE[operation]}: ${text}`);
  }
}

/** The exit code of the verdict; 75 for what the agent does not do now. */
export function exitOfOperation(operation: Operation, result: OperationResult): number {
  if (result.ok) return EXIT.done;
  const { failure } = result.snapshot;
  return failure === null || isAtRest(operation, result) ? EXIT.notNow : exitOf(failure.code);
}

/** Nothing was tried: a failure that is shown is of an earlier time. */
function isAtRest(operation: Operation, { snapshot: { state } }: OperationResult): boolean {
  return state === 'disabled' || (state === 'paused' && operation !== 'pause');
}

/** Lets the agent read its accounts file again; an invalid one changes nothing and is 78. */
export async function reload({ tls }: ReloadOptions, output: Output): Promise<number> {
  const { result } = await askInUse({ command: 'reload', tls }, OPERATION_TIMEOUT_MS, output);
  if (output.settings.json) output.document(result);
  if (!result.ok) {
    for (const problem of result.problems) output.error(problem);
    output.error('nothing was changed: the agent goes on with the accounts that it has');
    return EXIT.config;
  }
  for (const warning of result.warnings) output.warning(warning);
  const { added, removed, changed, unchanged } = result.report;
  const parts = [
    ...(
      [
        ['added', added],
        ['removed', removed],
        ['changed', changed],
      ] as const
    )
      .filter(([, names]) => names.length > 0)
      .map(([verb, names]) => `${verb} ${listed(names)}`),
    `${unchanged} unchanged`,
    ...(result.reconnected === undefined ? [] : [`${result.reconnected} moved to renewed TLS files`]),
  ];
  output.result(`${output.theme.good('✓')} reloaded: ${parts.join('; ')}`);
  return EXIT.done;
}

/** A few names; of many their number. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

const MAX_NAMES = 10;
const DOING: Readonly<Record<Operation, string>> = {
  refresh: 'refreshing',
  pause: 'pausing',
  resume: 'resuming',
};
const UNDONE: Readonly<Record<Operation, string>> = {
  refresh: 'not refreshed',
  pause: 'not paused',
  resume: 'not resumed',
};

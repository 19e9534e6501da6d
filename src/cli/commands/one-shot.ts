// What `register`, `unregister` and `bindings` have in common: the accounts made ready, one round each, the outcome in
// words or as JSON, and the exit code of the first account that failed.

import { nameOf, type PreparedAccount } from '../../agent/managed-registration.ts';
import { type AccountResult, Interrupted, type OneShotOptions, runOnce } from '../../agent/one-shot.ts';
import { exitOf } from '../../core/health/verdict.ts';
import type { KeyLog } from '../../runtime/tls/key-log.ts';
import type { Theme } from '../colors.ts';
import { EXIT } from '../exit.ts';
import { accountsDocument, type Output } from '../output.ts';
import type { Settled } from '../owner.ts';
import { doubtText, failureLines } from '../render/account-line.ts';
import { messageObserver } from '../render/message-text.ts';
import { catchSignals } from '../signals.ts';
import { startSpinner } from '../spinner.ts';

export type OneShotCommand = Pick<OneShotOptions, 'goal' | 'blocked'> & {
  readonly timeoutSeconds: number;
  /** What is being done, for the spinner: "registering". */
  readonly doing: string;
  /** What did not happen, for a failure: "not registered". */
  readonly undone: string;
  /** Takes the secrets of TLS sessions. */
  readonly keyLog?: KeyLog | undefined;
  /** The line of a success. */
  readonly line: (result: AccountResult, theme: Theme) => string;
};

/** What the running agent has done of the command already. */
export type DoneByAgent = {
  /** All accounts of the command, in the order given. */
  readonly order: readonly string[];
  readonly settled: readonly Settled[];
};

const NOTHING_DONE: DoneByAgent = { order: [], settled: [] };

export type OneShotEnd = {
  readonly exit: number;
  /** The accounts with which this command, not the agent, has done what it was to do. */
  readonly succeeded: readonly string[];
};

/** Runs the command for `accounts`. */
export async function runOneShot(
  accounts: readonly PreparedAccount[],
  command: OneShotCommand,
  output: Output,
  byAgent: DoneByAgent = NOTHING_DONE,
): Promise<OneShotEnd> {
  const signals = catchSignals();
  const { json, verbosity } = output.settings;
  const names = accounts.map(({ plan }) => plan.account).join(', ');
  const spinner = startSpinner(`${command.doing} ${names}`, !json && verbosity === 0);
  try {
    const results = await runOnce(accounts, {
      goal: command.goal,
      blocked: command.blocked,
      timeoutSeconds: command.timeoutSeconds,
      interrupt: signals.end,
      keyLog: command.keyLog,
      observer: {
        warned: (account, text) => spinner.aside(() => output.warning(`${nameOf(account)}: ${text}`)),
        ...messageObserver(output),
      },
      concluded: (result) => spinner.aside(() => tell(result, command, output)),
    });
    const all = inOrder([...byAgent.settled, ...results.map(settledOf)], byAgent.order);
    if (json) output.document(accountsDocument(all.map(({ snapshot }) => snapshot)));
    return {
      exit: all.find(({ exit }) => exit !== EXIT.done)?.exit ?? EXIT.done,
      succeeded: results.flatMap(({ outcome, snapshot }) =>
        outcome.type === 'failed' ? [] : snapshot.account,
      ),
    };
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    output.error(`interrupted while ${command.doing} ${names}`);
    return { exit: signals.exitCode(), succeeded: [] };
  } finally {
    spinner.stop();
    signals.release();
  }
}

function tell(result: AccountResult, command: OneShotCommand, output: Output): void {
  const { outcome, snapshot } = result;
  if (outcome.type === 'failed' && snapshot.failure !== null) {
    output.error(failureLines(snapshot, snapshot.failure, command.undone, null, output.errorTheme));
    return;
  }
  output.result(command.line(result, output.theme));
  const doubt = doubtText(snapshot);
  if (doubt !== null) output.warning(doubt);
}

function settledOf({ outcome, snapshot }: AccountResult): Settled {
  return { snapshot, exit: outcome.type === 'failed' ? exitOf(outcome.failure.code) : EXIT.done };
}

/** By the place of each account in `order`; accounts that are not in it stay as they are. */
function inOrder(all: readonly Settled[], order: readonly string[]): readonly Settled[] {
  const placeOf = new Map(order.map((name, place) => [name, place]));
  const place = ({ snapshot }: Settled): number => placeOf.get(snapshot.account) ?? 0;
  return all.toSorted((a, b) => place(a) - place(b));
}

/** Somebody reads what comes of it; cron and scripts do not, and do not tire of a wrong password either. */
export function isAskedByPerson(): boolean {
  return process.stdout.isTTY || process.stderr.isTTY;
}

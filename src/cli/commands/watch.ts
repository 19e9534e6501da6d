// `sipreg register --watch`: one line an event, in words or as NDJSON, until a signal; then the bindings are removed.

import type { PreparedAccount } from '../../agent/account-setup.ts';
import type { ManagedAccount } from '../../agent/managed-account.ts';
import { dateOf } from '../../agent/one-shot.ts';
import { watch } from '../../agent/watch.ts';
import type { AccountSnapshot, AccountState } from '../../core/health/snapshot.ts';
import { describe } from '../../core/registration/describe.ts';
import { timeText } from '../../runtime/local-time.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { failureLines, nextText, registeredLine } from '../render/account-line.ts';
import { messageObserver } from '../render/message-text.ts';
import { catchSignals } from '../signals.ts';

/** Runs until SIGINT or SIGTERM; the exit code says whether every binding could be removed. */
export async function watchAccounts(accounts: readonly PreparedAccount[], output: Output): Promise<number> {
  const signals = catchSignals();
  const unread = new AbortController();
  // `| head -1`: nobody sees any more what is watched.
  process.stdout.once('error', () => unread.abort());
  try {
    const { notRemoved } = await watch(accounts, {
      end: AbortSignal.any([signals.end, unread.signal]),
      endNow: signals.endNow,
      observer: {
        stateChanged: (account, previous) => tellState(account, previous, output),
        finished: (account, outcome) => {
          if (outcome.type === 'failed') tellFailure(account, output);
        },
        warned: (account, text) => tellWarning(account, text, output),
        ...messageObserver(output),
      },
    });
    for (const account of notRemoved) {
      tellWarning(account, 'its binding could not be removed; it stays until it ends', output);
    }
    if (signals.endNow.aborted) return signals.exitCode();
    return notRemoved.length === 0 ? EXIT.done : EXIT.notNow;
  } finally {
    signals.release();
  }
}

function tellState(account: ManagedAccount, previous: AccountState, output: Output): void {
  const snapshot = describe(account.lifecycle, dateOf);
  if (output.settings.json) {
    event('state', account, { previous, ...snapshot });
    return;
  }
  const stamp = output.theme.faint(timeText(snapshot.since));
  if (snapshot.state === 'registered') output.result(`${stamp}  ${registeredLine(snapshot, output.theme)}`);
  else if (isWorthALine(snapshot, output))
    output.result(`${stamp}    ${snapshot.account}  ${snapshot.state}`);
}

/** A refresh that goes well says so when it is done; what is under way is for -v. */
function isWorthALine({ state }: AccountSnapshot, output: Output): boolean {
  return state === 'unregistered' || output.settings.verbosity > 0;
}

function tellFailure(account: ManagedAccount, output: Output): void {
  const snapshot = describe(account.lifecycle, dateOf);
  if (output.settings.json || snapshot.failure === null) return;
  const verb = snapshot.state === 'blocked' ? 'blocked' : 'failed';
  output.error(failureLines(snapshot, snapshot.failure, verb, nextText(snapshot), output.errorTheme));
}

function tellWarning(account: ManagedAccount, text: string, output: Output): void {
  if (output.settings.json) event('warning', account, { text });
  output.warning(`${account.setup.plan.account}: ${text}`);
}

function event(type: string, account: ManagedAccount, facts: object): void {
  const line = { time: new Date().toISOString(), type, account: account.setup.plan.account, ...facts };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

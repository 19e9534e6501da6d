// `sipreg register --watch`: the agent for the accounts that are named, with neither socket nor reload. One line an event,
// in words or as NDJSON, until a signal; then the bindings are removed.

import type { LoadedAccounts } from '../../accounts/load.ts';
import { startAgent } from '../../agent/agent.ts';
import type { AgentEvent } from '../../agent/events.ts';
import { createAgentLog } from '../../agent/log/log.ts';
import { requestText } from '../../agent/log/words.ts';
import { timeText } from '../../runtime/local-time.ts';
import type { KeyLog } from '../../runtime/tls/key-log.ts';
import type { IdentityStore } from '../../state/identity-store.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { failureLines, nextText, registeredLine } from '../render/account-line.ts';
import { catchSignals, untilUnread } from '../signals.ts';
import { PRODUCT, VERSION } from '../version.ts';

export type WatchOptions = {
  readonly loaded: LoadedAccounts;
  readonly store: IdentityStore;
  readonly stateDirectory: string | null;
  /** Seconds; null: the accounts' own. */
  readonly expires: number | null;
  /** Credentials that were rejected before are tried at once. */
  readonly force: boolean;
  readonly keyLog: KeyLog | undefined;
};

/** Runs until SIGINT, SIGTERM or SIGHUP; the exit code says whether every binding could be removed. */
export async function watchAccounts(
  names: readonly string[],
  { loaded, store, stateDirectory, expires, force, keyLog }: WatchOptions,
  output: Output,
): Promise<number> {
  // A closed terminal shall not leave a binding where nobody listens.
  const signals = catchSignals({ endsOnHangup: true });
  const end = untilUnread(signals);
  try {
    const started = await startAgent({
      loaded,
      store,
      stateDirectory,
      expires,
      insists: force,
      only: names,
      holds: 'accounts',
      keepBindings: false,
      version: VERSION,
      product: PRODUCT,
      socketPath: null,
      end,
      log: logFor(output),
      tellsMessages: output.settings.verbosity >= 2,
      problems: () => [],
      keyLog,
    });
    if (!started.ok) {
      if (end.aborted) return signals.exitCode();
      throw new CommandError(EXIT.notNow, started.error);
    }
    if (!end.aborted) await new Promise((resolve) => end.addEventListener('abort', resolve, { once: true }));
    const left = await started.value.stop(signals.endNow);
    if (signals.endNow.aborted) return signals.exitCode();
    return left.length === 0 ? EXIT.done : EXIT.notNow;
  } finally {
    signals.release();
  }
}

/** The same lines as `register` has for people; programs get what the agent's log gives them. */
function logFor(output: Output): (event: AgentEvent) => void {
  const { json, verbosity } = output.settings;
  if (!json) return (event) => tell(event, output);
  const { stdout, stderr } = process;
  return createAgentLog({ json, verbosity, theme: output.errorTheme, stdout, stderr, env: process.env }).tell;
}

function tell(event: AgentEvent, output: Output): void {
  const stamp = output.theme.faint(timeText(event.time));
  switch (event.type) {
    case 'state':
      if (event.state === 'registered') {
        output.result(`${stamp}  ${registeredLine(event.snapshot, output.theme)}`);
      } else if (event.state === 'unregistered' || output.settings.verbosity > 0) {
        output.result(`${stamp}    ${event.account}  ${event.state}`);
      }
      break;
    case 'failure': {
      const verb = event.state === 'blocked' ? 'blocked' : 'failed';
      output.error(failureLines(event, event.failure, verb, nextText(event), output.errorTheme));
      break;
    }
    case 'warning':
      output.warning(event.account === null ? event.text : `${event.account}: ${event.text}`);
      break;
    case 'request':
      output.detail(1, `${event.account ?? 'sipreg'}: ${requestText(event)}`);
      break;
    case 'message':
      output.detail(2, `${event.direction} ${event.transport}\n${event.text}`);
      break;
    default:
      output.detail(1, `${event.type}: ${event.text}`);
  }
}

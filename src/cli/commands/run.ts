// `sipreg run`: the agent in the foreground. SIGHUP reloads; SIGTERM and SIGINT remove the bindings and end it, a second
// one at once.

import { type RunningAgent, startAgent } from '../../agent/agent.ts';
import { type AgentLog, createAgentLog } from '../../agent/log/log.ts';
import { keepYoungGenerationSmall, watchSpareMemory } from '../../runtime/spare-memory.ts';
import type { StateNotice } from '../../state/change-batches.ts';
import { entryOf, loadInUse, openStateInUse, stateInUse } from '../accounts-in-use.ts';
import { agentSocket } from '../agent-in-use.ts';
import { CommandError, EXIT } from '../exit.ts';
import { keyLogInUse } from '../key-log.ts';
import type { Output } from '../output.ts';
import { catchSignals, type Signals } from '../signals.ts';
import { PRODUCT, VERSION } from '../version.ts';

export type RunOptions = {
  readonly keepBindings: boolean;
  /** Where the secrets of TLS sessions go (`--tls-keylog`); null: nowhere. */
  readonly keyLog: string | null;
};

/** Runs until it is told to end, and returns the exit code. */
export async function run(names: readonly string[], options: RunOptions, output: Output): Promise<number> {
  const loaded = await loadInUse(output);
  for (const name of names) {
    if (entryOf(loaded, name).enabled === false) {
      output.warning(
        `${name} is disabled ("enabled": false): it is left alone until a reload says otherwise`,
      );
    }
  }
  const keyLog = await keyLogInUse(options.keyLog, output);
  const log = openLog(output);
  const signals = catchSignals();
  const hangups = catchHangups();
  keepYoungGenerationSmall();
  const memory = watchSpareMemory();
  const problems = new Map<StateNotice['code'], string>();
  /** Until there is an agent, only the log is told. */
  let tell = log.tell;
  const noted = (notice: StateNotice): void => {
    const { code, message: text } = notice;
    if (code === 'state.writable') problems.delete('state.unwritable');
    else problems.set(code, text);
    const severity = code === 'state.writable' ? 'notice' : 'warning';
    tell({ time: new Date().toISOString(), severity, type: 'warning', account: null, code, text });
  };
  try {
    const store = await openStateInUse(loaded, noted);
    const started = await startAgent({
      loaded,
      store,
      only: names,
      holds: 'directory',
      expires: null,
      insists: false,
      end: signals.end,
      keepBindings: options.keepBindings,
      version: VERSION,
      product: PRODUCT,
      socketPath: agentSocket(output),
      stateDirectory: stateInUse(loaded),
      log: log.tell,
      tellsMessages: output.settings.verbosity >= 2,
      problems: () => [...problems.values()],
      takesEvents: (emit) => {
        tell = emit;
      },
      keyLog: keyLog.write,
    });
    if (!started.ok) throw new CommandError(EXIT.notNow, started.error);
    return await runUntilEnded(started.value, signals, hangups);
  } finally {
    memory.stop();
    hangups.release();
    signals.release();
    log.close();
    keyLog.close();
  }
}

async function runUntilEnded(
  agent: RunningAgent,
  { end, endNow, exitCode }: Signals,
  hangups: Hangups,
): Promise<number> {
  // The outcome of a reload is an event of its own, told by the log.
  hangups.serve(() => void agent.reload());
  if (!end.aborted) {
    await new Promise<void>((resolve) => end.addEventListener('abort', () => resolve(), { once: true }));
  }
  await agent.stop(endNow);
  return endNow.aborted ? exitCode() : EXIT.done;
}

type Hangups = {
  /** Calls `reload` for each SIGHUP, also for one that came before. */
  readonly serve: (reload: () => void) => void;
  readonly release: () => void;
};

/** SIGHUP from the start on: without a listener it would end the process. */
function catchHangups(): Hangups {
  let reload: (() => void) | null = null;
  let isMissed = false;
  const hangup = (): void => {
    if (reload === null) isMissed = true;
    else reload();
  };
  process.on('SIGHUP', hangup);
  return {
    serve: (served) => {
      reload = served;
      if (isMissed) served();
    },
    release: () => process.off('SIGHUP', hangup),
  };
}

function openLog(output: Output): AgentLog {
  const { json, verbosity } = output.settings;
  return createAgentLog({
    json,
    verbosity,
    theme: output.errorTheme,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  });
}

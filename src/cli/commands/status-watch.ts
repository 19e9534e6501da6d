// `sipreg status --watch`: on a terminal the table is kept current in place, and the screen is as it was afterwards; in a
// pipe the table comes once and then a line for each event, as `sipreg run` logs them; with --json one object a line.

import { followAgent, type Listener } from '../../agent/control/client.ts';
import { createAgentLog } from '../../agent/log/log.ts';
import { printableJson } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { agentError, agentSocket, READING_TIMEOUT_MS } from '../agent-in-use.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { catchSignals, untilUnread } from '../signals.ts';
import {
  askStatus,
  exitCodeOf,
  layoutOf,
  noteOtherFile,
  type StatusOptions,
  statusDocument,
  statusText,
} from '../status-answer.ts';

/** The times in the table go on even when nothing happens. */
const REDRAW_EVERY_MS = 1_000;
/** Many events at once are one look. */
const LEAST_REDRAW_MS = 200;

/** Runs until a signal, or until nobody reads any more; ends with 69 when the agent does. */
export async function watchStatus(
  names: readonly string[],
  options: StatusOptions,
  output: Output,
): Promise<number> {
  const signals = catchSignals();
  const end = untilUnread(signals);
  try {
    const isScreen = process.stdout.isTTY && !output.settings.json;
    const accounts = isScreen
      ? await watchOnScreen(names, output, end)
      : await watchInLines(names, output, end);
    return exitCodeOf(accounts, options);
  } finally {
    signals.release();
  }
}

/** Returns the accounts as they were at the end. */
async function watchInLines(
  names: readonly string[],
  output: Output,
  end: AbortSignal,
): Promise<readonly AccountSnapshot[]> {
  const { json, verbosity } = output.settings;
  const known = new Map<string, AccountSnapshot>();
  const log = createAgentLog({
    json,
    verbosity,
    theme: output.theme,
    stdout: process.stdout,
    stderr: process.stdout,
    env: {},
  });
  try {
    await listen(names, output, end, {
      started: (answer) => {
        for (const account of answer.items) known.set(account.account, account);
        if (json) process.stdout.write(`${printableJson(JSON.stringify(statusDocument(answer)))}\n`);
        else output.result(statusText(answer, [], output, layoutOf(process.stdout)));
        noteOtherFile(answer.result.agent, output);
      },
      event: (event) => {
        if (event.type === 'state') known.set(event.account, event.snapshot);
        log.tell(event);
      },
      lost: (count) => output.warning(`${count} events were left out: they were not read in time`),
    });
  } finally {
    log.close();
  }
  return [...known.values()];
}

async function watchOnScreen(
  names: readonly string[],
  output: Output,
  end: AbortSignal,
): Promise<readonly AccountSnapshot[]> {
  let answer = await askStatus(names, output);
  const changes = changeBell();
  const over = new AbortController();
  // The events only say that something is new: what is shown is asked for, so that nothing is missed.
  const listening = listen(names, output, AbortSignal.any([end, over.signal]), {
    started: changes.ring,
    event: changes.ring,
    lost: changes.ring,
  }).finally(changes.stop);
  // Awaited below; until then its failure is nobody's.
  listening.catch(() => undefined);
  process.stdout.on('resize', changes.ring);
  const screen = openScreen();
  try {
    while (!changes.isStopped()) {
      screen.draw(statusText(answer, names, output, layoutOf(process.stdout)));
      const hasChanged = await changes.next();
      if (hasChanged && !changes.isStopped()) answer = await askStatus(names, output);
    }
    await listening;
  } finally {
    screen.close();
    process.stdout.off('resize', changes.ring);
    over.abort();
  }
  return answer.items;
}

/** Resolves when `end` is aborted; the agent's own end is an error. */
async function listen(
  names: readonly string[],
  output: Output,
  end: AbortSignal,
  listener: Listener,
): Promise<void> {
  const path = agentSocket(output);
  const failed = await followAgent(path, names, listener, { timeoutMs: READING_TIMEOUT_MS, signal: end });
  if (failed !== null) throw agentError(path, failed);
  if (!end.aborted) throw new CommandError(EXIT.unreachable, `the agent at ${path} has ended`);
}

/** Wakes one sleeper: when it is rung, with a little rest between two, or when the time is over. */
function changeBell() {
  let hasRung = false;
  let hasStopped = false;
  let wake = (): void => {};
  return {
    ring: (): void => {
      hasRung = true;
      wake();
    },
    stop: (): void => {
      hasStopped = true;
      wake();
    },
    isStopped: () => hasStopped,
    /** Whether it has rung since the last time. */
    next: async (): Promise<boolean> => {
      const until = (ms: number, wakesEarly: () => boolean): Promise<void> =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            if (!wakesEarly()) return;
            clearTimeout(timer);
            resolve();
          };
          wake();
        });
      await until(LEAST_REDRAW_MS, () => hasStopped);
      await until(REDRAW_EVERY_MS - LEAST_REDRAW_MS, () => hasStopped || hasRung);
      const rung = hasRung;
      hasRung = false;
      return rung;
    },
  };
}

/** The terminal's other screen (xterm, DEC private modes 1049 and 25): what stood there comes back at the end. */
function openScreen() {
  const leave = (): void => void process.stdout.write('\u001b[?25h\u001b[?1049l');
  process.once('exit', leave);
  process.stdout.write('\u001b[?1049h\u001b[?25l');
  return {
    draw(text: string): void {
      const rows = process.stdout.rows || 24;
      const all = text.split('\n');
      const lines =
        all.length <= rows ? all : [...all.slice(0, rows - 1), `… ${all.length - rows + 1} more lines`];
      // Line by line over what is there, so that nothing flickers.
      process.stdout.write(`\u001b[H${lines.join('\u001b[K\n')}\u001b[K\u001b[J`);
    },
    close(): void {
      process.off('exit', leave);
      leave();
    },
  };
}

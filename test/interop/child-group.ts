// A program under test or beside it, in a process group of its own, so that all of it can be ended: on stop(), when the
// test process exits, and (where util-linux is there) even when the test process is killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type ChildGroup = {
  readonly pid: number;
  /** Resolves when the group's first process has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** True until then. */
  readonly running: () => boolean;
  /** SIGTERM to the whole group, SIGKILL after `graceMs` (2000); resolves when nothing of it is left. */
  readonly stop: (graceMs?: number) => Promise<void>;
  /** SIGKILL to the whole group, as a crash would end it; resolves when nothing of it is left. */
  readonly kill: () => Promise<void>;
};

type GroupOptions = {
  readonly cwd: string;
  /** Receives stdout and stderr. Opened for appending, so that lines of several processes stay whole. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
};

const SETPRIV = '/usr/bin/setpriv';
const livingGroups = new Set<number>();

process.on('exit', () => {
  for (const pid of livingGroups) signalGroup(pid, 'SIGKILL');
});

/** Starts `program` with `args`; rejects when it cannot be started at all. */
export async function startGroup(
  program: string,
  args: readonly string[],
  { cwd, logFile, env }: GroupOptions,
): Promise<ChildGroup> {
  const log = openSync(logFile, 'a');
  const command = existsSync(SETPRIV)
    ? [SETPRIV, '--pdeathsig', 'SIGTERM', program, ...args]
    : [program, ...args];
  const child = spawn(command[0] ?? program, command.slice(1), {
    cwd,
    env: { ...process.env, PATH: SEARCH_PATH, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  await once(child, 'spawn');
  return groupOf(child);
}

/** Servers stand in sbin, which is not on everybody's PATH. */
export const SEARCH_PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;

function groupOf(child: ChildProcess): ChildGroup {
  const pid = child.pid;
  if (pid === undefined) throw new Error('the process has no id');
  livingGroups.add(pid);
  let running = true;
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      running = false;
      resolve({ code, signal });
    });
  });
  const kill = async (): Promise<void> => {
    if (groupExists(pid)) signalGroup(pid, 'SIGKILL');
    await ended;
    while (groupExists(pid)) await sleep(10);
    livingGroups.delete(pid);
  };
  return {
    pid,
    ended,
    running: () => running,
    stop: async (graceMs = 2000) => {
      signalGroup(pid, 'SIGTERM');
      const deadline = performance.now() + graceMs;
      while (groupExists(pid) && performance.now() < deadline) await sleep(10);
      await kill();
    },
    kill,
  };
}

/** False when the group is gone. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function groupExists(pid: number): boolean {
  return signalGroup(pid, 0);
}

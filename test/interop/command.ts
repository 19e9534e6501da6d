// Runs `node bin/sipreg.js` as a user or a script would: with a home of its own, a bare environment, stdin and a time limit.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildIsCurrent, projectRoot } from '../../scripts/setup.mjs';

export type Home = {
  readonly folder: string;
  /** HOME and the XDG folders, all inside `folder`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Writes a file (0600), an object as JSON, and returns its path. */
  readonly write: (name: string, content: string | object) => Promise<string>;
  /** Kills the commands that still run in it, too. */
  readonly remove: () => Promise<void>;
};

export type CommandResult = {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
};

export type RunningCommand = {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the match as soon as `pattern` is in what it has written so far; rejects when it ends, or in time. */
  readonly waitFor: (
    stream: 'stdout' | 'stderr',
    pattern: RegExp,
    timeoutMs?: number,
  ) => Promise<RegExpMatchArray>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly result: Promise<CommandResult>;
};

export type CommandOptions = {
  readonly home: Home;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** The file to run in place of this project's bin/sipreg.js. */
  readonly program?: string;
  /** It is killed then, and the promise rejects (30 s). */
  readonly timeoutMs?: number;
};

/** Each with the folder of its home. */
const livingCommands = new Map<ChildProcess, string>();

process.on('exit', () => {
  for (const child of livingCommands.keys()) child.kill('SIGKILL');
});

/** An empty home in a temporary folder. */
export async function temporaryHome(): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-home-'));
  const runtimeFolder = join(folder, 'run');
  await mkdir(runtimeFolder, { mode: 0o700 });
  return {
    folder,
    environment: {
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_RUNTIME_DIR: runtimeFolder,
    },
    write: async (name, content) => {
      const path = join(folder, name);
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
      await chmod(path, 0o600);
      return path;
    },
    remove: async () => {
      await killCommandsIn(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function killCommandsIn(folder: string): Promise<void> {
  const children = [...livingCommands].filter(([, home]) => home === folder).map(([child]) => child);
  const closed = Promise.all(children.map((child) => once(child, 'close')));
  for (const child of children) child.kill('SIGKILL');
  await closed;
}

/** Runs the command to its end. */
export function runSipreg(args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return startSipreg(args, options).result;
}

/** Starts the command; for those that stay. */
export function startSipreg(args: readonly string[], options: CommandOptions): RunningCommand {
  if (!buildIsCurrent()) throw new Error('dist/ is older than src/: run "npm run build" first');
  const { home, environment, stdin = '', timeoutMs = 30_000 } = options;
  const { program = join(projectRoot, 'bin/sipreg.js') } = options;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program, ...args], {
    cwd: home.folder,
    env: { PATH: process.env.PATH ?? '', ...home.environment, ...environment },
    stdio: 'pipe',
  });
  livingCommands.set(child, home.folder);
  child.once('close', () => livingCommands.delete(child));
  // A command that does not read its input may end before all of it is written.
  child.stdin.on('error', () => undefined).end(stdin);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const result = resultOf(child, output, { startedAt, timeoutMs, words: args.join(' ') });
  // Whoever awaits it gets the rejection; a test that never does must not bring the process down.
  result.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    waitFor: (stream, pattern, waitMs = 10_000) =>
      waitForOutput(child, stream, { pattern, waitMs, text: () => output[stream], all: () => output }),
    kill: (signal) => {
      child.kill(signal);
    },
    result,
  };
}

type Output = { readonly stdout: string; readonly stderr: string };

async function resultOf(
  child: ChildProcess,
  output: Output,
  {
    startedAt,
    timeoutMs,
    words,
  }: { readonly startedAt: number; readonly timeoutMs: number; readonly words: string },
): Promise<CommandResult> {
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const [code, signal] = await once(child, 'close');
  clearTimeout(limit);
  if (timedOut) {
    throw new Error(
      `"sipreg ${words}" did not end within ${timeoutMs} ms:\n${output.stdout}\n${output.stderr}`,
    );
  }
  return { code, signal, ...output, ms: performance.now() - startedAt };
}

type Expectation = {
  readonly pattern: RegExp;
  readonly waitMs: number;
  readonly text: () => string;
  readonly all: () => Output;
};

function waitForOutput(
  child: ChildProcess,
  stream: 'stdout' | 'stderr',
  { pattern, waitMs, text, all }: Expectation,
): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(limit);
      child[stream]?.off('data', look);
      child.off('close', giveUp);
      finish();
    };
    const look = (): void => {
      const match = text().match(pattern);
      if (match) settle(() => resolve(match));
    };
    const giveUp = (): void => {
      const { stdout, stderr } = all();
      settle(() => reject(new Error(`${pattern} did not appear on ${stream}:\n${stdout}\n${stderr}`)));
    };
    const limit = setTimeout(giveUp, waitMs);
    child[stream]?.on('data', look);
    child.once('close', giveUp);
    look();
  });
}

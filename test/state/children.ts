// Starts child.ts as real processes, for what one process cannot show: kill -9, two commands at once, another user.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundles child.ts into `directory` and returns the program's path. */
export function bundleChild(directory: string): Promise<string> {
  return bundleProgram(join(import.meta.dirname, 'child.ts'), directory);
}

/** Bundles the program that begins with `entryPoint` into `directory` and returns its path. */
export async function bundleProgram(entryPoint: string, directory: string): Promise<string> {
  const outfile = join(directory, 'child.mjs');
  await build({
    entryPoints: [entryPoint],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
  });
  chmodSync(directory, 0o755);
  return outfile;
}

export type Child = {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Complete lines so far. */
  readonly lines: () => readonly string[];
  /** Resolves when so many lines have come that match, or rejects when the child ends without them. */
  readonly printed: (pattern: RegExp, count?: number) => Promise<void>;
  /** The exit code, null after a signal. */
  readonly ended: Promise<number | null>;
  readonly kill: () => Promise<void>;
};

export function startNode(args: readonly string[], options: SpawnOptions = {}): Child {
  return startProgram(process.execPath, args, options);
}

export function startProgram(program: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const lines = (): readonly string[] => output.split('\n').slice(0, -1);
  return {
    process: child,
    pid: child.pid ?? -1,
    lines,
    ended,
    async printed(pattern, count = 1) {
      const isPrinted = (): boolean => lines().filter((line) => pattern.test(line)).length >= count;
      while (!isPrinted()) {
        const next = await Promise.race([once(child.stdout ?? child, 'data'), ended.then(() => null)]);
        if (next === null && !isPrinted()) {
          throw new Error(`the child ended without printing ${pattern}: ${output}`);
        }
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

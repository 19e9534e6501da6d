// A command in a pseudo terminal, by `script` of util-linux: what a person sees, and what a person types.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/setup.mjs';
import type { Home } from '../interop/command.ts';

export type TerminalCommand = {
  /** All that was on the screen, with control sequences. */
  readonly screen: () => string;
  /** Resolves when `pattern` is in what came after the last match; rejects after 10 s, or when the command ends before. */
  readonly waitFor: (pattern: RegExp) => Promise<string>;
  readonly type: (keys: string) => void;
  /** The exit code. */
  readonly ended: Promise<number | null>;
};

/** A program of util-linux, not of a package. */
const PSEUDO_TERMINAL = 'script';

export const ENTER = '\r';
export const CTRL_C = '\u0003';
export const CTRL_D = '\u0004';

/** Runs "sipreg WORDS" in a terminal of some columns. `words` go through a shell, so that a stream can be redirected. */
export function startInTerminal(
  words: string,
  home: Home,
  environment: Readonly<Record<string, string>> = {},
  columns = 80,
): TerminalCommand {
  const command = `stty cols ${columns}; exec '${process.execPath}' '${join(projectRoot, 'bin/sipreg.js')}' ${words}`;
  const child = spawn(PSEUDO_TERMINAL, ['-qefc', command, '/dev/null'], {
    cwd: home.folder,
    env: {
      PATH: process.env.PATH ?? '',
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      ...home.environment,
      ...environment,
    },
    stdio: 'pipe',
  });
  let screen = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  // Typing after the end is no error of the test's: what it waits for says so.
  child.stdin.on('error', () => undefined);
  const limit = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const ended = once(child, 'close').then(([code]) => {
    clearTimeout(limit);
    return code as number | null;
  });
  const waitFor = async (pattern: RegExp): Promise<string> => {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const match = pattern.exec(screen.slice(seen));
      if (match !== null) {
        seen += match.index + match[0].length;
        return match[0];
      }
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`${pattern} did not appear:\n${screen}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { screen: () => screen, waitFor, type: (keys) => void child.stdin.write(keys), ended };
}

// Questions on the terminal, asked on stderr so that stdout stays the result's. A password is not echoed.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CommandError, EXIT } from './exit.ts';

export type Prompt = {
  readonly line: (question: string) => Promise<string>;
  readonly secret: (question: string) => Promise<string>;
  /** Yes unless the answer says no. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** A line of its own. */
  readonly say: (text: string) => void;
  readonly close: () => void;
};

/** Opens the terminal for questions. Ctrl-C and the end of the input end the command. */
export function openPrompt(): Prompt {
  let isHidden = false;
  const visible = new Writable({
    write(chunk, _encoding, callback) {
      if (!isHidden) process.stderr.write(chunk);
      callback();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: visible, terminal: true });
  let ended: (reason: CommandError) => void = () => {};
  const end = new Promise<never>((_, reject) => {
    ended = reject;
  });
  // It is raced below; between two questions nobody listens, and that is no unhandled rejection.
  end.catch(() => {});
  terminal.on('SIGINT', () => ended(new CommandError(EXIT.interrupted, 'interrupted')));
  terminal.on('close', () =>
    ended(new CommandError(EXIT.usage, 'the input ended before everything was answered')),
  );
  const line = async (question: string): Promise<string> => {
    try {
      return await Promise.race([terminal.question(`${question}: `), end]);
    } catch (error) {
      // The cursor still stands behind the question.
      process.stderr.write('\n');
      throw error;
    }
  };
  return {
    line,
    secret: async (question) => {
      process.stderr.write(`${question}: `);
      isHidden = true;
      try {
        return await Promise.race([terminal.question(''), end]);
      } finally {
        isHidden = false;
        process.stderr.write('\n');
      }
    },
    confirm: async (question) => !/^\s*n/i.test(await line(`${question} [Y/n]`)),
    say: (text) => void process.stderr.write(`${text}\n`),
    close: () => terminal.close(),
  };
}

// The way in: what the command line asks for, and nothing loaded that it does not ask for. What nobody
// expected becomes words and an exit code here.

import { cachedFiles } from './cached-files.ts';
import { PLUGIN_CODE } from './check/plugin-state.ts';
import { commandOf } from './command-word.ts';
import { EXIT } from './exit.ts';
import { VERSION } from './version.ts';

/** Why the result, or a part of it, did not get to where stdout leads; null: it did, or nobody wanted it. */
let resultLost: string | null = null;
process.stdout.on('error', resultNotWritten);
// There is no place left to tell that nothing can be told.
process.stderr.on('error', () => {});
void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const exitCode = await exitCodeOf(args);
  await written(process.stdout);
  if (resultLost !== null) process.stderr.write(`sipreg: stdout could not be written: ${resultLost}\n`);
  await written(process.stderr);
  // Everything is said and durable. What may still be under way, such as a question to a silent name server or a
  // connection to nowhere, is given up: nobody waits for it any more.
  process.exit(resultLost !== null && exitCode === EXIT.done ? codeOfLostResult(args) : exitCode);
}

function codeOfLostResult(args: readonly string[]): number {
  return commandOf(args) === 'check' ? PLUGIN_CODE.UNKNOWN : EXIT.notNow;
}

/** Resolves when the reader has taken all (a pipe takes 64 KiB at a time), is gone, or the disk is full and that is known. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    // A file is written at once, but that it failed is told a turn later.
    const done = (): unknown => setImmediate(resolve);
    if (stream.writableLength === 0 || !stream.writable) done();
    else stream.write('', done);
  });
}

async function exitCodeOf(args: readonly string[]): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    // Health checks ask for it often: the whole program would cost more than the answer.
    process.stdout.write(`${VERSION}\n`);
    return EXIT.done;
  }
  try {
    const { exports } = cachedFiles(import.meta.dirname, require).load('program');
    return await (exports as typeof import('./program.ts')).runProgram(args);
  } catch (error) {
    return report(error);
  }
}

/**
 * Whoever read our output has had enough (`| head -1`), or the disk under it is full: what is under way still goes to its
 * end. A command whose result was lost says so by its code; an agent's registrations are worth more than its log.
 */
function resultNotWritten(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') resultLost ??= error.message;
}

function report(error: unknown): number {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sipreg: a bug in sipreg ${VERSION}, please report it: ${words}\n`);
  return EXIT.bug;
}

// The way in: what the command line asks for, and nothing loaded that it does not ask for. What nobody
// expected becomes words and an exit code here.

import { cachedFiles } from './cached-files.ts';
import { EXIT } from './exit.ts';
import { VERSION } from './version.ts';

let lostOutput: NodeJS.ErrnoException | null = null;
for (const stream of [process.stdout, process.stderr]) stream.on('error', writeFailed);
void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    // Health checks ask for it often: the whole program would cost more than the answer.
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const exitCode = await exitCodeOf(args);
  await Promise.all([written(process.stdout), written(process.stderr)]);
  // Everything is said and durable. What may still be under way, such as a question to a silent name server or a
  // connection to nowhere, is given up: nobody waits for it any more.
  process.exit(lostOutput !== null && exitCode === EXIT.done ? EXIT.notNow : exitCode);
}

/** Resolves when the reader has taken all, or is gone: a pipe takes 64 KiB at a time. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || !stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}

async function exitCodeOf(args: readonly string[]): Promise<number> {
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
function writeFailed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') lostOutput = error;
}

function report(error: unknown): number {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sipreg: a bug in sipreg ${VERSION}, please report it: ${words}\n`);
  return EXIT.bug;
}

// The way in: what the command line asks for, and nothing loaded that it does not ask for. The one place in which an
// error becomes words and an exit code.

import { CommandError, EXIT } from './exit.ts';
import { VERSION } from './version.ts';

/** 128 + SIGPIPE, as a shell reports a command whose reader has gone. */
const READER_GONE = 141;

for (const stream of [process.stdout, process.stderr]) stream.on('error', writeFailed);
process.stdout.on('error', readerGone);
process.stderr.on('error', readerGone);
const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Health checks ask for it often: commander would cost more than the answer.
  process.stdout.write(`${VERSION}\n`);
} else {
  try {
    const { runProgram } = await import('./program.ts');
    process.exitCode = await runProgram(args);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** `sipreg … | head -1` ends here: nobody reads any more, which is no bug. */
function writeFailed(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? READER_GONE : report(error));
}

/** Whoever read our output has had enough (`| head -1`): what is under way still goes to its end, and so does its code. */
function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function report(error: unknown): number {
  if (error instanceof CommandError) {
    process.stderr.write(`sipreg: ${error.message}\n`);
    return error.exit;
  }
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`sipreg: a bug in sipreg ${VERSION}, please report it: ${words}\n`);
  return EXIT.bug;
}

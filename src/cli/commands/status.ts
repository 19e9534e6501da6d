// `sipreg status`: what the running agent knows of its accounts, as a table, in full for those that are named, or as JSON;
// --watch is in status-watch.ts.

import type { Output } from '../output.ts';
import {
  askStatus,
  exitCodeOf,
  layoutOf,
  noteOtherFile,
  type StatusOptions,
  statusDocument,
  statusText,
} from '../status-answer.ts';

/** Runs the command and returns its exit code. */
export async function status(
  names: readonly string[],
  options: StatusOptions & { readonly watch: boolean },
  output: Output,
): Promise<number> {
  if (options.watch) {
    const { watchStatus } = await import('./status-watch.ts');
    return await watchStatus(names, options, output);
  }
  const answer = await askStatus(names, output);
  noteOtherFile(answer.result.agent, output);
  if (output.settings.json) output.document(statusDocument(answer));
  else output.result(statusText(answer, names, output, layoutOf(process.stdout)));
  return exitCodeOf(answer.items, options);
}

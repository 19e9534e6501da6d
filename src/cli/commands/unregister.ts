// `sipreg unregister`: removes just our own binding, or with --all-bindings every binding of the AOR.

import { loadInUse, openStateInUse, prepareInUse } from '../accounts-in-use.ts';
import type { Output } from '../output.ts';
import { removedLine } from '../render/account-line.ts';
import { runOneShot } from './one-shot.ts';

export type UnregisterOptions = { readonly allBindings: boolean; readonly timeoutSeconds: number };

/** Runs the command and returns its exit code. */
export async function unregister(
  names: readonly string[],
  { allBindings, timeoutSeconds }: UnregisterOptions,
  output: Output,
): Promise<number> {
  const loaded = await loadInUse(output);
  const store = await openStateInUse(loaded, output);
  const options = { store, memory: store, keepsAlive: false, expires: null };
  const accounts = await prepareInUse(loaded, names, output, options);
  return await runOneShot(
    accounts,
    {
      goal: allBindings ? 'remove-all' : 'remove',
      timeoutSeconds,
      doing: 'unregistering',
      undone: 'not unregistered',
      line: ({ snapshot }, theme) => removedLine(snapshot, theme),
    },
    output,
  );
}

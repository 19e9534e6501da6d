// `sipreg unregister`: removes just our own binding, or with --all-bindings every binding of the AOR.

import { loadInUse, openStateInUse, prepareInUse } from '../accounts-in-use.ts';
import type { Output } from '../output.ts';
import { findOwner, throughOwner } from '../owner.ts';
import { removedLine } from '../render/account-line.ts';
import { isAskedByPerson, runOneShot } from './one-shot.ts';

export type UnregisterOptions = { readonly allBindings: boolean; readonly timeoutSeconds: number };

/** Runs the command and returns its exit code. */
export async function unregister(
  names: readonly string[],
  { allBindings, timeoutSeconds }: UnregisterOptions,
  output: Output,
): Promise<number> {
  const loaded = await loadInUse(output);
  const owner = await findOwner(names, loaded, output);
  const settled = owner === null ? [] : await throughOwner(owner, 'pause', timeoutSeconds, output);
  // What the agent has paused may still be removed with all the others; its own binding alone is done.
  const left = allBindings || owner === null ? names : names.filter((name) => !owner.owned.includes(name));
  const store = await openStateInUse(loaded, ({ message }) => output.warning(message));
  const options = { store, memory: store, keepsAlive: false, expires: null };
  const accounts = await prepareInUse(loaded, left, output, options);
  const { exit } = await runOneShot(
    accounts,
    {
      goal: allBindings ? 'remove-all' : 'remove',
      // It counts no rejection: in a script nobody would remember how a probe went.
      blocked: isAskedByPerson() ? 'sent' : 'withheld',
      timeoutSeconds,
      doing: 'unregistering',
      undone: 'not unregistered',
      line: ({ snapshot }, theme) => removedLine(snapshot, theme),
    },
    output,
    { order: names, settled: allBindings ? [] : settled },
  );
  return exit;
}

// `sipreg bindings`: asks the registrar what is bound, with a Call-ID of its own; changes nothing and writes no state.

import { loadInUse, prepareInUse, readStateInUse } from '../accounts-in-use.ts';
import type { Output } from '../output.ts';
import { bindingsTable } from '../render/bindings-table.ts';
import { isAskedByPerson, runOneShot } from './one-shot.ts';

/** Runs the command and returns its exit code. */
export async function bindings(name: string, timeoutSeconds: number, output: Output): Promise<number> {
  const loaded = await loadInUse(output);
  const options = { store: null, memory: readStateInUse(loaded), keepsAlive: false, expires: null };
  const accounts = await prepareInUse(loaded, [name], output, options);
  const { exit } = await runOneShot(
    accounts,
    {
      goal: 'query',
      // It writes nothing: in a script nobody would remember how a probe went.
      blocked: isAskedByPerson() ? 'sent' : 'withheld',
      timeoutSeconds,
      doing: 'asking the registrar about',
      undone: 'the bindings cannot be read',
      line: ({ snapshot }, theme) => bindingsTable(snapshot, theme),
    },
    output,
  );
  return exit;
}

// Which command is wanted, before anything is made to parse it: so that only that command has to be made, and because
// after `check` the options are a plugin's.

/** The first of `args` that is no global option (program.ts), nor the value of one; null: there is none. */
export function commandOf(args: readonly string[]): string | null {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-')) return arg;
    // Of short options in one word the last may take a value.
    if (/^(?:-[qv]*c|--config|--socket|--color)$/.test(arg)) at += 1;
  }
  return null;
}

// The animation of a spinner on stderr. The only importer of ora.

import ora from 'ora';

export type Animation = { readonly start: () => unknown; readonly stop: () => unknown };

/** Shows `text` beside a turning sign until it is stopped. */
export function startAnimation(text: string): Animation {
  return ora({ text, stream: process.stderr, discardStdin: false }).start();
}

// A spinner while something is awaited: on a terminal only, and only then is its animation (animation.ts) loaded.

import type { Animation } from './animation.ts';

export type Spinner = {
  /** Runs `print` with the spinner out of the way. */
  readonly aside: (print: () => void) => void;
  readonly stop: () => void;
};

const NO_SPINNER: Spinner = { aside: (print) => print(), stop: () => {} };
/** An answer that comes sooner needs no spinner. */
const PATIENCE_MS = 150;

/** Shows `text` on stderr once the wait is worth it. */
export function startSpinner(text: string, wanted: boolean): Spinner {
  // A terminal that does not know its width (`docker exec -t`, expect) says 0: ora would clear lines for ever.
  if (!wanted || !process.stderr.isTTY || !process.stderr.columns) return NO_SPINNER;
  let ended = false;
  let shown: Animation | null = null;
  const show = async (): Promise<void> => {
    const { startAnimation } = await import('./animation.ts');
    if (!ended) shown = startAnimation(text);
  };
  const timer = setTimeout(() => {
    // Without its spinner the command is as good as with it; a broken installation is not passed over, though.
    show().catch((error: unknown) => process.stderr.write(`sipreg: no spinner: ${String(error)}\n`));
  }, PATIENCE_MS);
  return {
    aside: (print) => {
      shown?.stop();
      print();
      if (!ended) shown?.start();
    },
    stop: () => {
      ended = true;
      clearTimeout(timer);
      shown?.stop();
    },
  };
}

// What is fuzzed.

import type { Rng } from '../../src/core/rng.ts';

export type Target = {
  /** In one word; stands in the name of a crash. */
  readonly name: string;
  /** Throws when something that must hold does not. What it needs of chance comes from `rng`, so that it can be replayed. */
  readonly run: (bytes: Uint8Array, rng: Rng) => void;
};

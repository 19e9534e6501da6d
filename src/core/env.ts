// What a pure machine may not make itself: the time, randomness and hashes. The shell hands it in.

import type { HashFn } from './digest/algorithm.ts';
import type { Rng } from './rng.ts';
import type { Millis } from './time.ts';

export type Env = {
  /** The monotonic instant of this step. */
  readonly now: Millis;
  readonly rng: Rng;
  readonly hash: HashFn;
};

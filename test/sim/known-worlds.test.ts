// Worlds that once broke a rule, and what each of them taught.

import { describe, it } from 'vitest';
import { runSeed } from './replay.ts';

describe('every rule holds in the world of seed', () => {
  it.each([
    [2295, 'a NAT forgets, and the next keep-alive, which tells it, is ten minutes off'],
    [3828, 'both hosts have moved, and DNS is silent by the time that a refresh misses them'],
    [4064, 'a flow breaks just when its new public address is registered, and the next one has another'],
    [6471, 'the host moves, and the next keep-alive, which tells it, is ten minutes off'],
    [6884, 'an alarm is due a fraction of a millisecond after it rings, in the seventh day'],
    [8556, 'the host moves while grants are short, and the name has a silent address before it'],
    [17_109, 'a 500 with a Retry-After has the Contact go alone, and to that nobody answers'],
    [
      21_794,
      'a cut ends just before a REGISTER is given up: its binding stays, and the next has another Contact',
    ],
    [
      26_873,
      'all are paused at once while their refreshes have no answer, and removed when those are cut short',
    ],
  ])('%i: %s', (seed) => runSeed(seed));
});

// The simulation at scale, small: what docs/scale.md shows of a million accounts holds for three thousand.

import { describe, expect, it } from 'vitest';
import { type CrowdOptions, runCrowd } from './crowd.ts';
import { peak } from './tally.ts';

const MINUTE = 60_000;
const WORLD: CrowdOptions = {
  accounts: 3_000,
  hours: 4,
  perSecond: 20,
  expires: 3_600,
  outage: { from: 95 * MINUTE, until: 125 * MINUTE },
  seed: 1,
};

describe('three thousand accounts and an outage of half an hour', () => {
  const tally = runCrowd(WORLD);
  const back = 125 * 60;

  it('begin at the pace, each with the answer to a challenge', () => {
    const firstMinutes = peak((second) => tally.in('paced', second), 1, 600);
    expect(firstMinutes).toBeGreaterThanOrEqual(20);
    expect(firstMinutes).toBeLessThanOrEqual(20 + 4);
    expect(peak((second) => tally.in('challenged', second), 1, 600)).toBeLessThanOrEqual(20 + 4);
    expect(tally.registeredIn(3_000 / 20 + 1)).toBe(3_000);
  });

  it('come back at the pace when the registrar is back, and all of them', () => {
    expect(tally.registeredIn(back - 1)).toBe(0);
    expect(peak((second) => tally.in('paced', second), back, tally.seconds)).toBeLessThanOrEqual(20 + 4);
    expect(tally.registeredIn(back + 300 + 3_000 / 20)).toBe(3_000);
  });

  it('try on while it is away, and no faster than the pace', () => {
    const during = peak((second) => tally.in('paced', second), 95 * 60, back);
    expect(during).toBeGreaterThan(0);
    expect(during).toBeLessThanOrEqual(20 + 4);
  });
});

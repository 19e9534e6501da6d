// Each seeded defect has to break a rule, and the same worlds without it none: else the simulation proves nothing.

import { describe, expect, it } from 'vitest';
import { DEFECTS, type Defect } from './defects.ts';
import { FLOW_DEFECTS } from './flow-defects.ts';
import { SOUND } from './machinery.ts';
import { type WorldPlan, worldPlan } from './plan.ts';
import { violationOf } from './replay.ts';

/** A defect that does not show within so many worlds is not found. */
const MOST_WORLDS = 20;

/** The worlds in which the defect is looked for. */
function* worldsFor({ episodes, needs = isSmall }: Defect): Iterable<WorldPlan> {
  for (let seed = 1, count = 0; count < MOST_WORLDS; seed++) {
    const plan = worldPlan(seed);
    if (!needs(plan)) continue;
    count += 1;
    yield episodes === undefined ? plan : { ...plan, episodes, endsAt: 3 * 24 * 3_600_000 };
  }
}

function isSmall({ accounts }: WorldPlan): boolean {
  return accounts.length < 10;
}

describe.each([...DEFECTS, ...FLOW_DEFECTS])('$name', (defect) => {
  it('makes the simulation fail, which is well without it', { timeout: 120_000 }, () => {
    for (const plan of worldsFor(defect)) {
      const broken = violationOf(plan, defect.make());
      if (broken === null) continue;
      expect(defect.breaks, broken.message).toContain(broken.rule);
      expect(violationOf(plan, SOUND)).toBeNull();
      return;
    }
    expect.fail(`not noticed in ${MOST_WORLDS} worlds`);
  });
});

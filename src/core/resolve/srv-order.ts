// In which order the servers of an SRV answer are tried (RFC 2782, "Usage rules"): priorities one after the other, and
// within one at random by weight, so that the load spreads as the operator wants it.

import type { Rng } from '../rng.ts';
import type { SrvRecord } from './question.ts';

/** Every record once, best first. */
export function srvOrder(records: readonly SrvRecord[], rng: Rng): readonly SrvRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((wanted) =>
    byWeight(
      records.filter(({ priority }) => priority === wanted),
      rng,
    ),
  );
}

function byWeight(records: readonly SrvRecord[], rng: Rng): readonly SrvRecord[] {
  // RFC 2782: weight 0 stands first, and so has a very small chance of being selected.
  const left = [...records].sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const ordered: SrvRecord[] = [];
  while (left.length > 0) ordered.push(...left.splice(pick(left, rng), 1));
  return ordered;
}

/** The index of the record that chance selects. */
function pick(records: readonly SrvRecord[], rng: Rng): number {
  const sum = records.reduce((total, { weight }) => total + weight, 0);
  // Without weights the RFC leaves the order open; at random no server stays idle.
  if (sum === 0) return Math.floor(rng.unit() * records.length);
  const drawn = Math.floor(rng.unit() * (sum + 1));
  let running = 0;
  return records.findIndex(({ weight }) => {
    running += weight;
    return running >= drawn;
  });
}

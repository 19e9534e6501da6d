// Pacing towards one registrar (behaviour.md §13): so many begin at once, the others one after another, so that ten
// thousand accounts that fell together do not come back together. The generic cell rate algorithm: one instant is all
// that a bucket has to remember, and each caller is told when it may go.

import type { Millis } from '../time.ts';

export type Pace = {
  readonly perSecond: number;
  /** How many may go at once after a quiet time; at least 1. */
  readonly burst: number;
};

/** When the next one would be due if all kept the pace exactly. */
export type Bucket = { readonly dueAt: Millis };

/** The instant (not before `now`) at which the caller may go, and the bucket afterwards. */
export function admit(
  bucket: Bucket | undefined,
  { perSecond, burst }: Pace,
  now: Millis,
): { readonly at: Millis; readonly bucket: Bucket } {
  const interval = 1000 / perSecond;
  const dueAt = Math.max(bucket?.dueAt ?? now, now);
  return { at: Math.max(now, dueAt - (burst - 1) * interval), bucket: { dueAt: dueAt + interval } };
}

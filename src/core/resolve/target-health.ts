// Which targets failed lately: they are tried last, until a quiet period is over and they may prove themselves in
// their own place again (R235). RFC 3263 §4.3 has no memory; without one every account would try a dead server first.

import type { Target } from '../sip/transport.ts';
import type { Millis } from '../time.ts';

/** Until when each target stands back, the latest failure last. */
export type TargetHealth = ReadonlyMap<string, Millis>;

export const NO_FAILED_TARGETS: TargetHealth = new Map();

/** So long a failed target stands back. */
export const QUIET_PERIOD_MS: Millis = 300_000;

/** More failed targets than this are not remembered; the oldest failures are forgotten first. */
const MAX_REMEMBERED = 1024;

/**
 * `target` did not serve a request at `now`: 503, a transport error, or no answer. RFC 3261 §21.5.4: one that says when it
 * wants to be asked again stands back at least so long, `retryAfterMs`.
 */
export function targetFailed(
  health: TargetHealth,
  target: Target,
  now: Millis,
  retryAfterMs: Millis = 0,
): TargetHealth {
  const next = new Map(health);
  next.delete(keyOf(target));
  next.set(keyOf(target), now + Math.max(QUIET_PERIOD_MS, retryAfterMs));
  for (const [key, quietUntil] of next) {
    if (next.size > MAX_REMEMBERED || now >= quietUntil) next.delete(key);
  }
  return next;
}

/** `target` has served a request: what was before is forgotten. */
export function targetServed(health: TargetHealth, target: Target): TargetHealth {
  if (health.size === 0 || !health.has(keyOf(target))) return health;
  const next = new Map(health);
  next.delete(keyOf(target));
  return next;
}

export type HealthOrder<T> = {
  /** The same ones: first those that did not fail lately, then the others, each part in the order given. */
  readonly ordered: readonly T[];
  /** The best ones stand back: until then, when the agent goes back to the first of them; null: the best comes first. */
  readonly deferredUntil: Millis | null;
};

/** Puts those whose target failed lately last. `ranked` has the best first. */
export function healthiestFirst<T extends { readonly target: Target }>(
  health: TargetHealth,
  ranked: readonly T[],
  now: Millis,
): HealthOrder<T> {
  const quietUntil = ({ target }: T): Millis => health.get(keyOf(target)) ?? now;
  const isQuiet = (one: T): boolean => now < quietUntil(one);
  const ordered = [...ranked.filter((one) => !isQuiet(one)), ...ranked.filter(isQuiet)];
  const [first] = ordered;
  const better = first === undefined ? [] : ranked.slice(0, ranked.indexOf(first));
  return { ordered, deferredUntil: better.length === 0 ? null : Math.min(...better.map(quietUntil)) };
}

function keyOf({ transport, address, port }: Target): string {
  return `${transport} ${address} ${port}`;
}

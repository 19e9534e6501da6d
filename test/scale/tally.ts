// What a run at scale counts, for each second: REGISTERs by why they were sent, and how many accounts are registered.

/**
 * Why a REGISTER is sent: it begins a registration (the first, or after a failure), and is paced; it begins a refresh; it
 * answers the challenge to one of both; it is UDP's own copy of one (RFC 3261 §17.1.2.2).
 */
export type Reason = 'paced' | 'refresh' | 'challenged' | 'repeated';

export const REASONS: readonly Reason[] = ['paced', 'refresh', 'challenged', 'repeated'];

export type Tally = {
  readonly sent: (reason: Reason, second: number) => void;
  readonly registered: (count: number, second: number) => void;
  /** How many were sent in that second. */
  readonly in: (reason: Reason, second: number) => number;
  readonly registeredIn: (second: number) => number;
  readonly seconds: number;
};

export function createTally(seconds: number): Tally {
  const sent = {
    paced: new Float64Array(seconds),
    refresh: new Float64Array(seconds),
    challenged: new Float64Array(seconds),
    repeated: new Float64Array(seconds),
  };
  const registered = new Float64Array(seconds);
  return {
    sent: (reason, second) => {
      const counts = sent[reason];
      if (second < seconds) counts[second] = (counts[second] ?? 0) + 1;
    },
    registered: (count, second) => {
      if (second < seconds) registered[second] = count;
    },
    in: (reason, second) => sent[reason][second] ?? 0,
    registeredIn: (second) => registered[second] ?? 0,
    seconds,
  };
}

/** The most that any of the seconds from `from` to before `until` has. */
export function peak(of: (second: number) => number, from: number, until: number): number {
  let most = 0;
  for (let second = from; second < until; second++) most = Math.max(most, of(second));
  return most;
}

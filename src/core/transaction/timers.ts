// The timers of RFC 3261 §17 (Table 4), in milliseconds.

import type { Millis } from '../time.ts';

/** Estimated round trip. */
export const T1: Millis = 500;
/** Longest interval between two copies of a non-INVITE request. */
export const T2: Millis = 4_000;
/** How long a message may stay in the network. */
export const T4: Millis = 5_000;
/** Timer F: how long a non-INVITE client transaction waits for a final response. */
export const TIMER_F: Millis = 64 * T1;

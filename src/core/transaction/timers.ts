// The timers of RFC 3261 §17 (Table 4), RFC 6026 §8 and RFC 4320 §4, in milliseconds.

import type { Millis } from '../time.ts';

/** Estimated round trip. */
export const T1: Millis = 500;
/** Longest interval between two copies of a non-INVITE request, or of a final response to an INVITE. */
export const T2: Millis = 4_000;
/** How long a message may stay in the network. */
export const T4: Millis = 5_000;
/** Timer F: how long a non-INVITE client transaction waits for a final response. */
export const TIMER_F: Millis = 64 * T1;
/** Timer H: how long a final response to an INVITE waits for its ACK. */
export const TIMER_H: Millis = 64 * T1;
/** Timer J: how long copies of a request other than INVITE may still come over UDP. */
export const TIMER_J: Millis = 64 * T1;
/** Timer L (RFC 6026 §8.7): how long copies of an INVITE may still come after its 2xx. */
export const TIMER_L: Millis = 64 * T1;
/** RFC 3261 §17.2.1: an INVITE that has no answer by then gets a 100. */
export const INVITE_TRYING: Millis = 200;
/** RFC 4320 §4.1: when the client's Timer E reaches T2 (0.5 + 1 + 2 s); before it no 100 to other requests. */
export const NON_INVITE_TRYING: Millis = 7 * T1;

// What can happen to a registration, in the past tense.

import type { Credential } from '../digest/algorithm.ts';
import type { Failure } from '../health/verdict.ts';
import type { SipResponse } from '../sip/message.ts';
import type { Target } from '../sip/transport.ts';
import type { Millis } from '../time.ts';
import type { FlowRef } from './registration.ts';

/** What a round of REGISTER is for. */
export type Goal =
  /** Create or refresh our binding. */
  | 'register'
  /** Remove our binding, and no other. */
  | 'remove'
  /** Remove every binding of the AOR: `Contact: *`. */
  | 'remove-all'
  /** Ask what is bound: a REGISTER without Contact changes nothing. */
  | 'query';

export type Input =
  /** `deferredUntil`: until then a better target stands back, because it failed a while ago. `stale`: DNS failed in this
   * way, and these are the last targets that it gave. `tlsWithdrawn`: those with TLS are such as it names no more. */
  | {
      readonly type: 'targetsResolved';
      readonly targets: readonly Target[];
      readonly deferredUntil: Millis | null;
      readonly stale: Failure | null;
      readonly tlsWithdrawn: boolean;
    }
  | { readonly type: 'resolutionFailed'; readonly failure: Failure }
  /** `target` is the one that was asked for: an attempt that was given up may still come to an end. */
  | { readonly type: 'flowOpened'; readonly target: Target; readonly flow: FlowRef }
  | { readonly type: 'flowFailed'; readonly target: Target; readonly failure: Failure }
  | { readonly type: 'flowClosed'; readonly flowId: number; readonly failure: Failure }
  /** `roundTripMs`: since its request left, as exactly as it was measured; instants are whole milliseconds. */
  | { readonly type: 'responseReceived'; readonly response: SipResponse; readonly roundTripMs: Millis }
  | {
      readonly type: 'cseqReserved';
      readonly callId: string;
      readonly firstCseq: number;
      readonly lastCseq: number;
    }
  | { readonly type: 'secretRead'; readonly credentials: readonly Credential[] }
  | { readonly type: 'secretFailed'; readonly failure: Failure }
  /** `noise`: what came in place of an answer since the last request left, in words; left out: nothing. */
  | { readonly type: 'timePassed'; readonly noise?: string };

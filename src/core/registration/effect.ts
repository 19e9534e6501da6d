// What a registration wants done, in the order in which it wants it. The shell does it and, where there is an
// answer, brings it back as an input. There is no "start timer": deadlines stand in the state.

import type { Failure } from '../health/verdict.ts';
import type { KeepalivePromise } from '../keepalive/terms.ts';
import type { Hop } from '../resolve/hop.ts';
import type { Target } from '../sip/transport.ts';
import type { Millis } from '../time.ts';
import type { Binding, Learned, ReportedBinding } from './registration.ts';

/** How a round of REGISTER ended. */
export type Outcome =
  | {
      readonly type: 'registered';
      readonly binding: Binding;
      readonly bindings: readonly ReportedBinding[];
      readonly learned: Learned;
    }
  | { readonly type: 'removed'; readonly bindings: readonly ReportedBinding[] }
  | { readonly type: 'listed'; readonly bindings: readonly ReportedBinding[] }
  | { readonly type: 'failed'; readonly failure: Failure };

export type Effect =
  /** Look the hop's host up: `targetsResolved` or `resolutionFailed`. */
  | { readonly type: 'resolve'; readonly hop: Hop }
  /** Open (or share) a flow: `flowOpened` or `flowFailed`. */
  | {
      readonly type: 'openFlow';
      readonly target: Target;
      readonly domain: string;
      readonly connectTimeoutMs: Millis;
    }
  /** The target did not serve us: others come first for a while, and at least for the time that it named. */
  | {
      readonly type: 'targetFailed';
      readonly target: Target;
      readonly retryAfterSeconds: number | null;
    }
  /** What the 2xx says about keeping its flow alive. */
  | { readonly type: 'flowPromised'; readonly flowId: number; readonly promise: KeepalivePromise }
  /** The request that left at `silentSince` got no answer: unless others got one since, the flow is of no use any more. */
  | { readonly type: 'closeFlow'; readonly flowId: number; readonly silentSince: Millis }
  /** Make a block of CSeq numbers durable, with a new Call-ID when asked for: `cseqReserved`. */
  | { readonly type: 'reserveCseq'; readonly renewCallId: boolean }
  /** Send the bytes; `branch` names the transaction, `repeated` marks a retransmission. */
  | {
      readonly type: 'send';
      readonly flowId: number;
      readonly branch: string;
      readonly bytes: Uint8Array;
      readonly repeated: boolean;
    }
  /** Read the account's secrets again: `secretRead` or `secretFailed`. */
  | { readonly type: 'readSecret' }
  /** Something an operator should know although nothing failed. */
  | { readonly type: 'warn'; readonly text: string }
  /** The round is over. */
  | { readonly type: 'finished'; readonly outcome: Outcome };

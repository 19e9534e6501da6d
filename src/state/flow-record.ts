// One flow of an account as it is kept: how it begins, and how it changes.

import { type Rng, randomHex } from '../core/rng.ts';
import type { FlowRecord } from './state-document.ts';

/** What is left out stays as it was. */
export type FlowChanges = { readonly [Field in keyof FlowRecord]?: FlowRecord[Field] | undefined };

export const NO_FLOW: FlowRecord = {
  callId: '',
  cseq: 0,
  reservation: null,
  contact: null,
  localPort: null,
  registrar: null,
  grantedUntil: null,
  publicAddress: null,
};

/** One literal: tens of thousands change when they all begin, and V8 takes long for a spread (core/draft.ts). */
export function changedFlow(flow: FlowRecord, changes: FlowChanges): FlowRecord {
  const {
    callId = flow.callId,
    cseq = flow.cseq,
    reservation = flow.reservation,
    contact = flow.contact,
    localPort = flow.localPort,
    registrar = flow.registrar,
    grantedUntil = flow.grantedUntil,
    publicAddress = flow.publicAddress,
  } = changes;
  return { callId, cseq, reservation, contact, localPort, registrar, grantedUntil, publicAddress };
}

/** R027: 128 random bits, and nothing of the host. */
export function renewedFlow(flow: FlowRecord, rng: Rng): FlowRecord {
  return changedFlow(flow, { callId: randomHex(rng, 16), cseq: 0, reservation: null });
}

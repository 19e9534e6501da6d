// The sending half of a round: the next REGISTER with its CSeq, Contacts and credentials, and the choice between
// datagram and stream by its size (RFC 3261 §18.1.1).

import { initialAuthorization } from '../digest/initial.ts';
import { selectCredential } from '../digest/selection.ts';
import { authorize, type DigestSession } from '../digest/session.ts';
import type { Env } from '../env.ts';
import { oncePerObject } from '../made-once.ts';
import { ownText } from '../own-text.ts';
import { randomHex } from '../rng.ts';
import { type HeaderField, NO_BODY } from '../sip/message.ts';
import { isReliable } from '../sip/transport.ts';
import { formatUri, type SipUri } from '../sip/uri.ts';
import { startTransaction } from '../transaction/client.ts';
import { isShown } from './challenge-answer.ts';
import {
  boundUri,
  contactUri,
  contactValue,
  type OwnUri,
  ownUri,
  removalValue,
  replacedContact,
} from './contact.ts';
import {
  changedWay,
  type FlowRef,
  hasRegId,
  NO_SESSIONS,
  type Registration,
  registrationDraft,
} from './registration.ts';
import { registerRequest } from './request.ts';
import { openStreamForSize } from './round-opening.ts';
import {
  inPhase,
  type Place,
  type Round,
  type RoundStep,
  roundDraft,
  type SentRequest,
} from './round-state.ts';

/** All accounts of a registrar share its URI. */
const requestUriText = oncePerObject((uri: SipUri) => ownText(formatUri(uri)));

/** RFC 3261 §18.1.1: what may go by UDP when the path MTU is not known. */
const MAX_DATAGRAM_BYTES = 1300;

/** Sends the next REGISTER of the round at `place`, or opens a stream for it when it is too large for a datagram. */
export function sendRegister(registration: Registration, round: Round, place: Place, env: Env): RoundStep {
  const { flow, target } = place;
  const cseq = registration.identity.cseq + 1;
  if (cseq > registration.identity.reservedThrough) return reserve(registration, round, place, false);
  const branch = `z9hG4bK${randomHex(env.rng, 12)}`;
  const contact = ownContact(registration, round, flow);
  const contacts = contactValues(registration, round, contact);
  const requestUri = requestUriText(round.requestUri);
  const { fields, sessions, authorized } = authorizations(registration, round, requestUri, env);
  const expires = requestedExpires(registration, round);
  const bytes = registerRequest(registration, {
    requestUri,
    routes: registration.plan.profile.proxies,
    flow,
    branch,
    cseq,
    contacts,
    expires,
    authorizations: fields,
  });
  if (needsStream(registration, flow, bytes)) {
    return openStreamForSize(registration, round, target, flow);
  }
  const sent: SentRequest = {
    flow,
    target,
    branch,
    bytes,
    sentAt: env.now,
    contact,
    offersOutbound: contact !== null && hasRegId(registration),
    contactCount: contacts.length,
    requested: expires ?? 0,
    authorized,
  };
  return {
    registration: afterSending(registration, round, place, sessions),
    round: awaiting(round, sent),
    effects: [{ type: 'send', flowId: flow.id, branch, bytes, repeated: false }],
  };
}

function afterSending(
  registration: Registration,
  round: Round,
  { flow, target }: Place,
  sessions: readonly DigestSession[],
): Registration {
  const { callId, fromTag, cseq, reservedThrough } = registration.identity;
  const next = registrationDraft(registration);
  next.identity = { callId, fromTag, cseq: cseq + 1, reservedThrough };
  next.sessions = sessions;
  next.flow = flow;
  next.target = target;
  const { way } = registration;
  const redirected = round.visited.length > 1;
  const outdatedFlow = way.outdatedFlow && registration.flow?.id === flow.id;
  if (redirected !== way.redirected || outdatedFlow !== way.outdatedFlow) {
    next.way = changedWay(way, { redirected, outdatedFlow });
  }
  return next;
}

function awaiting(round: Round, sent: SentRequest): Round {
  const next = roundDraft(round);
  next.requests = round.requests + 1;
  const transaction = startTransaction(isReliable(sent.flow.transport), sent.sentAt);
  next.phase = { name: 'awaiting', sent, transaction };
  return next;
}

/** behaviour.md §2: no number is used before it is durable; the request follows when it is. */
export function reserve(
  registration: Registration,
  round: Round,
  place: Place,
  renewCallId: boolean,
): RoundStep {
  const { flow, target } = place;
  return {
    registration,
    round: inPhase(round, { name: 'reserving', place: { flow, target } }),
    effects: [{ type: 'reserveCseq', renewCallId }],
  };
}

function needsStream(registration: Registration, flow: FlowRef, bytes: Uint8Array): boolean {
  if (flow.transport !== 'udp' || bytes.length <= MAX_DATAGRAM_BYTES) return false;
  // behaviour.md §3: an account that names UDP stays with it.
  return registration.plan.profile.transport !== 'udp' && registration.way.streamlessFlow !== flow.id;
}

function ownContact(registration: Registration, round: Round, flow: FlowRef): OwnUri | null {
  if (round.goal === 'query' || round.goal === 'remove-all') return null;
  return ownUri(contactUri(registration.plan, flow, registration.publicAddress));
}

function contactValues(registration: Registration, round: Round, contact: OwnUri | null): readonly string[] {
  const { boundContact } = registration;
  // RFC 3261 §10.2.2: the star stands alone, with Expires: 0.
  if (round.goal === 'remove-all') return ['*'];
  if (contact === null) return [];
  if (round.goal === 'remove')
    return [contactValue(registration, (boundUri(boundContact) ?? contact).text, 0)];
  const own = contactValue(registration, contact.text, registration.interval);
  // RFC 5626 §4.2.1: where outbound may be applied, the Contact is alone and takes the old one's place by its reg-id.
  const { outbound } = registration;
  const isAlone = round.contactAlone || outbound === 'offered' || outbound === 'active';
  const old = isAlone ? null : replacedContact(boundContact, contact);
  return old === null ? [own] : [own, removalValue(old)];
}

function requestedExpires(registration: Registration, round: Round): number | null {
  if (round.goal === 'query') return null;
  return round.goal === 'register' ? registration.interval : 0;
}

type Authorizations = {
  readonly fields: readonly HeaderField[];
  readonly sessions: readonly DigestSession[];
  /** There are answers to challenges among the fields. */
  readonly authorized: boolean;
};

/** Authorization fields for all sessions that are shown, each with its next nonce count (RFC 3261 §22.2). */
function authorizations(
  registration: Registration,
  round: Round,
  requestUri: string,
  env: Env,
): Authorizations {
  const request = { method: 'REGISTER', uri: requestUri, body: NO_BODY };
  let fields: readonly HeaderField[] = [];
  let sessions = NO_SESSIONS;
  for (const session of registration.sessions) {
    const credential = selectCredential(session.terms, registration.credentials);
    // The secret may have changed to one that cannot answer this realm: then it is challenged anew.
    if (credential === null) continue;
    if (!isShown(session, registration, round.challenges)) {
      sessions = withOneMore(sessions, session);
      continue;
    }
    const answered = authorize(session, credential, request, env);
    fields = withOneMore(fields, answered.header);
    sessions = withOneMore(sessions, answered.session);
  }
  if (fields.length > 0) return { fields, sessions, authorized: true };
  const { initialAuthorization: initial } = registration.plan;
  if (initial !== null) fields = [initialAuthorization({ ...initial, uri: requestUri })];
  return { fields, sessions, authorized: false };
}

/** One alone, as it mostly is, gets a list without room for others. */
function withOneMore<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : [...list, item];
}

// What a 2xx means for the round (RFC 3261 §10.2.4; behaviour.md §4, §5, §15): the binding as it was granted, the list
// of bindings, or a success that is none.

import { assert } from '../assert.ts';
import {
  checkRspauth,
  hasAuthenticationInfo,
  parseAuthenticationInfo,
} from '../digest/authentication-info.ts';
import { selectCredential } from '../digest/selection.ts';
import { atRest, type DigestSession, renewNonce } from '../digest/session.ts';
import type { Draft } from '../draft.ts';
import type { Env } from '../env.ts';
import { printable } from '../health/evidence.ts';
import { type Failure, failureOf } from '../health/verdict.ts';
import { NO_PROMISE } from '../keepalive/terms.ts';
import { ownText } from '../own-text.ts';
import { headerValue, listValues, optionTags } from '../sip/headers.ts';
import { bracketed, sameHost } from '../sip/ip.ts';
import type { HeaderField, SipResponse } from '../sip/message.ts';
import { parseDeltaSeconds } from '../sip/numbers.ts';
import { formatUri } from '../sip/uri.ts';
import { answeredVia } from '../sip/via.ts';
import { expiresHeader, type Grant, grantOf, reportedBindings } from './binding.ts';
import { addressSeen, boundUri, type OwnUri, ownUri, replacedContact } from './contact.ts';
import type { Effect } from './effect.ts';
import {
  type Binding,
  changedWay,
  type Learned,
  NO_GRUU,
  NOTHING_LEARNED,
  type Registration,
  type ReportedBinding,
  registrationDraft,
} from './registration.ts';
import { sendRegister } from './round-sending.ts';
import { type Exchange, finish, type Round, type RoundStep, type SentRequest } from './round-state.ts';
import { foreignContact } from './tampering.ts';
import { leftBehind } from './unanswered-contacts.ts';

/** The 2xx to a request of ours came in. */
export function accepted(registration: Registration, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { sent, response } = exchange;
  const proven = registrationDraft(registration);
  proven.credentialsWorked = registration.credentialsWorked || sent.authorized;
  if (registration.way.tlsFailed) proven.way = changedWay(registration.way, { tlsFailed: false });
  if (!isInformed(registration, response)) {
    proven.sessions = registration.sessions.map(atRest);
    return meaning(proven, round, exchange, env);
  }
  proven.sessions = afterInformation(registration.sessions, response);
  const step = meaning(proven, round, exchange, env);
  const warnings = proofWarnings(registration, round, response, env);
  return warnings.length === 0 ? step : { ...step, effects: [...warnings, ...step.effects] };
}

function meaning(registration: Draft<Registration>, round: Round, exchange: Exchange, env: Env): RoundStep {
  switch (round.goal) {
    case 'query':
      return finish(registration, round, { type: 'listed', bindings: listed(registration, exchange) });
    case 'remove':
    case 'remove-all':
      return removed(registration, round, exchange);
    case 'register':
      return granted(registration, round, exchange, env);
  }
}

function listed(registration: Registration, { response }: Exchange): readonly ReportedBinding[] {
  const { boundContact, plan } = registration;
  const configured = plan.contact.uri === null ? null : ownUri(plan.contact.uri);
  return reportedBindings(response.headers, boundUri(boundContact) ?? configured);
}

function granted(registration: Draft<Registration>, round: Round, exchange: Exchange, env: Env): RoundStep {
  const { sent, response } = exchange;
  const own = sent.contact;
  assert(own !== null, 'a REGISTER that registers has a Contact');
  const outbound = outboundAfter(registration, sent, response);
  const { instanceId, regId, boundContact, outbound: before } = registration;
  const ours = {
    uri: own.uri,
    // It stays with the binding: the same text for as long as the Contact is the same.
    text: boundContact === own.text ? boundContact : ownText(own.text),
    instanceId: sent.offersOutbound ? instanceId : null,
    regId: outbound === 'active' ? regId : null,
  };
  const grant = grantOf(response.headers, ours, sent.requested, sent.contactCount, round.learned.gruu);
  if (grant.grantedSeconds === 0) {
    const gone = { ...registration, binding: null, boundContact: null };
    return finish(gone, round, { type: 'failed', failure: contactRemoved(response, own.text) });
  }
  const binding: Binding = {
    contact: ours.text,
    requestedSeconds: sent.requested,
    grantedSeconds: grant.grantedSeconds,
    source: grant.source,
    matchedBy: grant.matchedBy,
    // The registrar counts from when it got the request: counting from when it left errs on the safe side.
    endsAt: sent.sentAt + grant.grantedSeconds * 1000,
  };
  registration.outbound = outbound;
  registration.binding = binding;
  registration.boundContact = binding.contact;
  const forgotten = sent.contactCount === 1 ? replacedContact(boundContact, own) : null;
  if (forgotten !== null && outbound === 'plain' && !round.contactAlone) {
    // Where reg-ids mean nothing our earlier Contact may still be bound: it goes in a REGISTER that names it.
    registration.boundContact = forgotten;
    return sendRegister(registration, round, sent, env);
  }
  if (round.followedOn !== sent.flow.id && hasMoved(registration, sent, own)) {
    // behaviour.md §15: the registrar sees us elsewhere. The new Contact takes the old one's place, once.
    return sendRegister(registration, { ...round, followedOn: sent.flow.id }, sent, env);
  }
  const left = takeLeftBehind(registration, grant, own);
  // RFC 5626 §6: where reg-ids count, the Contact has taken the place of all others of its flow.
  if (left !== null && outbound !== 'active' && !round.contactAlone) {
    registration.boundContact = left;
    return sendRegister(registration, round, sent, env);
  }
  const strange = registration.way.toldTampering ? null : strangeContact(registration, sent, grant);
  if (strange !== null) registration.way = changedWay(registration.way, { toldTampering: true });
  const step = finish(registration, round, {
    type: 'registered',
    binding,
    bindings: grant.bindings,
    learned: learnedFrom(response, grant),
  });
  const warnings = grantWarnings(grant, strange, isOutboundMissing(registration, before));
  const promise = promiseOf(response, sent, outbound);
  return { registration, round: step.round, effects: [...warnings, promise, ...step.effects] };
}

/** A Contact of an earlier REGISTER without an answer that is bound beside `own`; for others the next answer is read. */
function takeLeftBehind(registration: Draft<Registration>, { bindings }: Grant, own: OwnUri): string | null {
  const { way } = registration;
  if (way.unanswered.length === 0) return null;
  const [left, ...others] = leftBehind(way.unanswered, bindings, own.text);
  registration.way = changedWay(way, { unanswered: others });
  return left ?? null;
}

/** behaviour.md §15: the registrar sees us elsewhere than `own` says. */
function hasMoved({ plan, publicAddress }: Registration, { flow }: SentRequest, own: OwnUri): boolean {
  if (plan.contact.uri !== null) return false;
  const { address, port } = addressSeen(publicAddress, flow.local);
  return own.uri.port !== port || !sameHost(own.uri.host, bracketed(address));
}

/** RFC 5626 §4.2.1: only `Require: outbound` in the 2xx says that it is applied. */
function outboundAfter(
  { outbound }: Registration,
  sent: SentRequest,
  { headers }: SipResponse,
): Registration['outbound'] {
  if (!sent.offersOutbound) return outbound;
  return optionTags(headers, 'Require').includes('outbound') ? 'active' : 'plain';
}

function strangeContact(
  { publicAddress, plan }: Registration,
  { flow, contact }: SentRequest,
  { bindings, matchedBy }: Grant,
): string | null {
  const own = bindings.find((one) => one.own);
  if (plan.contact.uri !== null || own?.uri === contact?.text) return null;
  return foreignContact(own, matchedBy, flow, publicAddress);
}

function learnedFrom({ headers }: SipResponse, { gruu }: Grant): Learned {
  const serviceRoute = ownValues(headers, 'Service-Route');
  const path = ownValues(headers, 'Path');
  const associatedUris = ownValues(headers, 'P-Associated-URI');
  const values = serviceRoute.length + path.length + associatedUris.length;
  return values === 0 && gruu === NO_GRUU ? NOTHING_LEARNED : { serviceRoute, path, associatedUris, gruu };
}

const NO_VALUES: readonly string[] = [];

function ownValues(headers: readonly HeaderField[], name: string): readonly string[] {
  const values = listValues(headers, name);
  return values.length === 0 ? NO_VALUES : values.map((value) => ownText(printable(value)));
}

/** RFC 5626 §4.4, RFC 6223 §4.3: renewed with each 2xx; what it leaves out holds no longer. */
function promiseOf(response: SipResponse, sent: SentRequest, outbound: Registration['outbound']): Effect {
  const keep = answeredVia(response)?.keep ?? null;
  const flowTimer = headerValue(response.headers, 'Flow-Timer');
  const isNothing = outbound !== 'active' && flowTimer === null && keep === null;
  const promise = isNothing
    ? NO_PROMISE
    : {
        outbound: outbound === 'active',
        flowTimerSeconds: parseDeltaSeconds(flowTimer ?? ''),
        keepSeconds: parseDeltaSeconds(keep ?? ''),
      };
  return { type: 'flowPromised', flowId: sent.flow.id, promise };
}

/** `before`: where outbound stood until this answer. */
function isOutboundMissing({ plan, outbound }: Registration, before: Registration['outbound']): boolean {
  const isApplied = outbound === 'active' || outbound === 'off';
  return plan.profile.outbound === 'on' && !isApplied && before !== outbound;
}

function grantWarnings(
  { matchedBy, bindings }: Grant,
  strange: string | null,
  isWithoutOutbound: boolean,
): readonly Effect[] {
  const isAmongOthers = matchedBy === 'none' && bindings.length > 0;
  if (!isAmongOthers && strange === null && !isWithoutOutbound) return NO_WARNINGS;
  const texts = [isAmongOthers ? NONE_OF_THEM_OURS : null, strange, isWithoutOutbound ? NO_OUTBOUND : null];
  return texts.flatMap((text) => (text === null ? [] : [{ type: 'warn', text }]));
}

const NO_WARNINGS: readonly Effect[] = [];
const NONE_OF_THEM_OURS =
  'the registrar lists contacts, but none of them is ours: the shortest of their times is taken for the refresh';
const NO_OUTBOUND =
  'the registrar does not apply outbound (RFC 5626): each flow is a registration of its own, and calls may come on each';

function removed(registration: Registration, round: Round, { sent, response }: Exchange): RoundStep {
  const bindings = reportedBindings(response.headers, boundUri(registration.boundContact) ?? sent.contact);
  // RFC 3261 §10.2.1: the Expires header speaks for a Contact that has no expires of its own.
  const otherwise = expiresHeader(response.headers);
  const remaining = bindings.filter(
    (one) => (round.goal === 'remove-all' || one.own) && (one.expires ?? otherwise) !== 0,
  );
  if (remaining.length > 0) {
    return finish(registration, round, { type: 'failed', failure: stillBound(response, remaining.length) });
  }
  const gone = { ...registration, binding: null, boundContact: null };
  return finish(gone, round, { type: 'removed', bindings });
}

function stillBound(response: SipResponse, count: number): Failure {
  const cause = `the registrar answered ${response.status}, but still lists ${count === 1 ? 'the contact' : `${count} contacts`} that had to go`;
  return failureOf('register.rejected', cause, {
    status: response.status,
    reason: printable(response.reason),
    advice: 'look at "sipreg bindings"; the registrar may keep contacts that others registered',
  });
}

function contactRemoved(response: SipResponse, own: string): Failure {
  const cause = `the registrar answered ${response.status}, but with expires=0 for our contact ${own}`;
  return failureOf('register.removed', cause, {
    status: response.status,
    reason: printable(response.reason),
  });
}

/** Whether the answer has an Authentication-Info for one of the sessions; most have none. */
function isInformed({ sessions }: Registration, { headers }: SipResponse): boolean {
  for (const { terms } of sessions) if (hasAuthenticationInfo(headers, terms.kind)) return true;
  return false;
}

/** RFC 3261 §22.4: Authentication-Info may bring the nonce for the next request. */
function afterInformation(
  sessions: readonly DigestSession[],
  { headers }: SipResponse,
): readonly DigestSession[] {
  return sessions.map((session) => {
    const info = parseAuthenticationInfo(headers, session.terms.kind);
    return atRest(info?.nextnonce ? renewNonce(session, info.nextnonce) : session);
  });
}

/** RFC 7616 §3.5: who proves that he knows the secret, and does not know it, is not who he says. It is told, and no
 * more: registrars behind others that change the response get it wrong too. */
function proofWarnings(
  registration: Registration,
  round: Round,
  { headers, body }: SipResponse,
  env: Env,
): readonly Effect[] {
  const proving = registration.sessions.filter(({ terms }) => hasAuthenticationInfo(headers, terms.kind));
  if (proving.length === 0) return [];
  const uri = formatUri(round.requestUri);
  return proving.flatMap((session): readonly Effect[] => {
    const credential = selectCredential(session.terms, registration.credentials);
    const info = parseAuthenticationInfo(headers, session.terms.kind);
    assert(credential !== null, 'a session lasts as long as its credentials');
    if (checkRspauth(info, session, credential, { uri, body }, env.hash) !== 'mismatch') return [];
    const text = `the proof of the registrar (rspauth) for the realm "${printable(session.terms.realm)}" is wrong: what answered may not know the password`;
    return [{ type: 'warn', text }];
  });
}

// A small real registrar (RFC 3261 §10.3) as a pure machine: state, request, settings and env give a new state and
// the answer. It keeps bindings, nonces and, for retransmissions, its latest answers; all of that is bounded.
// Leaves out proxying, RFC 5626 outbound, RFC 3680 events, and the Date field, for it knows no wall clock.

import type { Env } from '../core/env.ts';
import { failure, type Result, success } from '../core/result.ts';
import { randomHex } from '../core/rng.ts';
import { headerValue, listValues, optionTags } from '../core/sip/headers.ts';
import { sameHost } from '../core/sip/ip.ts';
import { checkRequest, type RequestFields } from '../core/sip/mandatory.ts';
import type { HeaderField, SipRequest, SipResponse } from '../core/sip/message.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import { unescape as decodeEscapes, parseUri, type SipUri } from '../core/sip/uri.ts';
import { topVia } from '../core/sip/via.ts';
import type { Millis } from '../core/time.ts';
import { replyAddress } from '../core/uas/reply-path.ts';
import { type Answer, refusal, responseOf } from '../core/uas/response.ts';
import { authenticate, emptyNonces, type Nonces } from './authentication.ts';
import { type Binding, contactHeaders, currentBindings, updateBindings } from './bindings.ts';
import { type ExpiringTable, emptyTable, lookUp, store } from './expiring-table.ts';
import type { RegistrarSettings } from './settings.ts';

export type RegistrarState = {
  /** By the user's name. */
  readonly bindings: ExpiringTable<readonly Binding[]>;
  readonly nonces: Nonces;
  /** By a hash of what names the transaction. */
  readonly answers: ExpiringTable<SentAnswer>;
};

type SentAnswer = { readonly answer: Answer; readonly toTag: string };

export type ReceivedRequest = { readonly request: SipRequest; readonly source: SocketAddress };

export type Reply = {
  readonly response: SipResponse;
  /** Where it goes over UDP; on a stream it goes back on the connection. */
  readonly to: SocketAddress;
  /** The answer to a retransmission: nothing was decided anew. */
  readonly repeated: boolean;
};

/** A registrar to which nobody has registered. */
export function emptyRegistrar(): RegistrarState {
  return {
    // Only users of the settings have bindings, so there is room for all of them.
    bindings: emptyTable(Number.POSITIVE_INFINITY),
    nonces: emptyNonces(),
    answers: emptyTable(MAX_ANSWERS),
  };
}

/** Answers one request; `reply` is null for what gets no answer: an ACK, or a request without a Via. */
export function answerRequest(
  state: RegistrarState,
  { request, source }: ReceivedRequest,
  settings: RegistrarSettings,
  env: Env,
): { readonly state: RegistrarState; readonly reply: Reply | null } {
  const fields = checkRequest(request);
  if (!fields.ok) {
    const { status, reason, answerable } = fields.error;
    return { state, reply: answerable ? refuse({ request, source }, refusal(status, reason), env) : null };
  }
  if (request.method === 'ACK') return { state, reply: null };
  const to = replyAddress(fields.value.via, source);
  const key = transactionKey(request, env);
  const sent = lookUp(state.answers, key, env.now);
  if (sent !== undefined) {
    const response = responseOf(request, source, sent.answer, sent.toTag);
    return { state, reply: { response, to, repeated: true } };
  }
  const decided = decide(state, request, fields.value, { settings, env });
  const sending = { answer: decided.answer, toTag: freshTag(env) };
  const answers = store(state.answers, { key, value: sending, expiresAt: env.now + TIMER_J, now: env.now });
  const response = responseOf(request, source, sending.answer, sending.toTag);
  return { state: { ...decided.state, answers }, reply: { response, to, repeated: false } };
}

/** Answers a request of which only the head could be read; null when it cannot be answered. */
export function answerBroken(received: ReceivedRequest, reason: string, env: Env): Reply | null {
  const { request } = received;
  if (request.method === 'ACK' || headerValue(request.headers, 'Via') === null) return null;
  return refuse(received, refusal(400, reason), env);
}

/** What is bound to a user's address-of-record at `now`. */
export function bindingsOf(state: RegistrarState, user: string, now: Millis): readonly Binding[] {
  return currentBindings(lookUp(state.bindings, user, now) ?? [], now);
}

type Decision = { readonly state: RegistrarState; readonly answer: Answer };
type Context = { readonly settings: RegistrarSettings; readonly env: Env };

/** RFC 3261 §8.2: method, Request-URI, Require, in this order; then what the method asks for. */
function decide(
  state: RegistrarState,
  request: SipRequest,
  fields: RequestFields,
  context: Context,
): Decision {
  if (request.method !== 'REGISTER' && request.method !== 'OPTIONS') {
    return { state, answer: refusal(405, 'Method Not Allowed', [ALLOW]) };
  }
  if (!isOurDomain(request.uri, context.settings))
    return { state, answer: refusal(404, 'Domain Not Served Here') };
  const unknown = optionTags(request.headers, 'Require').filter((tag) => tag !== 'path');
  if (unknown.length > 0) return { state, answer: badExtension(unknown) };
  return request.method === 'REGISTER'
    ? register(state, request, fields, context)
    : { state, answer: { status: 200, reason: 'OK', headers: [ALLOW, SUPPORTED] } };
}

/** RFC 3261 §10.3, steps 3 to 8. */
function register(
  state: RegistrarState,
  request: SipRequest,
  fields: RequestFields,
  { settings, env }: Context,
): Decision {
  const { users, authentication } = settings;
  const checked =
    authentication === null
      ? { nonces: state.nonces, outcome: null }
      : authenticate(state.nonces, request, { users, settings: authentication }, env);
  const known = { ...state, nonces: checked.nonces };
  if (checked.outcome?.type === 'refused') return { state: known, answer: checked.outcome.answer };
  const user = userOf(fields.to.uri, settings);
  if (user === null) return { state: known, answer: refusal(404, 'No Such Address-of-Record') };
  if (checked.outcome !== null && checked.outcome.user !== user) {
    return { state: known, answer: refusal(403, 'Not Your Address-of-Record') };
  }
  const path = acceptedPath(request);
  if (!path.ok) return { state: known, answer: path.error };
  const registration = { request, callId: fields.callId, cseq: fields.cseq.number, path: path.value };
  const current = bindingsOf(state, user, env.now);
  const updated = updateBindings(current, registration, settings, env.now);
  if (!updated.ok) return { state: known, answer: updated.error };
  const headers = [
    ...contactHeaders(updated.value, env.now),
    ...path.value.map((value) => ({ name: 'Path', value })),
    ...(checked.outcome?.headers ?? []),
    SUPPORTED,
  ];
  return {
    state: { ...known, bindings: bind(state.bindings, user, updated.value, env.now) },
    answer: { status: 200, reason: 'OK', headers },
  };
}

function bind(
  table: RegistrarState['bindings'],
  user: string,
  bindings: readonly Binding[],
  now: Millis,
): RegistrarState['bindings'] {
  const expiresAt = Math.max(now, ...bindings.map((binding) => binding.expiresAt));
  return store(table, { key: user, value: bindings, expiresAt, now });
}

/** The user whose address-of-record this is; null when it is nobody's. RFC 3261 §10.3 step 5: the URI's parameters
 * are dropped and its escapes decoded. */
function userOf(aor: string, settings: RegistrarSettings): string | null {
  const uri = parseUri(aor);
  if (!uri.ok || uri.value.user === null || !isServed(uri.value, settings)) return null;
  const name = decodeEscapes(uri.value.user);
  return settings.users.has(name) ? name : null;
}

function isOurDomain(requestUri: string, settings: RegistrarSettings): boolean {
  const uri = parseUri(requestUri);
  return uri.ok && isServed(uri.value, settings);
}

function isServed({ host }: SipUri, { domains }: RegistrarSettings): boolean {
  return domains.some((domain) => sameHost(domain, host));
}

/** RFC 3327 §5.3: a Path that the user agent did not offer to understand is refused with 420. */
function acceptedPath({ headers }: SipRequest): Result<readonly string[], Answer> {
  const path = listValues(headers, 'Path');
  if (path.length === 0) return success(path);
  if (!optionTags(headers, 'Supported').includes('path')) return failure(badExtension(['path']));
  const length = path.reduce((sum, value) => sum + value.length, 0);
  return length > MAX_PATH_CHARACTERS ? failure(refusal(400, 'Path Too Long')) : success(path);
}

function badExtension(tags: readonly string[]): Answer {
  return refusal(420, 'Bad Extension', [{ name: 'Unsupported', value: tags.join(', ') }]);
}

/** An answer that changes nothing, so that it need not be kept. */
function refuse({ request, source }: ReceivedRequest, answer: Answer, env: Env): Reply {
  const via = topVia(request);
  return {
    response: responseOf(request, source, answer, freshTag(env)),
    to: via === null ? source : replyAddress(via, source),
    repeated: false,
  };
}

/** RFC 3261 §17.2.3: the branch with its sent-by and the method name a transaction. The other fields are for the
 * clients of RFC 2543, whose branches do not; a retransmission has all of them unchanged. */
function transactionKey({ uri, headers }: SipRequest, env: Env): string {
  const names = ['Via', 'From', 'To', 'Call-ID', 'CSeq'];
  return env.hash('SHA-256', JSON.stringify([uri, ...names.map((name) => headerValue(headers, name))]));
}

function freshTag(env: Env): string {
  return randomHex(env.rng, TAG_BYTES);
}

const ALLOW: HeaderField = { name: 'Allow', value: 'REGISTER, OPTIONS' };
const SUPPORTED: HeaderField = { name: 'Supported', value: 'path' };
/** RFC 3261 §17.2.2: how long retransmissions over UDP may come. */
const TIMER_J: Millis = 32_000;
const MAX_ANSWERS = 4096;
const MAX_PATH_CHARACTERS = 2048;
const TAG_BYTES = 8;

// What requests to our contacts are answered (RFC 3261 §8.2, §9.2, §11, §13.3; behaviour.md §22): a pure table. We take
// no calls and are in no dialog, so every answer is final and given at once. Left out: 483, because what is addressed
// to us is not forwarded. The checks stand in the order of §8.2.

import { headerValue, listValues } from '../sip/headers.ts';
import type { Refusal, RequestFields } from '../sip/mandatory.ts';
import type { HeaderField, SipRequest } from '../sip/message.ts';
import { formatNameAddr } from '../sip/name-addr.ts';
import { param } from '../sip/uri.ts';
import { namesUser } from './addressee.ts';
import {
  ACCEPT,
  ACCEPT_ENCODING,
  ACCEPT_LANGUAGE,
  ALLOW_EVENTS,
  allow,
  isContentTaken,
  isEventTaken,
  isKnown,
  isServed,
  isSupported,
  SUPPORTED,
} from './capabilities.ts';
import { reasonPhrase } from './reason.ts';
import { type Answer, refusal } from './response.ts';

/** A final answer from the accounts file; `contact` is where a 3xx sends the caller. */
export type ConfiguredAnswer = { readonly status: number; readonly contact: string | null };

export type AnswerContext = {
  /** Final answers of the account that is meant, by method; null: no account is meant. */
  readonly answers: ReadonlyMap<string, ConfiguredAnswer> | null;
  /** RFC 3261 §8.2.2.2: the same request came another way already. */
  readonly isMerged: boolean;
};

/** What a call gets unless the account says otherwise: its owner may well be reached elsewhere. */
const DEFAULT_CALL_ANSWER: ConfiguredAnswer = { status: 480, contact: null };

/** The final answer to `request`, which is well-formed and neither an ACK nor a CANCEL. */
export function answerTo(request: SipRequest, fields: RequestFields, context: AnswerContext): Answer {
  const { answers, isMerged } = context;
  return (
    methodRefusal(request.method, answers) ??
    dialogRefusal(request, fields, answers) ??
    (answers === null && !isPing(request) ? refusal(404, 'Not Found') : null) ??
    (isMerged ? refusal(482, 'Loop Detected') : null) ??
    extensionRefusal(request) ??
    contentRefusal(request) ??
    acceptRefusal(request) ??
    methodAnswer(request, answers ?? NONE)
  );
}

/** RFC 3261 §9.2: a CANCEL is answered for itself; what becomes of the INVITE is another matter. */
export function answerToCancel(isMatched: boolean): Answer {
  return isMatched ? OK : refusal(481, NO_TRANSACTION);
}

/** What a broken request gets; null: nothing, because it cannot be answered. */
export function answerToBroken(request: SipRequest, { status, reason, answerable }: Refusal): Answer | null {
  if (!answerable) return null;
  // RFC 3261 §8.2: the method is looked at before the Request-URI.
  return (status === 416 ? methodRefusal(request.method, null) : null) ?? refusal(status, reason);
}

/** RFC 3261 §9.2: what a cancelled INVITE gets. */
export const TERMINATED: Answer = refusal(487, reasonPhrase(487));

const NO_TRANSACTION = 'Call/Transaction Does Not Exist';
const NONE: ReadonlyMap<string, ConfiguredAnswer> = new Map();
const OK: Answer = { status: 200, reason: 'OK', headers: [] };

/** RFC 3261 §8.2.1. */
function methodRefusal(method: string, answers: AnswerContext['answers']): Answer | null {
  if (isServed(method) || configuredFor(method, answers) !== undefined) return null;
  // PRACK and requests in dialogs get a 481 later; REGISTER never belongs to a dialog.
  if (isKnown(method)) return method === 'REGISTER' ? notAllowed(answers) : null;
  return refusal(501, reasonPhrase(501), [allow(answers?.keys() ?? [])]);
}

/** RFC 3261 §12.2.2: no dialog of ours exists, so whatever claims to be in one is mistaken. A method that only lives in
 * dialogs needs no To tag to be (§15.1.2, RFC 3262 §3). */
function dialogRefusal(
  { method }: SipRequest,
  { to }: RequestFields,
  answers: AnswerContext['answers'],
): Answer | null {
  const isInDialog = param(to.params, 'tag') !== undefined;
  if (isInDialog || method === 'BYE' || method === 'PRACK') return refusal(481, NO_TRANSACTION);
  const isAnswered = isServed(method) || configuredFor(method, answers) !== undefined;
  return isAnswered ? null : notAllowed(answers);
}

function notAllowed(answers: AnswerContext['answers']): Answer {
  return refusal(405, reasonPhrase(405), [allow(answers?.keys() ?? [])]);
}

/** What servers send to keep a flow open is often addressed to nobody. */
function isPing({ method, uri }: SipRequest): boolean {
  return (method === 'OPTIONS' || method === 'NOTIFY') && !namesUser(uri);
}

/** RFC 3261 §8.2.2.3. */
function extensionRefusal({ headers }: SipRequest): Answer | null {
  const unknown = listValues(headers, 'Require').filter((tag) => !isSupported(tag));
  if (unknown.length === 0) return null;
  return refusal(420, 'Bad Extension', [{ name: 'Unsupported', value: unknown.join(', ') }]);
}

/** RFC 3261 §8.2.3. The body of a NOTIFY is never read, so that no body spoils a keep-alive. */
function contentRefusal({ method, headers, body }: SipRequest): Answer | null {
  if ((method !== 'INVITE' && method !== 'OPTIONS') || body.length === 0) return null;
  const refuse = (accepted: HeaderField): Answer => refusal(415, 'Unsupported Media Type', [accepted]);
  if (isOptional(headers)) return null;
  const encodings = listValues(headers, 'Content-Encoding');
  if (encodings.some((encoding) => encoding.toLowerCase() !== 'identity')) return refuse(ACCEPT_ENCODING);
  const type = headerValue(headers, 'Content-Type');
  return type === null || isContentTaken(withoutParams(type)) ? null : refuse(ACCEPT);
}

/** RFC 3261 §21.4.7, RFC 4475 §3.3.15: who calls must understand session descriptions. */
function acceptRefusal({ method, headers }: SipRequest): Answer | null {
  const accepted = method === 'INVITE' ? listValues(headers, 'Accept').map(withoutParams) : [];
  if (accepted.length === 0 || accepted.some(includesSessionDescriptions)) return null;
  return refusal(406, reasonPhrase(406));
}

function includesSessionDescriptions(range: string): boolean {
  return /^(\*\/\*|application\/(\*|sdp)|multipart\/.*)$/i.test(range);
}

/** RFC 3261 §20.11: a body that may be ignored. */
function isOptional(headers: readonly HeaderField[]): boolean {
  return /;[ \t]*handling[ \t]*=[ \t]*optional[ \t]*(;|$)/i.test(
    headerValue(headers, 'Content-Disposition') ?? '',
  );
}

function methodAnswer(
  { method, headers }: SipRequest,
  answers: NonNullable<AnswerContext['answers']>,
): Answer {
  const configured = configuredFor(method, answers);
  if (configured !== undefined) return configuredAnswer(method, configured, answers);
  switch (method) {
    case 'NOTIFY':
      return notifyAnswer(headers);
    case 'OPTIONS':
      return { ...OK, headers: capabilities(answers) };
    default:
      return configuredAnswer(method, DEFAULT_CALL_ANSWER, answers);
  }
}

/** RFC 4320 §4.2: nobody but INVITE is told 408, whatever the accounts file says. */
function configuredFor(method: string, answers: AnswerContext['answers']): ConfiguredAnswer | undefined {
  const configured = answers?.get(method);
  return configured?.status === 408 && method !== 'INVITE' ? undefined : configured;
}

function configuredAnswer(
  method: string,
  { status, contact }: ConfiguredAnswer,
  answers: NonNullable<AnswerContext['answers']>,
): Answer {
  return refusal(status, reasonPhrase(status), [
    ...(contact === null
      ? []
      : [{ name: 'Contact', value: formatNameAddr({ displayName: null, uri: contact, params: [] }) }]),
    ...(status === 405 ? [allow(answers.keys())] : []),
    ...(status === 200 && method === 'OPTIONS' ? capabilities(answers) : []),
    // RFC 3261 §21.4.26: it says what was not acceptable.
    ...(status === 488 || status === 606 ? [NO_MEDIA] : []),
  ]);
}

/** RFC 3261 §11.2. */
function capabilities(answers: ReadonlyMap<string, ConfiguredAnswer>): readonly HeaderField[] {
  return [allow(answers.keys()), ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, SUPPORTED, ALLOW_EVENTS];
}

/** RFC 6665 §4.1.3, §8.3.2. */
function notifyAnswer(headers: readonly HeaderField[]): Answer {
  const event = headerValue(headers, 'Event');
  if (event !== null && isEventTaken(withoutParams(event))) return OK;
  return refusal(489, 'Bad Event', [ALLOW_EVENTS]);
}

function withoutParams(value: string): string {
  return (value.split(';', 1)[0] ?? '').trim();
}

const NO_MEDIA: HeaderField = { name: 'Warning', value: '304 sipreg "No media is available here"' };

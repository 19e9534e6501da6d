// The registrar of a simulated world: the real one of src/registrar, which can also fall silent, refuse, forget
// everything, give out other times, and hide that a nonce was merely stale.

import type { DigestAlgorithm, Secret } from '../../src/core/digest/algorithm.ts';
import type { Env } from '../../src/core/env.ts';
import { type Rng, randomHex } from '../../src/core/rng.ts';
import { formatMessage } from '../../src/core/sip/format.ts';
import { headerValue, optionTags } from '../../src/core/sip/headers.ts';
import type { HeaderField, SipRequest, SipResponse } from '../../src/core/sip/message.ts';
import { parseContacts } from '../../src/core/sip/name-addr.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import type { SocketAddress } from '../../src/core/sip/transport.ts';
import { type Param, paramValue } from '../../src/core/sip/uri.ts';
import type { Millis } from '../../src/core/time.ts';
import { refusal, responseOf } from '../../src/core/uas/response.ts';
import type { Binding } from '../../src/registrar/bindings.ts';
import { answerRequest, bindingsOf, emptyRegistrar } from '../../src/registrar/registrar.ts';
import type { RegistrarSettings } from '../../src/registrar/settings.ts';
import { nodeHash } from '../../src/runtime/hash.ts';
import type { Timeline } from './timeline.ts';

export const DOMAIN = 'example.com';

/** Answers every REGISTER in the same way. */
export type Refusal = {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds: number | null;
};

/** How the registrar behaves; it changes while the world runs. */
export type Manners = {
  /** It takes requests and says nothing. */
  isSilent: boolean;
  /** Its process has ended; the host says so. */
  isDown: boolean;
  refuses: Refusal | null;
  /** Its 401 to a nonce that it has forgotten does not say stale. */
  hidesStale: boolean;
  /** 2xx with expires=0 for each Contact. */
  grantsZero: boolean;
  /** RFC 5626: it says nothing of it, or takes part, or its first hop cannot (439). */
  outbound: 'ignored' | 'applied' | 'refused';
  /** RFC 5626 §4.4: how often the flow is to be kept alive; null: it says nothing of that. */
  flowTimerSeconds: number | null;
  /** Before each answer it says 100 Trying. */
  saysTrying: boolean;
  answersAfterMs: Millis;
  minSeconds: number;
  maxSeconds: number;
  nonceLifetimeMs: Millis;
  nextNonce: boolean;
  algorithms: readonly DigestAlgorithm[];
};

export type RegistrarModel = ReturnType<typeof createRegistrarModel>;

type Options = {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly manners: Manners;
  readonly passwords: Map<string, string>;
  /** Called with each answer that was decided anew. */
  readonly answered: (request: SipRequest, response: SipResponse) => void;
};

export function createRegistrarModel({ timeline, rng, manners, passwords, answered }: Options) {
  let state = emptyRegistrar();
  const env = (): Env => ({ now: timeline.now(), rng, hash: nodeHash });
  const settings = (): RegistrarSettings => ({
    domains: [DOMAIN],
    users: new Map([...passwords].map(([user, password]): [string, Secret] => [user, password])),
    authentication: {
      realm: DOMAIN,
      algorithms: manners.algorithms,
      nonceLifetimeMs: manners.nonceLifetimeMs,
      nextNonce: manners.nextNonce,
    },
    expires: { defaultSeconds: 3600, minSeconds: manners.minSeconds, maxSeconds: manners.maxSeconds },
    // While answers are lost and the NAT changes its ports, dead bindings pile up; that limit is not what is tried here.
    maxContacts: 100,
  });
  let known = settings();
  const refuse = (request: SipRequest, source: SocketAddress, wanted: Refusal): SipResponse => {
    const { status, reason, retryAfterSeconds } = wanted;
    const headers: HeaderField[] =
      retryAfterSeconds === null ? [] : [{ name: 'Retry-After', value: String(retryAfterSeconds) }];
    return responseOf(request, source, refusal(status, reason, headers), randomHex(rng, 4));
  };
  const answer = (received: SipRequest, source: SocketAddress): SipResponse | null => {
    const flow = outboundFlow(received);
    if (flow !== null && manners.outbound === 'refused') return refuse(received, source, FIRST_HOP_LACKS);
    const isApplied = flow !== null && manners.outbound === 'applied';
    const bound = isApplied ? bindingsOf(state, userOf(received), timeline.now()) : [];
    const request = isApplied ? replacing(received, flow, bound) : received;
    const step = answerRequest(state, { request, source }, known, env());
    state = step.state;
    if (step.reply === null) return null;
    const response = coloured(step.reply.response, manners, isApplied);
    if (!step.reply.repeated) answered(received, response);
    return response;
  };
  return {
    /** Takes over what was changed in `manners` or the passwords. */
    reconfigure: (): void => {
      known = settings();
    },
    /** `refusalOfHost`: what the host says that took the request, without asking the registrar. */
    receive: (
      bytes: Uint8Array,
      source: SocketAddress,
      reply: (bytes: Uint8Array) => void,
      refusalOfHost: Refusal | null,
    ): void => {
      const parsed = parseMessage(bytes);
      if (!parsed.ok || parsed.value.kind !== 'request')
        throw new Error('the agent sent something that is no request');
      const request = parsed.value;
      const refused = refusalOfHost ?? manners.refuses;
      const response = refused === null ? answer(request, source) : refuse(request, source, refused);
      if (response === null) throw new Error('the registrar found no answer');
      if (manners.saysTrying) {
        reply(formatMessage(responseOf(request, source, refusal(100, 'Trying'), '')));
      }
      const encoded = formatMessage(response);
      if (manners.answersAfterMs === 0) reply(encoded);
      else timeline.after(manners.answersAfterMs, () => reply(encoded));
    },
    /** A restart: bindings, nonces and open transactions are gone. */
    forgetAll: (): void => {
      state = emptyRegistrar();
    },
    forgetNonces: (): void => {
      state = { ...state, nonces: emptyRegistrar().nonces };
    },
    bindings: (user: string): readonly Binding[] => bindingsOf(state, user, timeline.now()),
  };
}

/** The answer with the manners that the embedded registrar does not have. */
function coloured(
  response: SipResponse,
  { hidesStale, grantsZero, flowTimerSeconds }: Manners,
  appliesOutbound: boolean,
): SipResponse {
  const headers = response.headers.map(({ name, value }) => {
    if (hidesStale && name === 'WWW-Authenticate') return { name, value: value.replace(', stale=true', '') };
    if (grantsZero && name === 'Contact') return { name, value: value.replace(/expires=\d+/, 'expires=0') };
    return { name, value };
  });
  if (!appliesOutbound || response.status !== 200) return { ...response, headers };
  headers.push({ name: 'Require', value: 'outbound' });
  if (flowTimerSeconds !== null) headers.push({ name: 'Flow-Timer', value: String(flowTimerSeconds) });
  return { ...response, headers };
}

/** Which flow of which instance a Contact is for; null without RFC 5626. */
export function flowOf(params: readonly Param[]): string | null {
  const regId = paramValue(params, 'reg-id');
  return regId === null ? null : `${paramValue(params, '+sip.instance')} ${regId}`;
}

function outboundFlow({ headers }: SipRequest): string | null {
  const [contact] = parseContacts(headers).contacts;
  return contact === undefined || !optionTags(headers, 'Supported').includes('outbound')
    ? null
    : flowOf(contact.params);
}

/** RFC 5626 §6: the Contact takes the place of the one that its flow had before, which the embedded registrar does not
 * know; so it is asked for. */
function replacing(request: SipRequest, flow: string, bound: readonly Binding[]): SipRequest {
  const [contact] = parseContacts(request.headers).contacts;
  const replaced = bound.filter(({ uri, params }) => flowOf(params) === flow && uri !== contact?.uri);
  const removals = replaced.map(({ uri }) => ({ name: 'Contact', value: `<${uri}>;expires=0` }));
  return { ...request, headers: [...request.headers, ...removals] };
}

/** Whose address-of-record a REGISTER is about. */
export function userOf({ headers }: SipRequest): string {
  return /sip:([^@]+)@/.exec(headerValue(headers, 'To') ?? '')?.[1] ?? '';
}

const FIRST_HOP_LACKS: Refusal = {
  status: 439,
  reason: 'First Hop Lacks Outbound Support',
  retryAfterSeconds: null,
};

// A registrar machine with a clock that stands still until a test moves it, and REGISTER requests to send to it.

import type { Secret } from '../../src/core/digest/algorithm.ts';
import { parseChallenges } from '../../src/core/digest/challenge.ts';
import { authorize, type DigestSession, startSession } from '../../src/core/digest/session.ts';
import type { Env } from '../../src/core/env.ts';
import { seededRng } from '../../src/core/rng.ts';
import { headerRows } from '../../src/core/sip/headers.ts';
import { type HeaderField, NO_BODY, type SipRequest, type SipResponse } from '../../src/core/sip/message.ts';
import type { SocketAddress } from '../../src/core/sip/transport.ts';
import { type Binding, secondsLeft } from '../../src/registrar/bindings.ts';
import {
  answerRequest,
  bindingsOf,
  emptyRegistrar,
  type RegistrarState,
  type Reply,
} from '../../src/registrar/registrar.ts';
import { type RegistrarSettings, registrarSettings } from '../../src/registrar/settings.ts';
import { nodeHash } from '../../src/runtime/hash.ts';

export type RegisterFields = {
  readonly method?: string;
  readonly uri?: string;
  readonly user?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly contacts?: readonly string[];
  readonly expires?: number | string;
  readonly via?: string;
  readonly extra?: readonly HeaderField[];
};

export const SOURCE: SocketAddress = { address: '192.0.2.7', port: 5999 };

const PASSWORDS = { alice: 'wonderland', bob: 'builder' };
const USERS: ReadonlyMap<string, Secret> = new Map(
  Object.entries(PASSWORDS).map(([name, password]) => [name, password]),
);

/** The registrar of example.test for alice and bob. */
export function testSettings(chosen: Partial<RegistrarSettings> = {}): RegistrarSettings {
  return registrarSettings('example.test', USERS, chosen);
}

/** The same, where everybody is believed. */
export function openSettings(chosen: Partial<RegistrarSettings> = {}): RegistrarSettings {
  return testSettings({ authentication: null, ...chosen });
}

let branches = 0;

/** A REGISTER of alice with one Contact, CSeq 1, its own branch. */
export function register(fields: RegisterFields = {}): SipRequest {
  const { method = 'REGISTER', user = 'alice', callId = 'call-1', cseq = 1, expires, extra = [] } = fields;
  const { contacts = ['<sip:alice@192.0.2.7:5999>'], to = `<sip:${user}@example.test>` } = fields;
  branches += 1;
  const { via = `SIP/2.0/UDP 192.0.2.7:5999;rport;branch=z9hG4bK${branches}` } = fields;
  return {
    kind: 'request',
    method,
    uri: fields.uri ?? 'sip:example.test',
    version: 'SIP/2.0',
    headers: [
      { name: 'Via', value: via },
      { name: 'Max-Forwards', value: '70' },
      { name: 'From', value: `<sip:${user}@example.test>;tag=1` },
      { name: 'To', value: to },
      { name: 'Call-ID', value: callId },
      { name: 'CSeq', value: `${cseq} ${method}` },
      ...contacts.map((value) => ({ name: 'Contact', value })),
      ...(expires === undefined ? [] : [{ name: 'Expires', value: String(expires) }]),
      ...extra,
    ],
    body: NO_BODY,
  };
}

export type Driver = {
  readonly send: (request: SipRequest, source?: SocketAddress) => SipResponse;
  readonly reply: (request: SipRequest, source?: SocketAddress) => Reply | null;
  /** Time goes on by so many seconds. */
  readonly wait: (seconds: number) => void;
  readonly bindings: (user?: string) => readonly Binding[];
  /** What `bindings` shows as text: "sip:alice@192.0.2.7:5999 3600". */
  readonly bound: (user?: string) => readonly string[];
  readonly state: () => RegistrarState;
  readonly env: () => Env;
};

/** A registrar with these settings to which nobody has registered. */
export function drive(settings: RegistrarSettings): Driver {
  const rng = seededRng(1);
  let state = emptyRegistrar();
  let now = 1_000_000;
  const env = (): Env => ({ now, rng, hash: nodeHash });
  const reply = (request: SipRequest, source = SOURCE): Reply | null => {
    const step = answerRequest(state, { request, source }, settings, env());
    state = step.state;
    return step.reply;
  };
  const bindings = (user = 'alice') => bindingsOf(state, user, now);
  return {
    reply,
    send: (request, source) => {
      const answered = reply(request, source);
      if (answered === null) throw new Error('the registrar did not answer');
      return answered.response;
    },
    wait: (seconds) => {
      now += seconds * 1000;
    },
    bindings,
    bound: (user) => bindings(user).map((binding) => `${binding.uri} ${secondsLeft(binding, now)}`),
    state: () => state,
    env,
  };
}

/** The values of all rows of a response. */
export function values(response: SipResponse, name: string): readonly string[] {
  return headerRows(response.headers, name);
}

/** Begins to answer the challenge of a 401 that names `algorithm`. */
export function sessionFor(response: SipResponse, algorithm = 'SHA-256'): DigestSession {
  const challenge = parseChallenges(response.headers).usable.find((usable) => usable.algorithm === algorithm);
  if (challenge === undefined) throw new Error(`no challenge for ${algorithm}`);
  return startSession(challenge);
}

/** The request with credentials, and the session after them. */
export function authorized(
  request: SipRequest,
  session: DigestSession,
  driver: Driver,
  { username, password }: { readonly username: string; readonly password: string } = {
    username: 'alice',
    password: PASSWORDS.alice,
  },
): { readonly request: SipRequest; readonly session: DigestSession } {
  const credential = { realm: null, username, secret: password };
  const { method, uri, body } = request;
  const signed = authorize(session, credential, { method, uri, body }, driver.env());
  return { request: { ...request, headers: [...request.headers, signed.header] }, session: signed.session };
}

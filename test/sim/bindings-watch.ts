// Whether the bindings at the registrar live. Every grant is followed to its end: if nothing was wrong in between, there
// must be another by then. After trouble, each account has to be back within the time that its rules allow.

import { isUp } from '../../src/agent/member.ts';
import type { SipRequest, SipResponse } from '../../src/core/sip/message.ts';
import { parseNameAddr } from '../../src/core/sip/name-addr.ts';
import type { Millis } from '../../src/core/time.ts';
import type { AgentProcess } from './agent-process.ts';
import { flowOf, type RegistrarModel, userOf } from './registrar-model.ts';
import type { Timeline } from './timeline.ts';
import { Violation } from './violation.ts';

/** behaviour.md §5: two refreshes are 5 s apart at least, so that such a grant may lapse. */
const SHORTEST_KEPT_SECONDS = 10;

export function createBindingsWatch(
  timeline: Timeline,
  registrar: () => RegistrarModel,
  process: () => AgentProcess | null,
  /** Credentials were rejected, and nobody has told the agent that they are right again. */
  mayBeBlocked: () => boolean,
) {
  let troubles = 0;
  let troubledAt: Millis = 0;

  const isQuietSince = (instant: Millis): boolean => troubles === 0 && troubledAt < instant;
  const checkKept = (user: string, flow: string | null, grantedAt: Millis, seconds: number): void => {
    if (!isQuietSince(grantedAt) || mayBeBlocked()) return;
    const bound = registrar().bindings(user);
    if (bound.some(({ params }) => flow === null || flowOf(params) === flow)) return;
    const accounts = process()?.accounts.filter(({ name }) => name === user) ?? [];
    const state = accounts.map(({ lifecycle }) => lifecycle.state).join(', ') || 'no process';
    throw new Violation(
      'the binding lives',
      `${user} was granted ${seconds} s, and has nothing bound now (${state})`,
    );
  };

  return {
    troubleBegins: (): void => {
      troubles += 1;
      troubledAt = timeline.now();
    },
    troubleEnds: (): void => {
      troubles -= 1;
      troubledAt = timeline.now();
    },
    isQuietSince,
    /** The registrar has decided about a request. */
    answered: (request: SipRequest, response: SipResponse): void => {
      if (response.status !== 200) return;
      const user = userOf(request);
      const grantedAt = timeline.now();
      for (const { callId, expiresAt, params } of registrar().bindings(user)) {
        const seconds = (expiresAt - grantedAt) / 1000;
        const own = request.headers.some(({ name, value }) => name === 'Call-ID' && value === callId);
        if (own && seconds >= SHORTEST_KEPT_SECONDS) {
          timeline.at(expiresAt, () => checkKept(user, flowOf(params), grantedAt, seconds));
        }
      }
    },
    /** Every account has to be registered now, here and at the registrar, at one and the same Contact. */
    checkBack: (what: string): void => {
      for (const { name, id, lifecycle } of process()?.accounts ?? []) {
        const { state, registration, nextAt, failure } = lifecycle;
        const bound = registrar()
          .bindings(name)
          .map(({ uri }) => uri);
        const isThere = bound.some((uri) => sameContact(uri, registration.boundContact));
        if ((state === 'registered' || state === 'refreshing') && isThere) continue;
        const last = failure === null ? 'no failure' : `${failure.failure.code} (${failure.failure.cause})`;
        const text = `${id} after ${what}: ${state}, ${last}, next at ${nextAt}, believes ${registration.boundContact}; the registrar holds ${bound.join(', ') || 'nothing'}`;
        throw new Violation('the account comes back', text);
      }
    },
    /** RFC 5626 §4.2: each flow of an account has its own binding, by a Call-ID of its own. */
    checkFlows: (): void => {
      const accounts = process()?.accounts ?? [];
      for (const name of new Set(accounts.map((one) => one.name))) {
        const flows = accounts.filter((one) => one.name === name);
        if (flows.length === 1 || !flows.every(({ lifecycle }) => isUp(lifecycle.state))) continue;
        const bound = registrar().bindings(name);
        const own = flows.map(({ lifecycle }) =>
          bound.find(({ uri }) => sameContact(uri, lifecycle.registration.boundContact)),
        );
        const callIds = own.flatMap((binding) => binding?.callId ?? []);
        if (new Set(callIds).size === flows.length) continue;
        const text = `${name} has ${bound.map(({ uri, callId }) => `${uri} by ${callId}`).join(', ')}`;
        throw new Violation('each flow has its binding', text);
      }
    },
    /** As many bindings as flows. */
    checkNoneDead: (): void => {
      const accounts = process()?.accounts ?? [];
      for (const { name } of accounts) {
        const bound = registrar().bindings(name);
        const flows = accounts.filter((one) => one.name === name).length;
        if (bound.length === flows) continue;
        throw new Violation(
          'no dead bindings',
          `${name} has ${bound.map(({ uri }) => uri).join(', ') || 'none'}`,
        );
      }
    },
    checkRemoved: (names: readonly string[]): void => {
      for (const name of names) {
        const bound = registrar()
          .bindings(name)
          .map(({ uri }) => uri);
        if (bound.length > 0)
          throw new Violation('stop removes the binding', `${name} still has ${bound.join(', ')}`);
      }
    },
  };
}

function sameContact(uri: string, contact: string | null): boolean {
  const parsed = parseNameAddr(`<${uri}>`);
  return parsed.ok && parsed.value.uri === contact;
}

// Whether the bindings at the registrar live. Every grant is followed to its end: if nothing was wrong in between, there
// must be another by then. After trouble, each account has to be back within the time that its rules allow.

import type { SipRequest, SipResponse } from '../../src/core/sip/message.ts';
import { parseNameAddr } from '../../src/core/sip/name-addr.ts';
import type { Millis } from '../../src/core/time.ts';
import type { AgentProcess } from './agent-process.ts';
import { Violation } from './invariants.ts';
import type { RegistrarModel } from './registrar-model.ts';
import type { Timeline } from './timeline.ts';

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
  const checkKept = (user: string, grantedAt: Millis, seconds: number): void => {
    if (!isQuietSince(grantedAt) || mayBeBlocked() || registrar().bindings(user).length > 0) return;
    const account = process()?.accounts.find(({ name }) => name === user);
    const state = account?.lifecycle.state ?? 'no process';
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
      const to = request.headers.find(({ name }) => name === 'To')?.value ?? '';
      const user = /sip:([^@]+)@/.exec(to)?.[1] ?? '';
      const grantedAt = timeline.now();
      for (const { callId, expiresAt } of registrar().bindings(user)) {
        const seconds = (expiresAt - grantedAt) / 1000;
        const own = request.headers.some(({ name, value }) => name === 'Call-ID' && value === callId);
        if (own && seconds >= SHORTEST_KEPT_SECONDS) {
          timeline.at(expiresAt, () => checkKept(user, grantedAt, seconds));
        }
      }
    },
    /** Every account has to be registered now, here and at the registrar, at one and the same Contact. */
    checkBack: (what: string): void => {
      for (const { name, lifecycle } of process()?.accounts ?? []) {
        const { state, registration, nextAt, failure } = lifecycle;
        const bound = registrar()
          .bindings(name)
          .map(({ uri }) => uri);
        const isThere = bound.some((uri) => sameContact(uri, registration.boundContact));
        if ((state === 'registered' || state === 'refreshing') && isThere) continue;
        const last = failure === null ? 'no failure' : `${failure.failure.code} (${failure.failure.cause})`;
        const text = `${name} after ${what}: ${state}, ${last}, next at ${nextAt}, believes ${registration.boundContact}; the registrar holds ${bound.join(', ') || 'nothing'}`;
        throw new Violation('the account comes back', text);
      }
    },
    checkNoneDead: (): void => {
      for (const { name } of process()?.accounts ?? []) {
        const bound = registrar().bindings(name);
        if (bound.length === 1) continue;
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

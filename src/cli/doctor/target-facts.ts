// One target of an account, as `sipreg doctor` finds it: the connection, TLS, the answer to OPTIONS and to a keep-alive. What
// fails ends the facts of this target; whether that is a failure of the account depends on the other targets.

import type { PreparedAccount } from '../../agent/managed-registration.ts';
import type { MessageListener } from '../../agent/observer.ts';
import { answerInWords, printable } from '../../core/health/evidence.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import type { Plan } from '../../core/registration/plan.ts';
import { headerValue, listValues } from '../../core/sip/headers.ts';
import { isReliable, type Target } from '../../core/sip/transport.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { connectTcp, destroyQuietly } from '../../runtime/transport/connect.ts';
import type { FlowRequest } from '../../runtime/transport/flow.ts';
import { formatAddress } from '../../runtime/transport/system-error.ts';
import { type Fact, fail, ok, skipped, warn } from './fact.ts';
import {
  type AnsweredRequest,
  OPTIONS_LIMIT_MS,
  type OptionsOutcome,
  openProbe,
  type PingOutcome,
  type Probe,
} from './probe.ts';
import { failedHandshakeFacts, handshakeFacts } from './tls-facts.ts';

export type TargetFindings = {
  readonly target: Target;
  readonly facts: readonly Fact[];
  /** Nothing speaks against a REGISTER. */
  readonly isUsable: boolean;
  /** What answered OPTIONS. */
  readonly answered: AnsweredRequest | null;
};

export type TargetQuestion = {
  readonly target: Target;
  /** The name that a certificate has to be for. */
  readonly domain: string;
  readonly plan: Plan;
  readonly setup: PreparedAccount['setup'];
  /** A REGISTER follows, so silence on OPTIONS decides nothing. */
  readonly registers: boolean;
  /** The registrar promised the agent to answer keep-alives. */
  readonly isPromised: boolean;
  readonly show: MessageListener | null;
};

const CONNECT_LIMIT_MS = 5_000;

/** Goes as far as it can at one target, within 25 s at most. */
export async function examineTarget(question: TargetQuestion): Promise<TargetFindings> {
  const { target } = question;
  const request = flowRequest(question);
  const connected = await connectionFacts(request);
  const isConnected = !connected.some(({ mark }) => mark === 'fail');
  if (!isConnected) return { target, facts: aimed(connected, target), isUsable: false, answered: null };
  const probe = await openProbe(request, question.setup.tls, question.show);
  try {
    const opening = openingFacts(probe, question);
    const talk = probe.opened.ok ? await talkFacts(probe, question) : NO_TALK;
    const facts = aimed([...connected, ...opening, ...talk.facts], target);
    return { target, facts, isUsable: probe.opened.ok && talk.isUsable, answered: talk.answered };
  } finally {
    probe.close();
  }
}

type Talk = Omit<TargetFindings, 'target'>;

const NO_TALK: Talk = { facts: [], isUsable: false, answered: null };

/** A port of the system's choice: the account's own may be in use, by its agent. */
function flowRequest({ target, domain, plan }: TargetQuestion): FlowRequest {
  const { local } = plan.profile;
  return {
    target,
    regId: null,
    local: local === null ? null : { ...local, port: 0 },
    preferredPort: null,
    domain,
    connectTimeoutMs: CONNECT_LIMIT_MS,
  };
}

/** TCP alone, where something else is built on it: so that each has its own time and its own verdict. */
async function connectionFacts(request: FlowRequest): Promise<readonly Fact[]> {
  const { transport } = request.target;
  if (transport === 'udp' || transport === 'tcp') return [];
  const askedAt = monotonicNow();
  const connected = await connectTcp(request);
  if (!connected.ok) return [fail('tcp.connect', connected.error)];
  const { localAddress = '', localPort = 0 } = connected.value;
  destroyQuietly(connected.value);
  const from = formatAddress({ address: localAddress, port: localPort });
  return [ok('tcp.connect', `connected from ${from}`, { seconds: (monotonicNow() - askedAt) / 1000 })];
}

function openingFacts({ opened, handshake, seconds }: Probe, question: TargetQuestion): readonly Fact[] {
  const { transport } = question.target;
  if (!opened.ok) return failureFacts(opened.error, { handshake, ...question });
  const { local } = opened.value;
  const secured =
    handshake === null ? [] : handshakeFacts(handshake, question.domain, question.setup.tls, seconds);
  const from = `from ${formatAddress(local)}`;
  switch (transport) {
    case 'udp':
      // Whether a datagram arrives is known when it is answered.
      return [];
    case 'tcp':
      return [ok('tcp.connect', `connected ${from}`, { seconds })];
    case 'tls':
      return secured;
    case 'ws':
    case 'wss':
      return [...secured, ok('ws.open', `open ${from}, speaks SIP`, { seconds })];
  }
}

/** The failure as a fact of the step that it belongs to. */
function failureFacts(
  failure: Failure,
  { handshake, target }: { readonly handshake: Probe['handshake']; readonly target: Target },
): readonly Fact[] {
  if (failure.stage === 'tls') return failedHandshakeFacts(failure, handshake);
  if (failure.stage === 'register') return [fail('options.answer', failure)];
  if (failure.code.startsWith('connect.websocket-')) return [fail('ws.open', failure)];
  return [fail(isReliable(target.transport) ? 'tcp.connect' : 'udp.send', failure)];
}

async function talkFacts(probe: Probe, question: TargetQuestion): Promise<Talk> {
  const keepalive = question.setup.keepalive.method !== 'off';
  const [options, pinged] = await Promise.all([
    probe.askOptions(question.plan),
    keepalive ? probe.ping() : null,
  ]);
  if (options.type === 'closed') {
    // What the handshake showed stands there already.
    return { ...NO_TALK, facts: failureFacts(options.failure, { handshake: null, ...question }) };
  }
  const sent =
    question.target.transport === 'udp' && probe.opened.ok
      ? [ok('udp.send', `sent from ${formatAddress(probe.opened.value.local)}`)]
      : [];
  const pingFacts = [pinged === null ? NOT_KEPT_OPEN : pingFact(pinged, question)];
  if (options.type === 'silent') {
    const silence = silenceFact(question, options.noise);
    return { facts: [...sent, silence, ...pingFacts], isUsable: silence.mark !== 'fail', answered: null };
  }
  return {
    facts: [...sent, ...optionsFacts(options), ...pingFacts],
    isUsable: true,
    answered: options.answered,
  };
}

const NOT_KEPT_OPEN = skipped('keepalive.answer', '"keepalive" is off for the account');

/** Without a REGISTER to come it is all that there is to say; with one, that one decides. */
function silenceFact({ registers, target }: TargetQuestion, noise: string | null): Fact {
  const late = `to OPTIONS within ${OPTIONS_LIMIT_MS / 1000} s`;
  const text = noise === null ? `no answer ${late}` : `no SIP answer ${late}; what came was ${noise}`;
  const failure = failureOf(
    noise === null ? 'register.timeout' : 'register.not-sip',
    `${formatAddress(target)}: ${text}`,
  );
  if (!registers) return fail('options.answer', failure);
  if (noise !== null) return warn('options.answer', text, failure.advice);
  return warn('options.answer', text, 'many servers answer nothing but REGISTER, so this alone says little');
}

/** Any final answer shows that SIP is spoken there (RFC 3261 §11.2). */
export function optionsFacts({
  answered: { response },
  seconds,
}: Extract<OptionsOutcome, { type: 'answered' }>): readonly Fact[] {
  const { headers } = response;
  const allow = listValues(headers, 'Allow').map(printable);
  const server = headerValue(headers, 'Server') ?? headerValue(headers, 'User-Agent');
  const facts = [ok('options.answer', answerInWords(response), { seconds })];
  if (allow.length > 0) facts.push(ok('options.allow', printable(allow.join(', '))));
  if (server !== null) facts.push(ok('options.server', printable(server)));
  return facts;
}

function pingFact(pinged: PingOutcome, { target, isPromised }: TargetQuestion): Fact {
  const what = isReliable(target.transport) ? 'CRLF ping' : 'STUN';
  if (pinged.type === 'answered') {
    const { seconds, mapped } = pinged;
    const seen = mapped === null ? '' : `, it sees us as ${formatAddress(mapped)}`;
    return ok('keepalive.answer', `${what} answered${seen}`, { seconds });
  }
  if (isPromised) {
    const text = `${what} is not answered, although the registrar promised it (Require: outbound)`;
    return warn('keepalive.answer', text, 'the agent will take the connection for dead: ask the provider');
  }
  const why = isReliable(target.transport)
    ? 'silence is not taken for a loss'
    : 'CRLF datagrams are sent, which need no answer';
  return ok('keepalive.answer', `${what} is not answered, nor promised: ${why}`);
}

function aimed(facts: readonly Fact[], { transport, host, address, port }: Target): readonly Fact[] {
  return facts.map((fact) => ({ ...fact, target: { transport, host, address, port } }));
}

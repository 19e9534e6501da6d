// `sipreg register --dry-run`: the REGISTER that would be sent and the targets it would go to, in order, for each flow of
// an account. Names are looked up; nothing is sent to a SIP server, and no CSeq is used up.

import {
  currentPlan,
  type ManagedRegistration,
  type PreparedAccount,
} from '../../agent/managed-registration.ts';
import { rememberAccount } from '../../agent/one-shot.ts';
import { redactMessageText } from '../../core/digest/redaction.ts';
import { exitOf, type Failure } from '../../core/health/verdict.ts';
import type { Input } from '../../core/registration/input.ts';
import type { FlowRef } from '../../core/registration/registration.ts';
import { startRound, stepRound } from '../../core/registration/round.ts';
import type { RoundStep } from '../../core/registration/round-state.ts';
import type { Decision, LocatedTarget } from '../../core/resolve/server.ts';
import { addressText } from '../../core/sip/ip.ts';
import type { Target } from '../../core/sip/transport.ts';
import { formatUri } from '../../core/sip/uri.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { createLocator, type Locator } from '../../runtime/dns/locator.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { nodeHash } from '../../runtime/hash.ts';
import { localAddressTowards } from '../../runtime/transport/udp-probe.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

/** One flow of an account (RFC 5626); most accounts have only one. */
type FlowRun = {
  readonly regId: number;
  readonly proxy: string | null;
} & (
  | { readonly located: readonly LocatedTarget[]; readonly request: string }
  | { readonly failure: Failure }
);

type DryRun = { readonly account: string; readonly flows: readonly FlowRun[] };

/** Shows the dry run of every account; the exit code is that of the first of which no flow could even begin. */
export async function showDryRun(prepared: readonly PreparedAccount[], output: Output): Promise<number> {
  const locator = createLocator({ rng: systemRng, now: monotonicNow });
  const runs = await Promise.all(prepared.map((account) => dryRun(account, locator)));
  locator.stop();
  if (output.settings.json) output.document({ schema: 'sipreg.dry-run/1', accounts: runs.map(jsonOf) });
  for (const run of runs) showRun(run, output);
  output.note('nothing was sent; the local port is chosen when the flow opens');
  const failed = runs.map(failureOf).find((failure) => failure !== null);
  return failed === undefined ? EXIT.done : exitOf(failed.code);
}

function showRun({ account, flows }: DryRun, output: Output): void {
  for (const flow of flows) {
    const which = flows.length === 1 ? '' : `, flow ${flow.regId} by ${flow.proxy}`;
    if ('failure' in flow) {
      output.error(`${account}${which}: ${flow.failure.cause}\n    advice  ${flow.failure.advice}`);
    } else {
      output.result(flowText(`${output.theme.strong(account)}${which}`, flow));
    }
  }
}

/** Why the account cannot begin; null: one of its flows can. */
function failureOf({ flows }: DryRun): Failure | null {
  const failures = flows.flatMap((flow) => ('failure' in flow ? flow.failure : []));
  return failures.length < flows.length ? null : (failures[0] ?? null);
}

async function dryRun(prepared: PreparedAccount, locator: Locator): Promise<DryRun> {
  const flows = rememberAccount(prepared).map((flow) => flowRun(flow, locator));
  return { account: prepared.plan.account, flows: await Promise.all(flows) };
}

async function flowRun(account: ManagedRegistration, locator: Locator): Promise<FlowRun> {
  const { setup, regId } = account;
  const [first] = currentPlan(account).profile.proxies;
  const which = { regId, proxy: first === undefined ? null : formatUri(first) };
  const started = startRound(account.lifecycle.registration, 'register', environment());
  const [effect] = started.effects;
  if (effect?.type !== 'resolve') throw new Error('a round begins with a lookup');
  const location = await locator.locate(effect.hop, setup.dnsServers);
  if (!location.ok) return { ...which, failure: location.failure };
  const { located, deferredUntil, stale, tlsWithdrawn } = location;
  const targets = located.map((one) => one.target);
  const [target] = targets;
  if (target === undefined) throw new Error('a lookup that succeeds has targets');
  const flow = await assumedFlow(account, target);
  const answer: Input = { type: 'targetsResolved', targets, deferredUntil, stale, tlsWithdrawn };
  return { ...which, located, request: requestText(started, answer, flow, account) };
}

/** Goes on with the round as if the flow were open, up to the bytes that it would send. */
function requestText(started: RoundStep, answer: Input, flow: FlowRef, account: ManagedRegistration): string {
  const { callId, cseq } = account.lifecycle.registration.identity;
  const reserved: Input = {
    type: 'cseqReserved',
    callId: callId === '' ? 'chosen-with-the-first-REGISTER' : callId,
    firstCseq: cseq + 1,
    lastCseq: cseq + 1,
  };
  let step = started;
  let opened = answer;
  for (const input of [answer, 'flow', reserved, 'flow'] as const) {
    const sent = step.effects.find((effect) => effect.type === 'send');
    if (sent !== undefined) break;
    const opening = step.effects.find((effect) => effect.type === 'openFlow');
    if (opening !== undefined) {
      const { target } = opening;
      opened = { type: 'flowOpened', target, flow: { ...flow, transport: target.transport } };
    }
    step = stepRound(step.registration, step.round, input === 'flow' ? opened : input, environment());
  }
  const sent = step.effects.find((effect) => effect.type === 'send');
  if (sent === undefined) throw new Error('a round with an open flow sends');
  return redactMessageText(new TextDecoder().decode(sent.bytes));
}

async function assumedFlow(account: ManagedRegistration, target: Target): Promise<FlowRef> {
  const { address, port, transport } = target;
  const { local } = currentPlan(account).profile;
  return {
    id: 0,
    transport,
    local: {
      address: await localAddress(local?.address ?? null, target),
      port: local?.port || account.preferredPort || EXAMPLE_PORT,
    },
    remote: { address, port },
    tls: null,
  };
}

async function localAddress(configured: string | null, { address, port }: Target): Promise<string> {
  if (configured !== null && configured !== '0.0.0.0' && configured !== '::') return configured;
  const towards = await localAddressTowards({ address, port });
  return towards.ok ? towards.value : (configured ?? '0.0.0.0');
}

/** Stands for the port that the system will choose. */
const EXAMPLE_PORT = 5060;

function environment() {
  return { now: monotonicNow(), rng: systemRng, hash: nodeHash };
}

/** The first flow that can begin speaks for the account; several flows are listed too. */
function jsonOf(run: DryRun): object {
  const { account } = run;
  const flows = run.flows.map(flowJson);
  const all = flows.length > 1 ? { flows } : {};
  const failure = failureOf(run);
  if (failure !== null) return { account, failure, ...all };
  const able = flows.find((flow) => 'request' in flow);
  return { account, targets: able?.targets, request: able?.request, ...all };
}

/** Each target with the records that led to it; what is null had no part in it. */
function flowJson(flow: FlowRun) {
  if ('failure' in flow) return flow;
  const { regId, proxy, located, request } = flow;
  const targets = located.map(({ target, decision }) => ({ ...target, decidedBy: decision }));
  return { regId, proxy, targets, request };
}

function flowText(heading: string, { located, request }: Extract<FlowRun, { request: string }>): string {
  const targets = located.map(({ target, decision }, index) => {
    const { transport, address, host } = target;
    const name = host === address ? '' : ` (${host})`;
    return `  ${index + 1}. ${transport} ${addressText(target)}${name}${decisionText(decision)}`;
  });
  return [heading, ...targets, '', request.trimEnd().replaceAll('\r\n', '\n'), ''].join('\n');
}

/** What DNS said that made this a target; '' when DNS was not asked. */
function decisionText({ naptr, srv, address }: Decision): string {
  const words = [
    naptr === null ? [] : [`NAPTR ${naptr.order} ${naptr.preference} ${naptr.service}`],
    srv === null ? [] : [`SRV ${srv.priority} ${srv.weight} ${srv.name}`],
    address === null ? [] : [address],
  ].flat();
  return words.length === 0 ? '' : `  by ${words.join(', ')}`;
}

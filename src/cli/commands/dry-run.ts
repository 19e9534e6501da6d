// `sipreg register --dry-run`: the REGISTER that would be sent and the targets it would go to, in order. Names are
// looked up; nothing is sent to a SIP server, and no CSeq is used up.

import type { PreparedAccount } from '../../agent/account-setup.ts';
import type { ManagedRegistration } from '../../agent/managed-registration.ts';
import { rememberAccount } from '../../agent/one-shot.ts';
import { redactMessageText } from '../../core/digest/redaction.ts';
import { exitOf, type Failure } from '../../core/health/verdict.ts';
import type { Input } from '../../core/registration/input.ts';
import type { FlowRef } from '../../core/registration/registration.ts';
import { startRound, stepRound } from '../../core/registration/round.ts';
import type { RoundStep } from '../../core/registration/round-state.ts';
import type { Decision, LocatedTarget } from '../../core/resolve/server.ts';
import { bracketed } from '../../core/sip/ip.ts';
import type { Target } from '../../core/sip/transport.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { createLocator, type Locator } from '../../runtime/dns/locator.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { nodeHash } from '../../runtime/hash.ts';
import { localAddressTowards } from '../../runtime/transport/udp-probe.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

type DryRun =
  | { readonly account: string; readonly located: readonly LocatedTarget[]; readonly request: string }
  | { readonly account: string; readonly failure: Failure };

/** Shows the dry run of every account; the exit code is that of the first that could not even begin. */
export async function showDryRun(prepared: readonly PreparedAccount[], output: Output): Promise<number> {
  const locator = createLocator({ rng: systemRng, now: monotonicNow });
  const runs = await Promise.all(prepared.map((account) => dryRun(account, locator)));
  locator.stop();
  if (output.settings.json) output.document({ schema: 'sipreg.dry-run/1', accounts: runs.map(jsonOf) });
  for (const run of runs) {
    if ('failure' in run)
      output.error(`${run.account}: ${run.failure.cause}\n    advice  ${run.failure.advice}`);
    else output.result(dryRunText(run, output));
  }
  output.note('nothing was sent; the local port is chosen when the flow opens');
  const failed = runs.find((run) => 'failure' in run);
  return failed !== undefined && 'failure' in failed ? exitOf(failed.failure.code) : EXIT.done;
}

async function dryRun(prepared: PreparedAccount, locator: Locator): Promise<DryRun> {
  const [account] = rememberAccount(prepared);
  const name = prepared.setup.plan.account;
  const started = startRound(account.lifecycle.registration, 'register', environment());
  const [effect] = started.effects;
  if (effect?.type !== 'resolve') throw new Error('a round begins with a lookup');
  const location = await locator.locate(effect.hop, prepared.setup.dnsServers);
  if (!location.ok) return { account: name, failure: location.failure };
  const { located, deferred, stale } = location;
  const targets = located.map((one) => one.target);
  const [target] = targets;
  if (target === undefined) throw new Error('a lookup that succeeds has targets');
  const flow = await assumedFlow(account, target);
  const answer: Input = { type: 'targetsResolved', targets, deferred, stale };
  return { account: name, located, request: requestText(started, answer, flow, account) };
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

async function assumedFlow({ setup, preferredPort }: ManagedRegistration, target: Target): Promise<FlowRef> {
  const { address, port, transport } = target;
  const { local } = setup.plan;
  return {
    id: 0,
    transport,
    local: {
      address: await localAddress(local?.address ?? null, target),
      port: local?.port || preferredPort || EXAMPLE_PORT,
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

/** Each target with the records that led to it; what is null had no part in it. */
function jsonOf(run: DryRun): object {
  if ('failure' in run) return run;
  const targets = run.located.map(({ target, decision }) => ({ ...target, decidedBy: decision }));
  return { account: run.account, targets, request: run.request };
}

function dryRunText(run: Extract<DryRun, { request: string }>, { theme }: Output): string {
  const targets = run.located.map(({ target, decision }, index) => {
    const { transport, address, port, host } = target;
    const name = host === address ? '' : ` (${host})`;
    return `  ${index + 1}. ${transport} ${bracketed(address)}:${port}${name}${decisionText(decision)}`;
  });
  const request = run.request.trimEnd().replaceAll('\r\n', '\n');
  return [theme.strong(run.account), ...targets, '', request, ''].join('\n');
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

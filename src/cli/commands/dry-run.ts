// `sipreg register --dry-run`: the REGISTER that would be sent and the targets it would go to, in order. Names are
// looked up; nothing is sent to a SIP server, and no CSeq is used up.

import type { PreparedAccount } from '../../agent/account-setup.ts';
import { resolveHop } from '../../agent/lookups.ts';
import type { ManagedAccount } from '../../agent/managed-account.ts';
import { rememberAccount } from '../../agent/one-shot.ts';
import { redactMessageText } from '../../core/digest/redaction.ts';
import { exitOf, type Failure } from '../../core/health/verdict.ts';
import type { Input } from '../../core/registration/input.ts';
import type { FlowRef } from '../../core/registration/registration.ts';
import { startRound, stepRound } from '../../core/registration/round.ts';
import type { RoundStep } from '../../core/registration/round-state.ts';
import { bracketed } from '../../core/sip/ip.ts';
import type { Target } from '../../core/sip/transport.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { nodeHash } from '../../runtime/hash.ts';
import { localAddressTowards } from '../../runtime/transport/udp-probe.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

type DryRun =
  | { readonly account: string; readonly targets: readonly Target[]; readonly request: string }
  | { readonly account: string; readonly failure: Failure };

/** Shows the dry run of every account; the exit code is that of the first that could not even begin. */
export async function showDryRun(prepared: readonly PreparedAccount[], output: Output): Promise<number> {
  const runs = await Promise.all(prepared.map(dryRun));
  if (output.settings.json) output.document({ schema: 'sipreg.dry-run/1', accounts: runs });
  for (const run of runs) {
    if ('failure' in run)
      output.error(`${run.account}: ${run.failure.cause}\n    advice  ${run.failure.advice}`);
    else output.result(dryRunText(run, output));
  }
  output.note('nothing was sent; the local port is chosen when the flow opens');
  const failed = runs.find((run) => 'failure' in run);
  return failed !== undefined && 'failure' in failed ? exitOf(failed.failure.code) : EXIT.done;
}

async function dryRun(prepared: PreparedAccount): Promise<DryRun> {
  const account = rememberAccount(prepared);
  const name = prepared.setup.plan.account;
  const started = startRound(account.lifecycle.registration, 'register', environment());
  const [effect] = started.effects;
  if (effect?.type !== 'resolve') throw new Error('a round begins with a lookup');
  const answer = await resolveHop(effect.hop, prepared.setup.dnsServers);
  if (answer.type !== 'targetsResolved') {
    if (answer.type !== 'resolutionFailed') throw new Error('a lookup has two outcomes');
    return { account: name, failure: answer.failure };
  }
  const [target] = answer.targets;
  if (target === undefined) throw new Error('a lookup that succeeds has targets');
  const flow = await assumedFlow(account, target);
  return { account: name, targets: answer.targets, request: requestText(started, answer, flow, account) };
}

/** Goes on with the round as if the flow were open, up to the bytes that it would send. */
function requestText(started: RoundStep, answer: Input, flow: FlowRef, account: ManagedAccount): string {
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

async function assumedFlow({ setup, preferredPort }: ManagedAccount, target: Target): Promise<FlowRef> {
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

function dryRunText(run: Extract<DryRun, { request: string }>, { theme }: Output): string {
  const targets = run.targets.map(
    ({ transport, address, port, host }, index) =>
      `  ${index + 1}. ${transport} ${bracketed(address)}:${port}${host === address ? '' : ` (${host})`}`,
  );
  const request = run.request.trimEnd().replaceAll('\r\n', '\n');
  return [theme.strong(run.account), ...targets, '', request, ''].join('\n');
}

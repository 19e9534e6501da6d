// `sipreg check`: the plugin for Nagios, Icinga, Checkmk and their kin (interface.md, "check"). Whatever happens, it ends in
// time with one of four states, and says why on stdout: nobody reads a plugin's stderr.

import { resolve } from 'node:path';
import { type Answer, askAgent, type ControlFailure } from '../../agent/control/client.ts';
import { Interrupted } from '../../agent/one-shot.ts';
import { troublesOf } from '../../agent/troubles.ts';
import { printable } from '../../core/health/evidence.ts';
import { messageOf } from '../../core/thrown.ts';
import { isStream, writeAtomically } from '../../runtime/atomic-file.ts';
import { agentError, agentSocket } from '../agent-in-use.ts';
import { type CheckFormat, type CheckOptions, readCheckOptions } from '../check/check-options.ts';
import { isAtRest, type Judgement, judgeAccount, judgementOf } from '../check/judgement.ts';
import { CheckRefused, PLUGIN_CODE, type PluginState, worstOf } from '../check/plugin-state.ts';
import {
  askRegistrars,
  type Demand,
  demandOf,
  judgeAnswer,
  type RegistrarAnswer,
} from '../check/registrar-check.ts';
import { type CheckResult, checkText } from '../check/result-formats.ts';
import { CommandError } from '../exit.ts';
import type { Output } from '../output.ts';
import { noteOtherFile } from '../status-answer.ts';

/** The wait for SIP, and that for the agent, end so long before the whole check does. */
const REPORTING_MS = { registrar: 1_000, agent: 250 };

/** Runs the check and returns its exit code; it never throws. `given`: the options as text. */
export async function check(
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<number> {
  const wanted = [...new Set(names)];
  const { json } = output.settings;
  try {
    const options = readCheckOptions(given, json);
    const result = await inTime(judge(wanted, options, output), options.timeoutMs).then(
      (findings) => resultOf(wanted, findings),
      (error: unknown) => refusedResult(wanted, error),
    );
    await deliver(checkText(result, options.format), options.outfile);
    // Numbers do not say why there is no result; and whoever collects a file does not look into it, but cron sends mail.
    const isSaid = options.format !== 'prometheus' && options.outfile === null;
    if (result.problem !== null && !isSaid) output.warning(result.problem);
    return PLUGIN_CODE[result.state];
  } catch (error) {
    // Wrong arguments, or a file that cannot be written.
    const result = refusedResult(wanted, error);
    process.stdout.write(checkText(result, json || given.format === 'json' ? 'json' : 'nagios'));
    return PLUGIN_CODE[result.state];
  }
}

/** What is said of a command line that cannot be understood at all. */
export function refusalText(problem: string, format: CheckFormat): string {
  return checkText(refusedResult([], new CheckRefused('UNKNOWN', problem)), format);
}

type Findings = Pick<CheckResult, 'judgements' | 'troubles'>;

async function judge(names: readonly string[], options: CheckOptions, output: Output): Promise<Findings> {
  if (options.ask !== 'registrar') return await judgeRunning(names, options, output);
  const answers = await askRegistrars(names, waitMs(options, 'registrar'), output);
  const judgements = answers.map((answer) =>
    judgeAnswer(answer, demandOf(answer, options), options.thresholds, Date.now()),
  );
  return { judgements, troubles: [] };
}

async function judgeRunning(
  names: readonly string[],
  options: CheckOptions,
  output: Output,
): Promise<Findings> {
  const { items, result } = await askRunning(names, options, output);
  noteOtherFile(result.agent, output);
  // Without names those that somebody wants registered; a named one is told of in any case.
  const accounts = names.length === 0 ? items.filter(({ state }) => state !== 'disabled') : items;
  if (accounts.length === 0) throw new CheckRefused('UNKNOWN', 'the running agent has no enabled account');
  const judged = accounts.map((account) => judgeAccount(account, options.thresholds, Date.now()));
  const troubles = troublesOf(result.agent).map(printable);
  const asked = options.ask === 'agent' ? [] : accounts.filter((account) => !isAtRest(account));
  if (asked.length === 0) return { judgements: judged, troubles };
  const settings = { ...output.settings, config: output.settings.config ?? result.agent.config };
  const answers = await askRegistrars(
    asked.map(({ account }) => account),
    waitMs(options, 'registrar'),
    { ...output, settings },
  );
  const answerOf = new Map(answers.map((answer) => [answer.snapshot.account, answer]));
  const judgements = accounts.map((account, at) => {
    const own = judged[at] ?? judgeAccount(account, options.thresholds, Date.now());
    const answer = answerOf.get(account.account);
    return answer === undefined ? own : verified(own, account, answer, options);
  });
  return { judgements, troubles };
}

/** What the agent says, and whether the registrar says so too. */
function verified(
  own: Judgement,
  account: Answer<'status'>['items'][number],
  answer: RegistrarAnswer,
  options: CheckOptions,
): Judgement {
  const known = account.bindings.filter((binding) => binding.own).map(({ uri }) => uri);
  const asked = demandOf(answer, options);
  const demand: Demand = (bindings) => {
    // The registrar has listed our contact before: it would again.
    const isThere = bindings.some((binding) => binding.own || known.includes(binding.uri));
    if (own.registered && known.length > 0 && !isThere) return 'the registrar does not have our contact';
    return known.length > 0 ? null : asked(bindings);
  };
  const theirs = judgeAnswer(answer, demand, options.thresholds, Date.now());
  const main = { state: own.state, text: own.text };
  const told = { state: theirs.state, text: `the registrar: ${theirs.text}` };
  const aspects = [
    { findings: [told], metrics: own.metrics },
    { findings: [], metrics: theirs.metrics.filter(({ name }) => name === 'bindings') },
  ];
  return judgementOf(account, own.registered && theirs.registered, main, aspects);
}

async function askRunning(
  names: readonly string[],
  options: CheckOptions,
  output: Output,
): Promise<Answer<'status'>> {
  const path = agentSocket(output);
  // Sooner than the whole check ends: to be told that it hangs is worth more than that there is no result.
  const answer = await askAgent(
    path,
    { command: 'status', accounts: names },
    { timeoutMs: waitMs(options, 'agent') },
  );
  if (answer.ok) return answer.value;
  throw new CheckRefused(stateOfSilence(answer.error), agentError(path, answer.error).message);
}

/** interface.md, "check": a dead agent is critical; one that does not answer, or refuses, leaves it unknown. */
function stateOfSilence({ type }: ControlFailure): PluginState {
  return type === 'not-running' ? 'CRITICAL' : 'UNKNOWN';
}

/** Of the time that is left since the process began. */
function waitMs({ timeoutMs }: CheckOptions, asked: keyof typeof REPORTING_MS): number {
  const end = Math.max(timeoutMs - REPORTING_MS[asked], timeoutMs / 2);
  return Math.max(100, end - ageMs());
}

/** Of this process. */
function ageMs(): number {
  return process.uptime() * 1000;
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const words = `there is no result after ${timeoutMs / 1000} s`;
    const leftMs = Math.max(0, timeoutMs - ageMs());
    timer = setTimeout(() => reject(new CheckRefused('UNKNOWN', words)), leftMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function resultOf(names: readonly string[], { judgements, troubles }: Findings): CheckResult {
  const ofAgent = troubles.length === 0 ? 'OK' : 'WARNING';
  return {
    state: worstOf([ofAgent, ...judgements.map(({ state }) => state)]),
    problem: null,
    judgements,
    troubles,
    isAboutOne: names.length === 1,
    at: new Date().toISOString(),
  };
}

function refusedResult(names: readonly string[], error: unknown): CheckResult {
  const { state, problem } = refusalOf(error);
  const judgements = names.map((account) => {
    return { account, state, text: problem, metrics: [], registered: false, failure: null };
  });
  const at = new Date().toISOString();
  return { state, problem, judgements, troubles: [], isAboutOne: names.length === 1, at };
}

function refusalOf(error: unknown): { readonly state: PluginState; readonly problem: string } {
  if (error instanceof CheckRefused) return { state: error.state, problem: error.message };
  if (error instanceof CommandError) return { state: 'UNKNOWN', problem: error.message };
  if (error instanceof Interrupted) return { state: 'UNKNOWN', problem: 'it was interrupted' };
  const words = messageOf(error);
  if (error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return { state: 'UNKNOWN', problem: `a bug in sipreg, please report it: ${words}` };
}

async function deliver(text: string, outfile: string | null): Promise<void> {
  if (outfile === null) {
    process.stdout.write(text);
    return;
  }
  const path = resolve(outfile);
  try {
    if (isStream(path)) throw new Error('it is no regular file');
    await writeAtomically(path, text, 0o644);
  } catch (error) {
    const words = messageOf(error);
    throw new CheckRefused('UNKNOWN', `${path} cannot be written: ${words}`);
  }
}

// `sipreg doctor ACCOUNT…`: why an account is not registered, or what is wrong although it is. The facts come one by one; with
// several accounts a few are examined at a time and told in their order. It exits 1 when a step failed (interface.md).

import type { LoadedAccounts } from '../../accounts/load.ts';
import { planOf } from '../../accounts/plan.ts';
import { Interrupted } from '../../agent/one-shot.ts';
import { formatUri } from '../../core/sip/uri.ts';
import { createGate } from '../../runtime/dns/gate.ts';
import { entryOf, loadInUse } from '../accounts-in-use.ts';
import { createCaution } from '../doctor/caution.ts';
import { examine } from '../doctor/examination.ts';
import { type Fact, hasFailed } from '../doctor/fact.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import {
  accountHead,
  doctorDocument,
  type ExaminedAccount,
  factLines,
  skippedLines,
  summaryLine,
  totalLine,
} from '../render/doctor-lines.ts';
import { messageObserver } from '../render/message-text.ts';
import { catchSignals } from '../signals.ts';
import { startSpinner } from '../spinner.ts';
import { layoutOf } from '../status-answer.ts';
import { PRODUCT } from '../version.ts';

export type DoctorOptions = {
  /** Every enabled account of the file. */
  readonly all: boolean;
  /** false: OPTIONS is all that is sent. */
  readonly registers: boolean;
};

/** So many accounts are examined at a time: the registrar must not take us for an attack. */
const AT_A_TIME = 4;

/** In the line of the spinner. */
const MAX_NAMES_SHOWN = 3;

/** Runs the command and returns its exit code. */
export async function doctor(
  names: readonly string[],
  { all, registers }: DoctorOptions,
  output: Output,
): Promise<number> {
  const warnings: string[] = [];
  const loaded = await loadInUse({ ...output, warning: (text) => warnings.push(text) });
  const wanted = wantedAccounts(names, all, loaded);
  const accounts = wanted.map((name) => identify(name, loaded));
  const signals = catchSignals();
  const { message: show } = messageObserver(output);
  const { json, verbosity } = output.settings;
  const spinner = startSpinner(`examining ${namesText(wanted)}`, !json && verbosity === 0);
  const beside = { ...output, result: (text: string) => spinner.aside(() => output.result(text)) };
  const gate = createGate(AT_A_TIME);
  const caution = createCaution();
  const examined = accounts.map((account) => {
    const chart = openChart();
    const { tell } = chart;
    const interrupt = signals.end;
    const options = { loaded, warnings, registers, caution, interrupt, output, show, tell };
    return { account, chart, done: gate.pass(() => examine(account.account, options)).finally(chart.close) };
  });
  try {
    const printed = printAccounts(examined, beside);
    const work = Promise.all([printed, ...examined.map(({ done }) => done)]);
    await Promise.race([work, interruption(signals.end)]);
    const results = examined.map(({ account, chart }) => ({ ...account, facts: chart.facts }));
    if (json) output.document(doctorDocument(results));
    if (results.length > 1) beside.result(totalLine(results, output.theme));
    return results.some(({ facts }) => hasFailed(facts)) ? EXIT.attention : EXIT.done;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    output.error('interrupted before all was examined');
    return signals.exitCode();
  } finally {
    spinner.stop();
    signals.release();
  }
}

function wantedAccounts(names: readonly string[], all: boolean, loaded: LoadedAccounts): readonly string[] {
  if (all && names.length > 0) throw new CommandError(EXIT.usage, 'name accounts, or --all, not both');
  if (!all && names.length === 0) throw new CommandError(EXIT.usage, 'name an account, or take --all');
  const enabled = [...loaded.accounts].filter(([, entry]) => entry.enabled !== false).map(([name]) => name);
  if (all && enabled.length === 0)
    throw new CommandError(EXIT.noInput, `${loaded.path} has no enabled account`);
  return all ? enabled : [...new Set(names)];
}

function namesText(names: readonly string[]): string {
  return names.length > MAX_NAMES_SHOWN ? `${names.length} accounts` : names.join(', ');
}

/** Ends the command when the account is unknown. */
function identify(name: string, loaded: LoadedAccounts): Patient {
  const { aor, profile } = planOf(name, entryOf(loaded, name), PRODUCT);
  return { account: name, aor, registrar: formatUri(profile.registrar) };
}

function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Interrupted()), { once: true });
  });
}

/** The facts of one account as they come, for whoever reads them later or at once. */
type Chart = {
  readonly facts: readonly Fact[];
  readonly tell: (fact: Fact) => void;
  readonly close: () => void;
  /** Each fact once, until the last. */
  readonly read: () => AsyncGenerator<Fact>;
};

function openChart(): Chart {
  const facts: Fact[] = [];
  let isClosed = false;
  let wake = (): void => {};
  return {
    facts,
    tell: (fact) => {
      facts.push(fact);
      wake();
    },
    close: () => {
      isClosed = true;
      wake();
    },
    async *read() {
      for (let next = 0; ; ) {
        const fact = facts[next];
        if (fact !== undefined) {
          next += 1;
          yield fact;
        } else if (isClosed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

type Patient = Omit<ExaminedAccount, 'facts'>;

/** One account after the other, each fact as it comes. */
async function printAccounts(
  examined: readonly { readonly account: Patient; readonly chart: Chart }[],
  output: Output,
): Promise<void> {
  for (const { account, chart } of examined) await printAccount(account, chart, output);
}

async function printAccount(account: Patient, chart: Chart, output: Output): Promise<void> {
  const { theme } = output;
  const layout = layoutOf(process.stdout);
  let omitted: Fact[] = [];
  const printOmitted = (): void => {
    if (omitted.length > 0) output.result(skippedLines(omitted, theme, layout));
    omitted = [];
  };
  output.result(accountHead(account, theme));
  for await (const fact of chart.read()) {
    if (fact.mark === 'skipped') omitted.push(fact);
    else {
      printOmitted();
      output.result(factLines(fact, theme, layout));
    }
  }
  printOmitted();
  output.result(`${summaryLine(account.account, chart.facts, theme)}\n`);
}

// The facts of `sipreg doctor` for people, one a line, and as JSON. A failure has its cause and what to do under it; what was
// skipped for one reason stands in one line. Foreign text was made printable where it was read; control characters end here.

import { printableUpTo } from '../../core/health/evidence.ts';
import type { FailureSnapshot } from '../../core/health/snapshot.ts';
import type { Failure } from '../../core/health/verdict.ts';
import { roundTripText } from '../../core/health/words.ts';
import type { Theme } from '../colors.ts';
import { FACTS, type Fact, type FactCode, hasFailed, type Mark } from '../doctor/fact.ts';
import { type Layout, targetText, wrapped } from './status-table.ts';

export type ExaminedAccount = {
  readonly account: string;
  readonly aor: string;
  readonly registrar: string;
  readonly facts: readonly Fact[];
};

const LABELS = { ok: 'ok', warn: 'WARN', fail: 'FAIL', skipped: 'skip' } as const satisfies Record<
  Mark,
  string
>;
const LABEL_WIDTH = 5;
const CODE_WIDTH = Math.max(...Object.keys(FACTS).map((code) => code.length)) + 2;
const INDENT = 1 + LABEL_WIDTH + CODE_WIDTH;
const MAX_TEXT = 1_000;

export function accountHead(
  { account, aor, registrar }: Omit<ExaminedAccount, 'facts'>,
  theme: Theme,
): string {
  return `${theme.strong(account)}  ${aor}  at ${registrar}`;
}

/** A fact that is not skipped: its line, and under it what is wrong and what to do. */
export function factLines(fact: Fact, theme: Theme, layout: Layout): string {
  const { code, mark, failure, advice } = fact;
  const verdict = failure === null ? [] : [failure.code];
  const text = [placeText(fact), ...verdict, fact.text].filter((part) => part !== '').join('  ');
  const time = fact.seconds === null ? '' : `, ${roundTripText(fact.seconds)}`;
  const rows = [
    ...line(mark, code, `${text}${time}`, theme, layout),
    ...(failure === null
      ? []
      : [...under('cause', failure.cause, layout), ...under('advice', failure.advice, layout)]),
    ...(advice === null ? [] : under('advice', advice, layout)),
  ];
  return rows.join('\n');
}

/** Skipped facts that follow each other: those of the same reason in one line. */
export function skippedLines(facts: readonly Fact[], theme: Theme, layout: Layout): string {
  const reasons = new Map<string, FactCode[]>();
  for (const { text, code } of facts) reasons.set(text, [...(reasons.get(text) ?? []), code]);
  return [...reasons]
    .flatMap(([why, [first = 'options.answer', ...others]]) => {
      const verb = others.length === 1 ? 'does' : 'do';
      const more = others.length === 0 ? '' : ` (so ${verb} ${others.join(', ')})`;
      return line('skipped', first, `${why}${more}`, theme, layout);
    })
    .join('\n');
}

/** "✗ office  1 failed (tls.name), 2 warnings, 14 ok, 6 skipped". */
export function summaryLine(account: string, facts: readonly Fact[], theme: Theme): string {
  const count = (mark: Mark): number => facts.filter((fact) => fact.mark === mark).length;
  const warnings = count('warn') === 1 ? '1 warning' : `${count('warn')} warnings`;
  const sign = count('fail') > 0 ? theme.bad('✗') : count('warn') > 0 ? theme.caution('!') : theme.good('✓');
  const failing = [...new Set(facts.filter(({ mark }) => mark === 'fail').map(({ code }) => code))];
  const failed = failing.length === 0 ? 'nothing failed' : `${count('fail')} failed (${failing.join(', ')})`;
  return `${sign} ${theme.strong(account)}  ${failed}, ${warnings}, ${count('ok')} ok, ${count('skipped')} skipped`;
}

/** Of several accounts: which of them have something that failed. */
export function totalLine(accounts: readonly ExaminedAccount[], theme: Theme): string {
  const failing = accounts.filter(({ facts }) => hasFailed(facts)).map(({ account }) => account);
  const total = `${accounts.length} accounts`;
  if (failing.length === 0) return `${theme.good('✓')} nothing failed in ${total}`;
  return `${theme.bad('✗')} something failed in ${failing.length} of ${total}: ${failing.join(', ')}`;
}

/** The document of --json, "sipreg.doctor/1". */
export function doctorDocument(accounts: readonly ExaminedAccount[]): object {
  return {
    schema: 'sipreg.doctor/1',
    accounts: accounts.map(({ facts, ...account }) => ({
      ...account,
      ok: !hasFailed(facts),
      facts: facts.map(factJson),
    })),
  };
}

function factJson({ code, mark, target, text, seconds, failure, advice }: Fact): object {
  const exact = seconds === null ? null : Math.round(seconds * 1_000_000) / 1_000_000;
  const verdict = failure === null ? null : failureJson(failure);
  return { code, mark, target, text, seconds: exact, failure: verdict, advice };
}

/** As in interface.md, "One account as JSON". */
function failureJson({ retryAfterSeconds, ...failure }: Failure): Omit<FailureSnapshot, 'at'> {
  return { ...failure, retryAfter: retryAfterSeconds };
}

function placeText({ target }: Fact): string {
  return target === null ? '' : targetText(target);
}

function line(
  mark: Mark,
  code: FactCode,
  text: string,
  theme: Theme,
  { columns }: Layout,
): readonly string[] {
  const label = LABELS[mark];
  const color = { ok: theme.good, warn: theme.caution, fail: theme.bad, skipped: theme.faint }[mark];
  const head = ` ${color(label)}${' '.repeat(LABEL_WIDTH - label.length)}${code.padEnd(CODE_WIDTH)}`;
  const clean = printableUpTo(MAX_TEXT, text);
  return wrapped(clean, columns === null ? null : columns - INDENT).map(
    (part, at) => `${at === 0 ? head : ' '.repeat(INDENT)}${mark === 'skipped' ? theme.faint(part) : part}`,
  );
}

function under(label: string, text: string, { columns }: Layout): readonly string[] {
  const indent = INDENT + UNDER_WIDTH;
  const clean = printableUpTo(MAX_TEXT, text);
  return wrapped(clean, columns === null ? null : columns - indent).map((part, at) =>
    at === 0 ? `${' '.repeat(INDENT)}${label.padEnd(UNDER_WIDTH)}${part}` : `${' '.repeat(indent)}${part}`,
  );
}

const UNDER_WIDTH = 8;

// What the agent knows of its accounts, as a table that is read at 80 columns: one row for each, and under a row why the
// account is not well. Nothing is cut but on a terminal that is too narrow.

import type { AgentSnapshot } from '../../agent/operations.ts';
import { printable } from '../../core/health/evidence.ts';
import type { AccountSnapshot, AccountState, TargetSnapshot } from '../../core/health/snapshot.ts';
import { durationText, roundTripText } from '../../core/health/words.ts';
import { addressText } from '../../core/sip/ip.ts';
import { timeText } from '../../runtime/local-time.ts';
import type { Theme } from '../colors.ts';

export type Layout = {
  /** Of the terminal; null: a file or a pipe, where lines may be of any length. */
  readonly columns: number | null;
  readonly now: Date;
};

/** The table with a line about the agent. */
export function statusTable(
  agent: AgentSnapshot,
  accounts: readonly AccountSnapshot[],
  theme: Theme,
  layout: Layout,
): string {
  return [...tableLines(accounts, theme, layout), ...agentLines(agent, theme, layout)].join('\n');
}

const HEADINGS = ['ACCOUNT', 'STATE', 'SINCE', 'EXPIRES', 'NEXT', 'RTT', 'TARGET'] as const;
const GAP = 2;
const INDENT = 4;
/** What a column keeps when it has to give way. */
const LEAST_ACCOUNT = 12;
const LEAST_TARGET = 16;

function tableLines(accounts: readonly AccountSnapshot[], theme: Theme, layout: Layout): string[] {
  if (accounts.length === 0) return ['the agent has no accounts'];
  const rows = accounts.map((account) => cellsOf(account, layout.now));
  const natural = HEADINGS.map((heading, at) =>
    Math.max(heading.length, ...rows.map((cells) => cells[at]?.length ?? 0)),
  );
  const widths = fitted(natural, layout.columns);
  const head = theme.faint(rowText(HEADINGS, widths, []));
  return [
    head,
    ...accounts.flatMap((account, at) => [
      rowText(rows[at] ?? [], widths, [theme.strong, stateColor(account.state, theme)]),
      ...failureNote(account, theme, layout),
    ]),
  ];
}

function cellsOf(account: AccountSnapshot, now: Date): readonly string[] {
  const { expires, nextAttempt, rtt, target } = account;
  return [
    account.account,
    account.state,
    shortDuration((now.getTime() - Date.parse(account.since)) / 1000),
    expires === null ? NOTHING : untilText(expires.at, now, 'ended'),
    nextAttempt === null ? NOTHING : untilText(nextAttempt, now, 'now'),
    rtt === null ? NOTHING : roundTripText(rtt),
    target === null ? NOTHING : targetText(target),
  ];
}

const NOTHING = '-';

/** "tls 192.0.2.7:5061". */
export function targetText(target: TargetSnapshot): string {
  return `${target.transport} ${addressText(target)}`;
}

function untilText(at: string, now: Date, past: string): string {
  const seconds = (Date.parse(at) - now.getTime()) / 1000;
  return seconds <= 0 ? past : shortDuration(seconds);
}

/** 45s, 5m12s, 1h30m, 2d3h: at most seven characters for what is younger than a hundred days. */
export function shortDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  const [days, hours, minutes] = [whole / 86_400, (whole % 86_400) / 3600, (whole % 3600) / 60].map(
    Math.floor,
  );
  if (days) return hours ? `${days}d${hours}h` : `${days}d`;
  if (hours) return minutes ? `${hours}h${minutes}m` : `${hours}h`;
  const rest = whole % 60;
  return rest === 0 ? `${minutes}m` : `${minutes}m${rest}s`;
}

/** The colour of a state: what needs somebody, what heals by itself, what rests. */
export function stateColor(state: AccountState, theme: Theme): (text: string) => string {
  switch (state) {
    case 'registered':
    case 'refreshing':
      return theme.good;
    case 'blocked':
      return theme.bad;
    case 'waiting':
    case 'registering':
    case 'unregistered':
    case 'unregistering':
      return theme.caution;
    case 'disabled':
    case 'paused':
    case 'standby':
      return theme.faint;
  }
}

function rowText(
  cells: readonly string[],
  widths: readonly number[],
  colors: readonly ((text: string) => string)[],
): string {
  const last = cells.length - 1;
  return cells
    .map((cell, at) => {
      const width = widths[at] ?? 0;
      const cut = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
      // Colours have no width: padding goes outside of them.
      return (colors[at]?.(cut) ?? cut) + (at === last ? '' : ' '.repeat(width - cut.length + GAP));
    })
    .join('');
}

function fitted(natural: readonly number[], columns: number | null): readonly number[] {
  if (columns === null) return natural;
  const widths = [...natural];
  const total = natural.reduce((sum, width) => sum + width, 0) + GAP * (natural.length - 1);
  let excess = total - columns;
  const giveWay: readonly (readonly [number, number])[] = [
    [0, LEAST_ACCOUNT],
    [HEADINGS.length - 1, LEAST_TARGET],
  ];
  for (const [at, least] of giveWay) {
    const width = widths[at] ?? 0;
    const given = Math.max(0, Math.min(excess, width - least));
    widths[at] = width - given;
    excess -= given;
  }
  return widths;
}

function failureNote({ failure }: AccountSnapshot, theme: Theme, { columns }: Layout): string[] {
  if (failure === null) return [];
  const text = `${failure.code}: ${printable(failure.cause)}`;
  return wrapped(text, columns === null ? null : columns - INDENT).map((line, at) => {
    const mark = at === 0 ? `${theme.bad('✗')} ` : '  ';
    return `${' '.repeat(INDENT - 2)}${mark}${line}`;
  });
}

/** `text` in lines of at most `width` characters, broken between words where there are any. */
export function wrapped(text: string, width: number | null): readonly string[] {
  if (width === null || text.length <= width) return [text];
  const room = Math.max(20, width);
  const lines: string[] = [];
  let rest = text;
  while (rest.length > room) {
    const space = rest.lastIndexOf(' ', room);
    const end = space > room / 2 ? space : room;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return rest === '' ? lines : [...lines, rest];
}

/** "3 of 4 registered; agent 1234 for 2 d, /etc/sipreg/accounts.json", and what is wrong with the agent itself. */
export function agentLines(agent: AgentSnapshot, theme: Theme, { columns, now }: Layout): readonly string[] {
  const up = durationText((now.getTime() - Date.parse(agent.startedAt)) / 1000);
  const state = agent.state === 'running' ? '' : `${agent.state}, `;
  const summary = `${agent.registered} of ${agent.enabled} registered; agent ${agent.pid}, ${state}up ${up}, ${agent.config}`;
  const { lastReload, problems } = agent;
  const reload =
    lastReload === null || lastReload.ok
      ? []
      : [`the reload at ${timeText(lastReload.at, now)} changed nothing: ${printable(lastReload.text)}`];
  return [
    ...wrapped(summary, columns).map((line) => theme.faint(line)),
    ...[...reload, ...problems].flatMap((text) => wrapped(`! ${text}`, columns)).map(theme.caution),
  ];
}

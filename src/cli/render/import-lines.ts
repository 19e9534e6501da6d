// What `account import` says of each account, and of what became none.

import type { ForeignAccount, LeftOut } from '../../accounts/import/reading.ts';
import { printable } from '../../core/health/evidence.ts';
import type { Theme } from '../colors.ts';

type Row = Pick<ForeignAccount, 'name' | 'path' | 'line' | 'notes'> & {
  readonly aor: string;
  readonly registrar: string;
  readonly transport: string;
  readonly enabled: boolean;
};

/** A line for each in columns, its notes below. `mark` begins it. */
export function accountLines(rows: readonly Row[], mark: string, theme: Theme): readonly string[] {
  const [names, aors] = [widthOf(rows.map(({ name }) => name)), widthOf(rows.map(({ aor }) => aor))];
  return rows.flatMap((row) => {
    const name = theme.strong(row.name.padEnd(names));
    const transport = row.transport === 'auto' ? '' : ` over ${row.transport}`;
    const state = row.enabled ? '' : theme.faint('  disabled');
    const from = theme.faint(`from ${placeOf(row)}`);
    return [
      `${theme.good(mark)} ${name}  ${row.aor.padEnd(aors)}  at ${row.registrar}${transport}, ${from}${state}`,
      ...row.notes.map((note) => `    ${theme.faint(printable(note))}`),
    ];
  });
}

export function unchangedLine(account: Pick<ForeignAccount, 'name' | 'path' | 'line'>, theme: Theme): string {
  return `${theme.faint('=')} ${theme.strong(account.name)}  unchanged, from ${placeOf(account)}`;
}

export function leftOutLine(one: LeftOut, theme: Theme): string {
  return `${theme.caution('✗')} ${placeOf(one)}: ${printable(one.what)} is left out: ${printable(one.why)}`;
}

function placeOf({ path, line }: Pick<LeftOut, 'path' | 'line'>): string {
  return printable(`${path}:${line}`);
}

/** One of hundreds with a long name does not move the others. */
function widthOf(texts: readonly string[]): number {
  return texts.reduce((width, { length }) => Math.max(width, Math.min(length, 32)), 0);
}
